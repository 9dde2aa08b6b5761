"""VMRestorePointClientError.VCRedist: Restore Point creation failed due to failure in installation of Visual C ..."""
