"""The managed identity endpoints and the tokens they issue."""
