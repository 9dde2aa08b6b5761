"""What most chains share: whether there is anything to repair at all, and the backup that proves a repair."""

from __future__ import annotations

from datetime import timedelta

from actions.change import NoChange
from actions.disks import backed_up
from actions.disks import spoken as spoken_disks
from actions.protection import STOPPED, trigger_on_demand_backup
from arm.facts.backup import Job, vault_of
from arm.facts.collect import VmFacts
from arm.facts.times import iso, spoken

from .classify import classify_job
from .entry import Entry
from .model import Cause, Decision, Diagnosis, Finding, GiveUp, Situation, Step, StepEffects, Wait

FACTS = ("vm", "protection", "item", "running_jobs", "recent_jobs", "last_failed_job", "locks")
"""The facts that every chain which ends in a backup looks at, its guards included."""


def outset(facts: VmFacts, entry: Entry) -> Diagnosis | None:
    """Say why a chain has nothing to do, or must not do anything; ``None`` when its error is there to be repaired.

    The VM has to exist and be protected, its last backup to have failed, and with this error. A chain for an error
    whose point is that one of these does not hold asks the single questions below instead.
    """
    findings = basics(facts)
    refused = not_protected(facts) or gone(facts)
    if refused is not None:
        return Diagnosis(Decision.REFUSE, refused[0], findings, refused[1])
    failed = facts.last_failed_job()
    if failed is None or not still_failing(facts, failed):
        last = "the last backup succeeded" if failed else "no backup failed in the last 30 days"
        return Diagnosis(Decision.NOTHING, last, findings)
    return other_error(failed, entry, findings)


def not_protected(facts: VmFacts) -> tuple[str, str] | None:
    """Return why the VM has no backup that could succeed, and what the human does next; ``None`` when it has."""
    item = facts.item()
    if item is None:
        return "the VM is not protected by any vault", "Enable backup for it first."
    if item.soft_deleted:
        return "the backup item is deleted (soft delete)", "Undelete it in the vault first."
    if item.state.lower() in STOPPED:
        return f"protection is stopped ({item.state})", "Resume it with 'remediate action resume_protection'."
    return None


def gone(facts: VmFacts) -> tuple[str, str] | None:
    """Return why nothing can be repaired when the VM does not exist (any more), and what to do; else ``None``."""
    if facts.vm_or_none() is not None:
        return None
    return "the virtual machine does not exist any more", "Stop its protection, or restore the machine first."


def still_failing(facts: VmFacts, failed: Job) -> bool:
    """Say whether no recovery point is newer than a failed backup."""
    item, at = facts.item(), failed.ended or failed.started
    point = item.last_recovery_point if item else None
    return point is None or at is None or point < at


def other_error(failed: Job, entry: Entry, findings: tuple[Finding, ...]) -> Diagnosis | None:
    """Refuse when a job failed with another error than the one that was named; ``None`` when it is, or may be, it."""
    found = classify_job(failed)
    meant = [found.entry] if found.entry is not None else list(found.candidates)
    if entry.id in [one.id for one in meant]:
        return None
    titles = "; ".join(error.title or error.text for error in failed.errors if error.title or error.text)
    shown = found.entry.id if found.entry is not None else titles or "the job gives no details"
    step = f"Run 'remediate {found.entry.id}'." if found.entry else "Name the error that the job shows, not this one."
    return Diagnosis(Decision.REFUSE, f"the last backup failed with another error: {shown}", findings, step)


def basics(facts: VmFacts, *, backups: bool = True) -> tuple[Finding, ...]:
    """Return what every diagnosis shows: the VM, its protection, and its last failed backup where ``backups`` count."""
    vm, item, failed = facts.vm_or_none(), facts.item(), facts.last_failed_job() if backups else None
    found = []
    if vm is not None:
        agent = f"agent {vm.agent_status}" if vm.agent_status else "agent not reporting"
        found.append(Finding("virtual machine", f"{vm.name}, {vm.os_type}, {vm.power_state}, {agent}"))
    if item is not None:
        last = iso(item.last_recovery_point) if item.last_recovery_point else "none"
        vault = vault_of(item.id).rsplit("/", 1)[-1]
        found.append(Finding("protected item", f"{item.state} in vault {vault}, last recovery point {last}"))
    taken = backed_up(vm, item) if vm is not None else ()
    left_out = [disk for disk in vm.disks if disk not in taken] if vm is not None else []
    if left_out:
        found.append(Finding("NOT protected", f"{spoken_disks(left_out)}: left out of the backup"))
    if failed is not None:
        found.append(Finding("last failed backup", spoken_job(failed)))
    return tuple(found)


def spoken_job(failed: Job) -> str:
    """Return when a job failed and with what, for people."""
    errors = "; ".join(f"{error.code}: {error.title or error.text}".rstrip(": ") for error in failed.errors)
    when = iso(failed.started) if failed.started else "at an unknown time"
    return f"{when} {errors or failed.dynamic_message}".strip()


def back_up(situation: Situation) -> StepEffects:
    """Back up, unless somebody else's backup has already succeeded since the repair."""
    newer = _backed_up_since(situation)
    if newer:
        yield NoChange(newer)
    else:
        yield from trigger_on_demand_backup(situation.facts, reason="it proves the repair by a new recovery point")


def _backed_up_since(situation: Situation) -> str:
    """Return the recovery point of somebody else's backup that proves the repair, or an empty text.

    A backup that has not ended yet counts: the engine waits for its end before it says Fixed.
    """
    since = situation.progress.changed_at
    going = [one for one in situation.facts.recent_jobs() if one.running or one.status == "Completed"]
    if not any(one.operation == "Backup" and one.started is not None and one.started > since for one in going):
        return ""
    points = situation.facts.recovery_points()
    newest = points[-1].time if points else None
    return f"a recovery point of {iso(newest)} is newer than the repair" if newest and newest > since else ""


BACK_UP = Step("back_up", "Back up", back_up)
"""The step that ends a chain: the engine says Fixed only for the recovery point that it brings."""


def wait_for(situation: Situation, reason: str, up_to: timedelta, recheck: timedelta, next_step: str) -> StepEffects:
    """Wait for what ends by itself, counted from the run's last change, or from its start before there is one.

    Args:
        situation: where the run stands.
        reason: what is waited for, with names and times.
        up_to: after this long the run gives up.
        recheck: how soon it is looked at again.
        next_step: what a human does when the run has given up.
    """
    end = situation.progress.changed_at + up_to
    if situation.now < end:
        yield Wait(reason, up_to, min(situation.now + recheck, end))
    else:
        yield GiveUp(f"{reason}; that has not ended after {spoken(up_to)}", next_step)


def advise(reason: str, next_step: str, findings: tuple[Finding, ...], *causes: Cause) -> Diagnosis:
    """Return the diagnosis of an error that only a human can go on with."""
    return Diagnosis(Decision.ADVISE, reason, findings, next_step, causes)
