"""VMRestorePointClientError.ComPlusMemoryQuota: Restore Point creation failed due to insufficient memory avail ..."""
