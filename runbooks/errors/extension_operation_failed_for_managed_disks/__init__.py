"""The backup extension fails to take the snapshot of a VM with managed disks."""
