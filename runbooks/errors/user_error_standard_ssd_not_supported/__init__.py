"""Standard SSD was not supported once."""
