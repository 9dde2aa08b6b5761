"""Azure Monitor and Resource Health: metrics, activity log, availability."""
