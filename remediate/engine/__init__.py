"""The engine: plans, runs steps, sends changes, follows them, verifies, repays."""
