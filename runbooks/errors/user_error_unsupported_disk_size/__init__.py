"""A disk is larger than Azure Backup supports."""
