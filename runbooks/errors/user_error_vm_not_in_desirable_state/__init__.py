"""VM is not in a state that allows backups."""
