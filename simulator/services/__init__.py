"""One folder per Azure service: ``routes`` (path templates), ``handlers`` (wire only), ``state`` (rules)."""
