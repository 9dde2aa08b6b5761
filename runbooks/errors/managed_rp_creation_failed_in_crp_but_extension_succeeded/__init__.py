"""ManagedRPCreationFailedInCrpButExtensionSucceeded: Backup operation failed for managed disk VM."""
