"""ExtensionFailedVssWriterInBadState: Snapshot operation failed because VSS writers were in a bad state."""
