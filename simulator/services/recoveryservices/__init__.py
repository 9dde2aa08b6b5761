"""Recovery Services: vaults, and the backup service for Azure VMs as an actor on the virtual clock."""
