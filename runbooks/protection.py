"""What the chains of the family protection share: a VM that does not exist where its vault looks for it."""

from __future__ import annotations

from actions.change import NoChange
from actions.protection import STOPPED, stop_protection_retain_data
from arm.facts.backup import Job, ProtectedItem, vault_of
from arm.facts.collect import VmFacts
from arm.facts.times import iso
from arm.facts.whereabouts import Whereabouts
from arm.ids import parse, same

from .classify import classify_job
from .entry import Entry
from .model import Cause, Decision, Diagnosis, Finding, GiveUp, Situation, Standing, Step, StepEffects
from .shared import FACTS, advise, back_up, basics, other_error, still_failing

VM_GONE_FACTS = (*FACTS, "collections")
VM_GONE_ALSO_READS = ("whereabouts", "items_of_name", "immutability", "resource_guards", "recovery_points")
STOP = "stop-protection"
VM_GONE_CHOICES = {STOP: "the machine is not coming back: stop its protection and keep all recovery points"}
VM_GONE_ERRORS = ("ResourceNotFound", "BCMV2VMNotFound", "UserErrorVmNotFoundV2", "BackUpOperationFailed")
"""The service says any of these of a VM that it does not find (the last one of others, too)."""


def diagnose_missing_vm(situation: Situation, entry: Entry) -> Diagnosis:
    """Find out whether a VM is gone, was moved, exists again, or just cannot be seen."""
    facts, findings = situation.facts, basics(situation.facts)
    if facts.vm_or_none() is not None:
        return _exists(facts, entry, findings)
    item, failed = facts.item(), facts.last_failed_job()
    if item is None:
        step = "Look for it in the vault; check that this identity may read the vault's protected items."
        return Diagnosis(
            Decision.REFUSE, "the VM does not exist, and no single protected item of it can be read", findings, step
        )
    if item.soft_deleted or item.state.lower() in STOPPED:
        state = "deleted (soft delete)" if item.soft_deleted else f"stopped ({item.state})"
        reason = f"the VM does not exist; its protection is {state}, so no backup is tried any more"
        return Diagnosis(Decision.NOTHING, reason, findings)
    if failed is None or not still_failing(facts, failed):
        step = "Wait for the next backup. To stop it now: 'remediate action stop_protection_retain_data'."
        return advise("the VM does not exist, but no backup has failed for that yet", step, findings)
    return _another(failed, entry, findings) or _missing(situation, item, findings)


def _another(failed: Job, entry: Entry, findings: tuple[Finding, ...]) -> Diagnosis | None:
    told = classify_job(failed)
    meant = {one.id for one in (told.entry, *told.candidates) if one is not None}
    return None if meant & set(VM_GONE_ERRORS) else other_error(failed, entry, findings)


def _missing(situation: Situation, item: ProtectedItem, findings: tuple[Finding, ...]) -> Diagnosis:
    """Say what follows for a VM that is not found under its id while its vault goes on trying to back it up."""
    facts, where = situation.facts, situation.facts.whereabouts()
    findings = (*findings, *_searched(facts, where))
    causes = _causes(facts, where)
    kept = f"the recovery points in vault {parse(vault_of(item.id)).name} are kept"
    if where.same_machine:
        new = where.same_machine[0].id
        step = (
            f"Back it up under its new id: {enable(new)}. When it has a recovery point there, stop the old item: "
            f"'remediate action stop_protection_retain_data --vm {facts.vm_id}'; {kept}."
        )
        return advise(f"the VM was not deleted but moved: it is {new} now", step, findings, *causes)
    if where.blind:
        step = "Grant it the role Reader there, or search with an account that has it, then run again."
        reason = f"it is not proven that the VM is gone: {where.blind}"
        return Diagnosis(Decision.REFUSE, reason, findings, step, causes)
    if where.sightings and not where.unique_ids and situation.choice != STOP:
        others = ", ".join(one.id for one in where.sightings)
        step = f"Find out whether that is the same machine. If it is, protect it there; if not: --choose {STOP}."
        reason = f"the VM may have been moved: {others} has its name, and nothing tells its unique id"
        return Diagnosis(Decision.CHOOSE, reason, findings, step, causes)
    reason = f"the VM is gone, and its vault goes on trying to back it up; {kept}"
    return Diagnosis(Decision.REPAIR, reason, findings, causes=causes)


