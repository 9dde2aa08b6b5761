"""Telling people how it ended: Teams, Slack, a custom log in Azure Monitor. Each is off until it is configured."""
