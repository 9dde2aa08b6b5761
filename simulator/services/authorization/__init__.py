"""Management locks, permissions, roles and policies."""
