"""VMRestorePointClientError.VssWriters: Restore Point creation failed due to VSS Writers in bad state."""
