"""RestoreStorageAccountUnsupported: the storage account specified for the restore operation isn't supported."""
