"""Azure Monitor's alerts: action groups, and alert processing rules."""
