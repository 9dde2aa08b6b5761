"""UserErrorBcmDatasourceNotPresent: the VM is not, or not actively, protected."""
