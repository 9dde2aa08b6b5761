"""VMBackupLinuxExtensionConfFileWrongEncodingFormat: Linux VM Backup Extension configuration file changed / wr ..."""
