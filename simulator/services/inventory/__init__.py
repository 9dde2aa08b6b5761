"""Resources that a backup depends on: disks, networks, storage accounts, key vaults, SQL machines."""
