"""RestoreNotAuthorized: the Backup service doesn't have authorization to access resources."""
