"""The catalogue of errors, and a chain for each: ``runbooks/errors/``, one folder per error."""
