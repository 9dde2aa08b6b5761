"""Cancellation isn't supported for this job type."""
