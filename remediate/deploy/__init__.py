"""Deploying into Azure: the bundle for Azure Automation, and what an account needs around it."""
