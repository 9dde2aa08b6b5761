"""RestoreStorageAccountNotOnline: the storage account specified for the restore operation isn't online."""
