"""UserErrorKeyVaultPermissionsNotConfigured: the backup service may not read the keys of encrypted disks."""
