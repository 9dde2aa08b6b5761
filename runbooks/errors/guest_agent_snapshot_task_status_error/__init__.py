"""The VM agent cannot be asked for the status of the snapshot."""
