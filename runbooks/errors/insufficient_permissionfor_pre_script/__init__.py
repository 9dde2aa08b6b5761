"""InsufficientPermissionforPre-Script: Root must own the pre-script with mode 700."""
