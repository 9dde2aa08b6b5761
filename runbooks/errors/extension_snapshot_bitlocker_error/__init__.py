"""ExtensionSnapshotBitlockerError: a drive is locked by BitLocker."""
