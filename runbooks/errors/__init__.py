"""The errors, one folder each, named after the id in snake case: ``entry.json``, and ``chain.py`` where it is built."""
