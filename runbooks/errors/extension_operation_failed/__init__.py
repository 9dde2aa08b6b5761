"""ExtensionOperationFailed: VMSnapshot extension operation failed (unmanaged disks / missing manifest file)."""
