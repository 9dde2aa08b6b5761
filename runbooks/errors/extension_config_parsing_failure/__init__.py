"""ExtensionConfigParsingFailure: Failure in parsing the config for the backup extension."""
