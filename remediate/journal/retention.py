"""How long the journal keeps what is over."""

from __future__ import annotations

from datetime import datetime, timedelta

from .model import Journal, Mark

KEEP = timedelta(days=365)
"""Runs that are over stay so long, where nothing else is configured (``journal.keep_days``)."""
EVERY = timedelta(days=1)
"""So often at the most the journal is gone through: that reads all of it."""
PRUNED = "pruned"


def prune_at_times(journal: Journal, now: datetime, keep: timedelta = KEEP) -> int:
    """Remove from a journal the runs that have been over for long, if nobody has done that today.

    Args:
        journal: the journal.
        now: the host's time.
        keep: how long they stay.

    Returns:
        How many runs were removed.

    Raises:
        JournalError: it cannot be read or written.
    """
    if journal.marks(PRUNED, now - EVERY):
        return 0
    removed = journal.prune(now - keep)
    journal.mark(Mark(PRUNED, "runs", now, {"removed": removed}))
    return removed
