"""Backup failed to cancel the job."""
