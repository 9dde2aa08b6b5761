"""UserErrorRpCollectionLimitReached: the restore point collections of a VM are full."""
