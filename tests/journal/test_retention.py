"""The journal is gone through once a day, and what has been over for long leaves it."""

from __future__ import annotations

from datetime import timedelta

from remediate.journal.model import CLOSED
from remediate.journal.retention import KEEP, prune_at_times

from .runs import AT, held, run


def ended(journal, run_id: str) -> None:
    lease = held(journal)
    journal.create(run(run_id), lease)
    journal.save(run(run_id, status=CLOSED), lease)


def test_what_has_been_over_for_long_is_removed_once_a_day(journal, reopen):
    now = AT + KEEP + timedelta(hours=1)
    ended(journal, "one")
    assert prune_at_times(journal, AT + KEEP) == 0, "a year is not over yet"
    ended(journal, "two")
    assert prune_at_times(reopen(), now) == 0, "somebody has looked an hour ago"
    assert len(journal.runs(9)) == 2
    assert prune_at_times(reopen(), now + timedelta(days=1)) == 2
    assert journal.runs(9) == []


def test_how_long_it_stays_can_be_chosen(journal):
    ended(journal, "one")
    assert prune_at_times(journal, AT + timedelta(days=91), timedelta(days=90)) == 1
