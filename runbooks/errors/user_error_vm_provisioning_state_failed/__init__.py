"""The VM is in failed provisioning state."""
