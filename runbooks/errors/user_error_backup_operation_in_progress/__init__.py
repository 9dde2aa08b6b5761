"""Another backup operation is currently in progress."""
