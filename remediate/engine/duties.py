"""Duties: what a run owes however it ends, and how it is paid."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from actions.change import Change, NoChange
from actions.guest.run import CREATE, remove_run_command
from actions.locks import restore_lock
from actions.tags import WRITE, remove_note
from arm.errors import NotFound
from arm.facts.collect import VmFacts
from arm.facts.run_commands import read_run_command
from arm.ids import same

from ..journal.model import Duty, Held, Journal

_RUN_COMMAND = "/runcommands/"
_TAG = "/providers/Microsoft.Resources/tags/default#"


def owed(change: Change, run_id: str, *, proof: bool) -> Duty | None:
    """Return what a change makes its run owe, ``None`` when that is nothing.

    Args:
        change: the change, before it is sent.
        run_id: the run.
        proof: the run is a chain; a single action that takes a lock away is asked for, and is not undone at once.
    """
    if change.operation == CREATE:
        return Duty(run_id, change.target, {})
    if change.action == WRITE and change.undo is not None:
        return Duty(run_id, f"{change.target}{_TAG}{change.undo.body['tag']}", {})
    if change.loan and change.undo is not None and proof:
        return Duty(run_id, change.undo.target, change.undo.body)
    return None


def take_on(journal: Journal, duty: Duty, held: Held) -> None:
    """Record what a change will owe, right before it is sent.

    What it takes away is there. So an older debt for the same thing is over: somebody has paid it, or has set the lock
    anew, and what they have set is what has to be there again.
    """
    for old in journal.duties(duty.run_id):
        if same(old.target, duty.target) and old.body != duty.body:
            journal.repaid(old, held)
    journal.add_duty(duty, held)


def payment(facts: VmFacts, duty: Duty) -> Iterator[Change | NoChange]:
    """Yield the change that pays a duty, or why none has to be made.

    A lock that somebody has set differently since is theirs to decide, and stays as it is.
    """
    if is_lock(duty):
        for effect in restore_lock(facts, duty.target, duty.body):
            there = isinstance(effect, Change) and effect.before is not None
            yield NoChange("somebody has set the lock differently") if there else effect
        return
    if is_tag(duty):
        yield from remove_note(facts, duty.target.rpartition("#")[2])
        return
    try:
        read_run_command(facts.session, duty.target)
    except NotFound:
        yield NoChange("the run command is gone")
    else:
        yield remove_run_command(duty.target, "its script has run")


def in_order(duties: Iterable[Duty]) -> list[Duty]:
    """Return duties in the order in which they are paid: a lock's copy goes only when the lock is back."""
    return sorted(duties, key=lambda duty: (not is_lock(duty), not is_tag(duty)))


def is_run_command(duty: Duty) -> bool:
    """Say whether a run command's resource is owed to be removed."""
    return _RUN_COMMAND in duty.target.lower()


def is_tag(duty: Duty) -> bool:
    """Say whether a tag with the copy of a lock is owed to be removed."""
    return _TAG.lower() in duty.target.lower()


def is_lock(duty: Duty) -> bool:
    """Say whether a lock is owed to be put back."""
    return not is_run_command(duty) and not is_tag(duty)


def spoken(duty: Duty) -> str:
    """Return what is owed, for people."""
    name = duty.target.rsplit("/", 1)[-1]
    if is_tag(duty):
        return f"the removal of the tag {duty.target.rpartition('#')[2]!r}"
    return f"the removal of the run command {name!r}" if is_run_command(duty) else f"the lock {name!r}"
