"""RestoreReservedIpMismatch: the cloud service's reserved IP doesn't match the VM being restored."""
