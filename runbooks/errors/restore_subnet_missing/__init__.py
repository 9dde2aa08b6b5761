"""RestoreSubnetMissing: the selected subnet doesn't exist."""
