"""The catalogue of errors, and a chain for each. One folder per error: what it claims, and the code beside it."""
