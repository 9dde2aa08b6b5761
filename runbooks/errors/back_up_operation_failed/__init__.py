"""The backup failed with an internal error."""
