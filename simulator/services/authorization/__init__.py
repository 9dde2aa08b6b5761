"""Management locks and permissions."""
