"""ExtensionFailedVssServiceInBadState: Snapshot operation failed due to VSS (Volume Shadow Copy) service in ba ..."""
