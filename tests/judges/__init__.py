"""Outside judges of the simulator: Microsoft's OpenAPI documents and the Azure CLI."""
