"""ResourceNotFound: the VM no longer exists where its vault looks for it."""
