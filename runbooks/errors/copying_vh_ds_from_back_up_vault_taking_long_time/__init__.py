"""Copying backed up data from vault timed out."""
