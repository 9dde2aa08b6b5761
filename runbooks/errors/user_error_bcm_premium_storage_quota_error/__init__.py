"""The storage account of premium disks has no room for a copy of them."""
