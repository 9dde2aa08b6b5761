"""Probes: did a write take effect? Asked after every write, and above all when its answer was lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum

from arm.errors import NotFound
from arm.facts.backup import Job, read_jobs
from arm.facts.collect import VmFacts
from arm.facts.compute import API as COMPUTE_API
from arm.facts.locks import read_lock

from .change import Change

SKEW = timedelta(seconds=5)
"""How much earlier than our own note of Azure's time a job's start may be written."""


class Effect(str, Enum):
    """What a probe saw."""

    APPLIED = "applied"
    NOT_APPLIED = "not applied"


Probe = Callable[[VmFacts, Change, datetime], Effect]


def probe(facts: VmFacts, change: Change, since: datetime) -> Effect:
    """Look in Azure whether a change took effect; reads afresh, changes nothing.

    Args:
        facts: facts of the VM; what was read before is not used.
        change: the change.
        since: Azure's time just before it was sent.
    """
    return _PROBES[change.operation](facts, change, since)


def started_backup(facts: VmFacts, since: datetime) -> Job | None:
    """Return the on-demand backup of this VM that was started at or after ``since``, ``None`` when there is none."""
    item_id = facts.protection().item_id
    until = facts.azure_now + timedelta(hours=1)
    jobs = read_jobs(facts.session, item_id, operation="Backup", since=since - SKEW, until=until)
    started = [job for job in jobs if job.on_demand and job.started is not None and job.started >= since - SKEW]
    return started[-1] if started else None


def _lock_gone(facts: VmFacts, change: Change, _since: datetime) -> Effect:
    return Effect.APPLIED if read_lock(facts.session, change.target) is None else Effect.NOT_APPLIED


def _lock_there(facts: VmFacts, change: Change, _since: datetime) -> Effect:
    lock = read_lock(facts.session, change.target)
    return Effect.APPLIED if lock is not None and lock.body() == change.body else Effect.NOT_APPLIED


def _resource_gone(facts: VmFacts, change: Change, _since: datetime) -> Effect:
    try:
        facts.session.get(change.target, COMPUTE_API)
    except NotFound:
        return Effect.APPLIED
    return Effect.NOT_APPLIED


def _backup_started(facts: VmFacts, _change: Change, since: datetime) -> Effect:
    return Effect.APPLIED if started_backup(facts, since) else Effect.NOT_APPLIED


def _item_in_state(facts: VmFacts, change: Change, _since: datetime) -> Effect:
    facts.refresh()
    item = facts.item()
    wanted = str((change.after or {}).get("protectionState", "")).lower()
    return Effect.APPLIED if item is not None and item.state.lower() == wanted else Effect.NOT_APPLIED


_PROBES: dict[str, Probe] = {
    "locks.delete": _lock_gone,
    "locks.create_or_update": _lock_there,
    "restore_points.delete": _resource_gone,
    "restore_point_collections.delete": _resource_gone,
    "virtual_machine_extensions.delete": _resource_gone,
    "backups.trigger": _backup_started,
    "protected_items.stop": _item_in_state,
    "protected_items.resume": _item_in_state,
}
