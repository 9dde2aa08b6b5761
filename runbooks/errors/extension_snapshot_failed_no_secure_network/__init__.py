"""ExtensionSnapshotFailedNoSecureNetwork: no secure network channel."""
