"""The chain, as Microsoft documents it: unlock, start the clean-up by a backup that fails, wait, back up again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import wraps

from actions.change import NoChange
from actions.protection import trigger_on_demand_backup
from actions.registry import blocking_locks, in_service_group, remove_blocking_locks
from actions.restore_points import LIMIT, count_points, delete_restore_point_collection, delete_restore_points
from arm.facts.collect import VmFacts
from arm.facts.locks import Lock
from arm.facts.times import spoken as spoken_time
from arm.ids import spoken

from ...catalogue import load
from ...model import Cause, Decision, Diagnosis, Finding, Runbook, Situation, Standing, Step, StepEffects, Wait
from ...shared import BACK_UP, FACTS, basics, gone, not_protected, still_failing

ENTRY = load("user_error_rp_collection_limit_reached")
CLEAN_UP = timedelta(hours=8)
"""How long the service's clean-up may take ("a few hours", says Microsoft) before anything is deleted by us."""
RECHECK = timedelta(hours=4)
_START = "start_clean_up"
_FULL = f"the clean-up has not happened {spoken_time(CLEAN_UP)} after the backup that starts it"


def diagnose(situation: Situation) -> Diagnosis:
    """Find out whether the limit is reached, and what keeps the service from cleaning up."""
    facts = situation.facts
    findings = (*basics(facts), *_findings(facts))
    refusal = not_protected(facts) or gone(facts)
    if refusal is not None:
        return Diagnosis(Decision.REFUSE, refusal[0], findings, refusal[1])
    count, locks, failed = count_points(facts), blocking_locks(facts), facts.last_failed_job()
    cause = (
        f"the lock {locks[0].name!r} on {spoken(locks[0].scope)} stops the clean-up"
        if locks
        else "several backups a day"
    )
    causes = _causes(facts)
    if failed is None or not still_failing(facts, failed):
        last = "the last backup succeeded" if failed else "no backup failed in the last 30 days"
        again = f"; {cause}, so the limit will be reached again" if locks or count >= LIMIT else ""
        return Diagnosis(Decision.NOTHING, f"{count} restore points, and {last}{again}", findings, causes=causes)
    if count >= LIMIT:
        return Diagnosis(Decision.REPAIR, f"{count} of {LIMIT} restore points: {cause}", findings, causes=causes)
    if ENTRY.describes(failed):
        reason = f"the last backup failed with {ENTRY.id}; {count} points now"
        return Diagnosis(Decision.REPAIR, reason, findings, causes=causes)
    titles = "; ".join(error.title or error.text for error in failed.errors if error.title or error.text)
    other = titles or "the job gives no details"
    reason = f"only {count} restore points, and the last backup failed with another error: {other}"
    return Diagnosis(Decision.REFUSE, reason, findings, "Name the error that the job shows, not this one.", causes)


def _causes(facts: VmFacts) -> tuple[Cause, ...]:
    """Return what may have let the points become too many: a lock that stops the clean-up, or too many backups."""
    count, locks = count_points(facts), blocking_locks(facts)
    full = f"{count} restore points over all collections of the VM; {LIMIT} is the limit"
    held = tuple(f"{lock.level} {lock.name!r} on {spoken(lock.scope)}" for lock in locks)
    locked = "a lock stops the clean-up of restore points"
    often = "more backups a day than the clean-up can keep up with"
    if locks:
        lock = Cause("lock", locked, Standing.FOUND, held)
        return (lock, Cause("several-backups-a-day", often, Standing.POSSIBLE, (full,), ("a lock explains it",)))
    standing = Standing.FOUND if count >= LIMIT else Standing.RULED_OUT
    evidence, against = ((full,), ()) if count >= LIMIT else ((), (full,))
    return (
        Cause("lock", locked, Standing.RULED_OUT, (), ("no lock applies to the restore point collections",)),
        Cause("several-backups-a-day", often, standing, evidence, against),
    )


def _findings(facts: VmFacts) -> list[Finding]:
    found = []
    for collection in facts.collections():
        owner = "" if collection.made_by_backup else " (not made by the backup service: never touched)"
        value = f"{len(collection.points)} in {collection.name} in group {collection.group}{owner}"
        found.append(Finding("restore points", value))
    found += [
        Finding("lock", f"{lock.level} {lock.name!r} on {spoken(lock.scope)}{_whose(facts, lock)}")
        for lock in blocking_locks(facts)
    ]
    return found


def _whose(facts: VmFacts, lock: Lock) -> str:
    return " (the backup service's own group)" if in_service_group(facts, lock) else ""


def _cured(situation: Situation) -> str:
    """Return why the points need no further care, or an empty text."""
    first = situation.progress.backups.get(_START)
    if first is not None and first.completed:
        return "the backup succeeded"
    count = count_points(situation.facts)
    return f"{count} restore points, {LIMIT} is the limit" if count < LIMIT else ""


def remove_locks(situation: Situation) -> StepEffects:
    """Remove every lock that blocks the clean-up: on the group, inherited from the subscription, on the collection."""
    yield from remove_blocking_locks(situation.facts)


def _unless_cured(effects: Callable[[Situation], StepEffects]) -> Callable[[Situation], StepEffects]:
    """Make a step that does nothing once the points need no further care."""

    @wraps(effects)
    def step(situation: Situation) -> StepEffects:
        cured = _cured(situation)
        if cured:
            yield NoChange(cured)
        else:
            yield from effects(situation)

    return step


@_unless_cured
def start_clean_up(situation: Situation) -> StepEffects:
    """Start the on-demand backup whose first failure is expected; it starts the service's own clean-up."""
    reason = "it starts the service's clean-up of old restore points"
    yield from trigger_on_demand_backup(situation.facts, reason=reason, may_fail_with=ENTRY.id)


@_unless_cured
def await_clean_up(situation: Situation) -> StepEffects:
    """Wait until the service has cleaned up, some hours at the most."""
    first = situation.progress.backups.get(_START)
    end = first.started + CLEAN_UP if first is not None else None
    if end is None:
        yield Wait("the backup service cleans up old restore points", CLEAN_UP)
    elif situation.now < end:
        until = min(situation.now + RECHECK, end)
        yield Wait("the backup service cleans up old restore points", CLEAN_UP, until)
    else:
        yield NoChange(_FULL)


@_unless_cured
def delete_oldest(situation: Situation) -> StepEffects:
    """Delete the oldest restore points, just as many as are too many."""
    yield from delete_restore_points(situation.facts)


@_unless_cured
def delete_collection(situation: Situation) -> StepEffects:
    """The last resort: delete the service's collections whole."""
    yield from delete_restore_point_collection(situation.facts)


RUNBOOK = Runbook(
    code=ENTRY.id,
    title=ENTRY.title,
    facts=(*FACTS, "collections"),
    also_reads=("policy", "recovery_points"),
    writes=("locks.delete", "backups.trigger", "restore_points.delete", "restore_point_collections.delete"),
    diagnose=diagnose,
    steps=(
        Step("remove_locks", "Remove the locks that block the clean-up", remove_locks),
        Step(_START, "Start an on-demand backup; its first failure is expected", start_clean_up),
        Step("await_clean_up", "Wait for the service to clean up", await_clean_up),
        Step("delete_oldest", "Delete the oldest restore points", delete_oldest, only_if=_FULL, go_on=True),
        Step(
            "delete_collection",
            "Delete the restore point collection",
            delete_collection,
            only_if="the oldest restore points could not be deleted either",
        ),
        BACK_UP,
    ),
    entry=ENTRY,
)
