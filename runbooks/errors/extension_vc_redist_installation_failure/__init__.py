"""ExtensionVCRedistInstallationFailure: the Visual C++ runtime is not installed."""
