"""ExtensionFailedTimeoutVMNetworkUnresponsive: Snapshot operation failed due to inadequate VM resources."""
