"""Backup can't cancel the job because it isn't in progress."""
