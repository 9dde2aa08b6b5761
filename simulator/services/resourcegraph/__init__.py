"""Resource Graph: a small, honest subset of its query language."""
