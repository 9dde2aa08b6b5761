"""The snapshot failed because the VM has no network."""
