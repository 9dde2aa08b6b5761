"""ExtensionInstallationFailure: Backup extension installation failed."""
