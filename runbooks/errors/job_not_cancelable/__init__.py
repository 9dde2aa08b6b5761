"""The job isn't in a cancelable state."""