def _causes(facts: VmFacts, where: Whereabouts) -> tuple[Cause, ...]:
    not_found = f"{facts.vm_id} does not exist (404)"
    seen = tuple(f"{one.id} has the name, and the unique id {one.unique_id}" for one in where.sightings)
    ids = " or ".join(where.unique_ids)
    sought = [*([] if where.sightings else ["of the name"]), *([f"with the unique id {ids}"] if ids else [])]
    silence = f"no machine {' or '.join(sought)} is found in {_places(where)}"
    found, possible, ruled_out = Standing.FOUND, Standing.POSSIBLE, Standing.RULED_OUT
    gone, moved = (found, ruled_out) if not where.blind else (possible, possible)
    if where.same_machine:
        gone, moved = ruled_out, found
    elif where.sightings and not where.unique_ids:
        gone, moved = possible, possible
    others = where.sightings and not where.same_machine
    against_move = (*(seen if others and ids else ()), *((f"the VM's unique id is {ids}",) if others and ids else ()))
    absent = () if where.same_machine or where.blind or not sought else (silence,)
    unsure = (where.blind,) if where.blind else ()
    was_moved = tuple(f"{one.id} has the unique id {one.unique_id} of the missing VM" for one in where.same_machine)
    return (
        Cause(
            "vm-deleted",
            "the VM was deleted, and its protection goes on",
            gone,
            (not_found, *absent),
            (*was_moved, *unsure),
        ),
        Cause(
            "vm-moved",
            "the VM was moved to another resource group or subscription",
            moved,
            was_moved or (seen if not ids else ()),
            (*against_move, *absent, *unsure),
        ),
    )


def _places(where: Whereabouts) -> str:
    if len(where.subscriptions) < 2:
        return f"the subscription {where.subscriptions[0]}" if where.subscriptions else "what this identity can read"
    return f"{len(where.subscriptions)} subscriptions ({', '.join(where.subscriptions)})"


def _searched(facts: VmFacts, where: Whereabouts) -> tuple[Finding, ...]:
    points = [point for one in facts.collections() if one.made_by_backup for point in one.points]
    told = f"{' and '.join(where.unique_ids)}, as {len(points)} restore points tell"
    return (
        Finding("unique id", told if where.unique_ids else "nothing tells it: no restore point is left"),
        Finding("looked for it in", f"{_places(where)}; a subscription that this identity cannot read is not searched"),
        *(Finding("machine of the same name", f"{one.id}, unique id {one.unique_id}") for one in where.sightings),
    )


def _exists(facts: VmFacts, entry: Entry, findings: tuple[Finding, ...]) -> Diagnosis:
    """Say what follows when the VM exists (again): its item may fit, or belong to where it was before."""
    item, failed, vm = facts.item(), facts.last_failed_job(), facts.vm()
    if item is None or not same(item.source_resource_id, vm.id):
        return _unprotected(facts, findings)
    if item.soft_deleted or item.state.lower() in STOPPED:
        state = "deleted (soft delete)" if item.soft_deleted else f"stopped ({item.state})"
        step = f"Resume it: 'remediate UserErrorBcmDatasourceNotPresent --vm {vm.id}'."
        return advise(f"the VM exists, but its protection is {state}", step, findings)
    if failed is None or not still_failing(facts, failed):
        last = "the last backup succeeded" if failed else "no backup failed in the last 30 days"
        return Diagnosis(Decision.NOTHING, f"the VM exists, and {last}", findings)
    refused = _another(failed, entry, findings)
    if refused is not None:
        return refused
    older = {point.vm_unique_id for one in facts.collections() for point in one.points} - {vm.unique_id, ""}
    before = f"; the restore points are of an earlier machine ({', '.join(sorted(older))})" if older else ""
    there = f"{vm.id} exists, unique id {vm.unique_id}{before}"
    causes = (
        Cause("vm-exists-again", "the VM was missing and exists again under its id", Standing.FOUND, (there,)),
        Cause(
            "vm-deleted", "the VM was deleted, and its protection goes on", Standing.RULED_OUT, (), (f"{vm.id} exists",)
        ),
        Cause(
            "vm-moved",
            "the VM was moved to another resource group or subscription",
            Standing.RULED_OUT,
            (),
            ("the protected item is of the VM where it is now",),
        ),
    )
    return Diagnosis(Decision.REPAIR, "the VM exists again: it can be backed up", findings, causes=causes)


