"""UserErrorFsFreezeTimeout: Freezing a file system took more time."""
