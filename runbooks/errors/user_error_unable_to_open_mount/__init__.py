"""UserErrorUnableToOpenMount: Backups failed because the backup extensions on the VM were unable to open the m ..."""
