"""VMRestorePointClientError.Msdtc: Restore Point creation failed with the error 'COM+ was unable to talk to th ..."""
