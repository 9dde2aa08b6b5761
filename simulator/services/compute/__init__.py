"""Virtual machines, extensions, run commands, restore point collections and restore points."""
