"""RestoreResourceGroupQuota: the resource group quota has been reached."""
