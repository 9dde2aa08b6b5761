"""RestoreCloudInternalError: restore failed with a cloud internal error."""
