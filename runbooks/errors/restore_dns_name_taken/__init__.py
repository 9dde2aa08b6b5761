"""RestoreDnsNameTaken: the selected DNS name is already taken."""
