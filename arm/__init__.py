"""Access to Azure: session, transport, ids, operations and facts. Nothing here changes anything by itself."""
