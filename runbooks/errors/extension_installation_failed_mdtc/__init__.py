"""ExtensionInstallationFailedMDTC: COM+ cannot talk to the transaction coordinator."""
