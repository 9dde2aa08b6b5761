"""Post-ScriptTimeout: The execution of the application-consistent backup post-script timed out."""
