"""Resource Manager itself: subscriptions, tenants, providers, resource groups and lists of resources."""
