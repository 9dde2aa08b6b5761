"""The jobs of an Azure Automation account: what the runbook scripts of ``azure-automation/`` call."""
