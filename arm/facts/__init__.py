"""Facts: what was read from Azure, as frozen data. Reading a fact never changes anything."""
