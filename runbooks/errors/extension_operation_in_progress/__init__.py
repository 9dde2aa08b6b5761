"""Another operation is currently in progress on this item."""
