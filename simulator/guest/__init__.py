"""What is inside simulated VMs: guests that scripts sent by run commands work on."""
