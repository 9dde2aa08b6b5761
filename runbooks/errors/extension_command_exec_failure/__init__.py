"""ExtensionCommandExecFailure: Extension command execution failure."""
