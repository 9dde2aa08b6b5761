"""ExtensionInstallationFailedCOM: Extension installation/operation failed due to a COM+ error."""
