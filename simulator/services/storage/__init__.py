"""Storage accounts as they are made and deleted, and their tables; what is in a table is not served here."""
