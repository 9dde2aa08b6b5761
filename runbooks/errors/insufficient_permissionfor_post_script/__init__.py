"""InsufficientPermissionforPost-Script: Root must own the post-script with mode 700."""
