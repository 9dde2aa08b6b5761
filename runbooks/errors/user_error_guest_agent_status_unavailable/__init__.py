"""The VM agent does not answer the backup service."""
