"""ExtensionInstallProviderCOMMemoryQuotaReached: Extension could not be installed (COM memory quota)."""
