"""Duties: what a run owes however it ends, and how it is paid."""

from __future__ import annotations

from collections.abc import Iterator

from actions.change import Change, NoChange
from actions.guest.run import CREATE, remove_run_command
from actions.locks import restore_lock
from arm.errors import NotFound
from arm.facts.collect import VmFacts
from arm.facts.run_commands import read_run_command

from ..journal.model import Duty

_RUN_COMMAND = "/runcommands/"


def owed(change: Change, run_id: str, *, proof: bool) -> Duty | None:
    """Return what a change makes its run owe, ``None`` when that is nothing.

    Args:
        change: the change, before it is sent.
        run_id: the run.
        proof: the run is a chain; a single action that takes a lock away is asked for, and is not undone at once.
    """
    if change.operation == CREATE:
        return Duty(run_id, change.target, {})
    if change.loan and change.undo is not None and proof:
        return Duty(run_id, change.undo.target, change.undo.body)
    return None


def payment(facts: VmFacts, duty: Duty) -> Iterator[Change | NoChange]:
    """Yield the change that pays a duty, or why none has to be made.

    A lock that somebody has set differently since is theirs to decide, and stays as it is.
    """
    if not is_run_command(duty):
        for effect in restore_lock(facts, duty.target, duty.body):
            there = isinstance(effect, Change) and effect.before is not None
            yield NoChange("somebody has set the lock differently") if there else effect
        return
    try:
        read_run_command(facts.session, duty.target)
    except NotFound:
        yield NoChange("the run command is gone")
    else:
        yield remove_run_command(duty.target, "its script has run")


def is_run_command(duty: Duty) -> bool:
    """Say whether a run command's resource is owed to be removed; else it is a lock that is owed."""
    return _RUN_COMMAND in duty.target.lower()


def spoken(duty: Duty) -> str:
    """Return what is owed, for people."""
    name = duty.target.rsplit("/", 1)[-1]
    return f"the removal of the run command {name!r}" if is_run_command(duty) else f"the lock {name!r}"
