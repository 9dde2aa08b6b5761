"""ExtensionSnapshotFailedCOM: Snapshot operation failed due to COM+ error."""
