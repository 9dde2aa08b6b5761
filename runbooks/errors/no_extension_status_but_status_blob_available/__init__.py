"""NoExtensionStatusButStatusBlobAvailable: Linux backup extension execution was stuck or crashed, or system ca ..."""
