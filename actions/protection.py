"""Back up now, stop protection retaining data, resume protection."""

from __future__ import annotations

from arm.facts.collect import VmFacts
from arm.ids import same

from .change import Change, Effects, Impact, NoChange, Undo

RETENTION_DAYS = 7
"""Days an on-demand recovery point is kept unless told otherwise; Azure's own default would be 30."""
STOPPED = ("protectionstopped", "backupssuspended", "protectionpaused")

VM_GONE = {"virtualMachine": "does not exist"}
"""What a change that is right only for a machine that is gone says of the state before it."""


def trigger_on_demand_backup(
    facts: VmFacts, *, retention_days: int = RETENTION_DAYS, reason: str = "", may_fail_with: str = ""
) -> Effects:
    """Start a backup now.

    Not idempotent by nature, so the engine sends it once per step, and looks for the job before it ever sends again.

    Args:
        facts: facts of the VM.
        retention_days: how long the recovery point is kept.
        reason: why now.
        may_fail_with: error code the job is expected to fail with.

    Permission: ``…/protectedItems/backup/action``. Source: catalogue action ``trigger_on_demand_backup``.
    """
    item = facts.item()
    if item is None:
        yield NoChange("the VM is not protected by any vault")
        return
    expected = f" (expected to fail with {may_fail_with})" if may_fail_with else ""
    yield Change(
        action="trigger_on_demand_backup",
        operation="backups.trigger",
        target=item.id,
        summary=f"start an on-demand backup, kept {retention_days} days{expected}",
        reason=reason or "asked for",
        before=None,
        after={"retention_days": retention_days},
        body={"retention_days": retention_days},
        may_fail_with=may_fail_with,
    )


def stop_protection_retain_data(facts: VmFacts, *, because_gone: bool = False) -> Effects:
    """Stop backups of the VM and keep every recovery point.

    On an immutable vault the state is ``BackupsSuspended``, elsewhere ``ProtectionStopped``; Azure refuses the other.

    Args:
        facts: facts of the VM.
        because_gone: it is stopped because the VM does not exist; a guard refuses it as soon as the VM does.

    Permission: ``…/protectedItems/write``. Source: catalogue action ``stop_protection_retain_data``.
    """
    item = facts.item()
    if item is None:
        yield NoChange("the VM is not protected by any vault")
        return
    if item.state.lower() in STOPPED:
        yield NoChange(f"protection is already stopped ({item.state})")
        return
    state = "ProtectionStopped" if facts.immutability() == "Disabled" else "BackupsSuspended"
    common = {"protectedItemType": "Microsoft.Compute/virtualMachines", "sourceResourceId": item.source_resource_id}
    undo = Undo("resume_protection", "protected_items.resume", item.id, {**common, "policyId": item.policy_id})
    yield Change(
        action="stop_protection_retain_data",
        operation="protected_items.stop",
        target=item.id,
        summary=f"stop protection and keep all recovery points ({state})",
        reason=f"{facts.vm_id} does not exist any more" if because_gone else "asked for",
        before={"protectionState": item.state, "policyId": item.policy_id, **(VM_GONE if because_gone else {})},
        after={"protectionState": state},
        impact=Impact.SECURITY,
        body={**common, "protectionState": state},
        undo=undo if item.policy_id and not because_gone else None,  # what is gone cannot be protected again
    )


def resume_protection(facts: VmFacts, *, policy_id: str) -> Effects:
    """Resume backups under a policy.

    Recovery points older than the policy's retention expire on resume; that is why it needs an approval.

    Args:
        facts: facts of the VM.
        policy_id: id of the backup policy.

    Permission: ``…/protectedItems/write`` and ``Microsoft.Compute/virtualMachines/write``.
    Source: catalogue action ``resume_protection``.
    """
    item = facts.item()
    if item is None:
        yield NoChange("the VM is not protected by any vault")
        return
    if item.state.lower() not in STOPPED and not item.soft_deleted and same(item.policy_id, policy_id):
        yield NoChange(f"protection is not stopped ({item.state})")
        return
    body = {
        "protectedItemType": "Microsoft.Compute/virtualMachines",
        "sourceResourceId": item.source_resource_id,
        "policyId": policy_id,
    }
    yield Change(
        action="resume_protection",
        operation="protected_items.resume",
        target=item.id,
        summary=f"resume protection under the policy {policy_id.rsplit('/', 1)[-1]}",
        reason="asked for",
        before={"protectionState": item.state, "policyId": item.policy_id},
        after={"protectionState": "Protected", "policyId": policy_id},
        impact=Impact.DESTRUCTIVE,
        body=body,
    )


def undelete_protected_item(facts: VmFacts) -> Effects:
    """Undelete a soft-deleted item with its recovery points; its protection then is stopped.

    Somebody deleted it, so it takes an approval to keep that data on.

    Args:
        facts: facts of the VM.

    Permission: ``…/protectedItems/write``. Source: catalogue action ``undelete_protected_item``.
    """
    item = facts.item()
    if item is None:
        yield NoChange("the VM is not protected by any vault")
        return
    if not item.soft_deleted:
        yield NoChange(f"the backup item is not deleted ({item.state})")
        return
    yield Change(
        action="undelete_protected_item",
        operation="protected_items.undelete",
        target=item.id,
        summary="undelete the backup item with its recovery points",
        reason="it is soft-deleted",
        before={"softDeleted": True},
        after={"softDeleted": False, "protectionState": "ProtectionStopped"},
        impact=Impact.SECURITY,
        body={
            "protectedItemType": "Microsoft.Compute/virtualMachines",
            "sourceResourceId": item.source_resource_id,
            "protectionState": "ProtectionStopped",
            "isRehydrate": True,
        },
    )