def _unprotected(facts: VmFacts, findings: tuple[Finding, ...]) -> Diagnosis:
    """Say of a VM without an item whether it was moved away from one."""
    left = [one for one in facts.items_of_name() if not same(one.source_id, facts.vm_id) and not one.exists]
    if not left:
        step = f"Protect it: {enable(facts.vm_id)}."
        return advise("the VM exists and is not protected by any vault", step, findings)
    old = left[0]
    evidence = f"{old.id} is of {old.source_id}, which does not exist; this VM has its name and no item"
    reason = f"the VM was moved, or made anew, here: its old id {old.source_id} is what the vault looks for"
    step = (
        f"Back it up under its present id: {enable(facts.vm_id)}. When it has a recovery point, stop the old item: "
        f"'remediate action stop_protection_retain_data --vm {old.source_id}'; its recovery points are kept."
    )
    moved = Cause("vm-moved", "the VM was moved to another resource group or subscription", Standing.FOUND, (evidence,))
    found = (*findings, Finding("protected item of the old id", f"{old.state}, {old.id}"))
    return advise(reason, step, found, moved)


def stop_protection(situation: Situation) -> StepEffects:
    """Stop protection and keep the data, when the VM is proven to be gone at this moment."""
    facts = situation.facts
    if facts.vm_or_none() is not None:
        yield NoChange("the VM exists")
        return
    where = facts.whereabouts()
    doubtful = where.same_machine or (where.sightings and not where.unique_ids and situation.choice != STOP)
    if where.blind or doubtful:
        reason = where.blind or f"the VM may have been moved: {where.sightings[0].id}"
        yield GiveUp(reason, "Diagnose it again before its protection is stopped.")
        return
    yield from stop_protection_retain_data(facts, because_gone=True)


def back_up_if_there(situation: Situation) -> StepEffects:
    """Back up the VM if it exists; where its protection was stopped there is nothing to back up."""
    if situation.facts.vm_or_none() is None:
        yield NoChange("the VM does not exist: there is nothing to back up")
    else:
        yield from back_up(situation)


VM_GONE_STEPS = (
    Step("stop_protection", "Stop protection and keep all recovery points, if the VM is gone", stop_protection),
    Step("back_up", "Back up, if the VM exists again", back_up_if_there),
)


def enable(vm_id: str) -> str:
    """Return the command that protects a VM; vault and policy are the human's choice."""
    where = "--resource-group VAULT-GROUP --vault-name VAULT --policy-name POLICY"
    return f"az backup protection enable-for-vm --vm {vm_id} {where}"


def expiring(facts: VmFacts, days: int | None) -> str:
    """Return how many recovery points are older than a policy's daily retention, for people."""
    if days is None:
        return "how many recovery points expire cannot be told"
    points = [point.time for point in facts.recovery_points() if point.time is not None]
    old = [time for time in points if (facts.azure_now - time).days >= days]
    if not old:
        return f"none of {len(points)} recovery points is older than that"
    return f"{len(old)} of {len(points)} recovery points are older, the oldest of {iso(min(old))}; they expire"
