"""The journal: what a run intends, has sent and has seen, durable before anything happens."""
