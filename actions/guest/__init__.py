"""What is done inside a VM: one script per action, with a manifest that says what it touches."""
