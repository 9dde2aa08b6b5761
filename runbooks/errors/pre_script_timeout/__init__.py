"""Pre-ScriptTimeout: The execution of the application-consistent backup pre-script timed-out."""
