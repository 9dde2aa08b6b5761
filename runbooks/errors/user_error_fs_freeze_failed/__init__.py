"""UserErrorFsFreezeFailed: a mount point cannot be frozen."""
