"""VMRestorePointClientError.ComPlus: Restore Point creation failed due to COM+ error."""
