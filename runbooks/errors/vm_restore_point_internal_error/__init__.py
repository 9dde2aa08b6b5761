"""VMRestorePointInternalError: Restore Point creation failed due to an internal execution error while creating ..."""
