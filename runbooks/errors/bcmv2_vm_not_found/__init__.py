"""BCMV2VMNotFound: an Azure VM was not found where its vault looks for it."""
