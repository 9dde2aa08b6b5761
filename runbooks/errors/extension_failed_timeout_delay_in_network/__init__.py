"""ExtensionFailedTimeoutDelayInNetwork: Snapshot operation failed due to delay in network calls made to take d ..."""
