"""The VM has no VM agent."""
