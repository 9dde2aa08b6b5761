"""The backup extension could not be installed: the VM does not run, or has no agent."""
