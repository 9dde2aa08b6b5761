"""The backup extension cannot be operated: the VM agent is out of date."""
