"""Verbs: idempotent actions that look at facts and yield the changes still needed, or say why none is."""
