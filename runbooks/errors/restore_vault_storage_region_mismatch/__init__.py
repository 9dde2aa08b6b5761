"""RestoreVaultStorageRegionMismatch: vault and target storage account are in two different regions."""
