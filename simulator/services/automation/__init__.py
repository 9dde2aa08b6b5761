"""Azure Automation: accounts with runtime environments, runbooks, variables, schedules and webhooks."""
