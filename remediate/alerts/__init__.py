"""Alerts: from what a webhook delivers to a repair. A payload is a hint; everything is read again from Azure."""
