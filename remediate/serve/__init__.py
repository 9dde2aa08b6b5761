"""The self-hosted door: alerts over HTTP, a queue in the journal, and the workers that repair."""
