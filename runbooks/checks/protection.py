"""What keeps backups from being made and cleaned up: locks, the number of restore points, policies, a move."""

from __future__ import annotations

from actions.registry import blocking_locks
from actions.restore_points import LIMIT, count_points
from arm.facts.backup import vault_of
from arm.facts.collect import VmFacts
from arm.facts.locks import Lock
from arm.facts.times import iso
from arm.ids import covers, group_id, same, spoken

from .model import Check, Seen, Status, Where
from .sources import MANAGE, SNAPSHOT_TIMEOUT, TROUBLESHOOT

WARN_FROM = 15
"""Restore points from which on the limit is near."""
NOT_PROTECTED = "the VM is not protected by any vault that this identity can see"


def _said(lock: Lock) -> str:
    return f"{lock.level} {lock.name!r} on {spoken(lock.scope)}"


def _locks(facts: VmFacts) -> Seen:
    blocking = {lock.id.lower(): lock for lock in blocking_locks(facts)}
    for lock in facts.locks():
        group = lock.scope.strip("/").split("/")[3:4]
        if group and not lock.on_subscription and lock.level.lower() != "notspecified" and facts.made_by_backup(*group):
            blocking[lock.id.lower()] = lock
    if blocking:
        held = "; ".join(_said(blocking[key]) for key in sorted(blocking))
        return Status.FAIL, f"{held}: old restore points cannot be cleaned up"
    over_vm = facts.locks_in_the_way("DELETE", facts.vm_id)
    inherited = [lock for lock in over_vm if lock.on_subscription]
    if inherited:
        return Status.FAIL, f"{'; '.join(map(_said, inherited))}: it holds for the service's groups, too"
    changes = facts.locks_in_the_way("PUT", facts.vm_id)
    if changes:
        return Status.WARN, f"{'; '.join(map(_said, changes))}: the backup extension cannot be installed or updated"
    storage = [lock for lock in facts.locks() if "/storageaccounts/" in lock.scope.lower()]
    if storage and any(not disk.id for disk in facts.vm().disks):
        return (
            Status.WARN,
            f"{'; '.join(map(_said, storage))}; the VM has unmanaged disks, which are in storage accounts",
        )
    others = f"; {'; '.join(map(_said, over_vm))} does no harm to backups" if over_vm else ""
    return Status.PASS, f"no lock stops the clean-up of restore points{others}"


def _points(facts: VmFacts) -> Seen:
    collections = facts.collections()
    count = count_points(facts)
    shown = ", ".join(f"{len(one.points)} in {one.name} in group {one.group}" for one in collections)
    text = f"{count} restore points{f': {shown}' if shown else ''}"
    if count >= LIMIT:
        return Status.FAIL, text
    if not all(one.listed for one in collections):
        return Status.UNKNOWN, "Azure did not say which restore points are in every collection"
    return (Status.WARN if count >= WARN_FROM else Status.PASS), text


def _denied(facts: VmFacts) -> Seen:
    ours = [event for event in facts.denials() if _concerns(facts, event.resource_id)]
    if not ours:
        return (
            Status.PASS,
            "no request for the VM or its restore points was denied by Azure Policy in the last two days",
        )
    last = ours[0]
    when = iso(last.time) if last.time else "at an unknown time"
    shown = f"{len(ours)} denied, the last one {when}: {last.operation} on {last.resource_id}"
    assigned = [one.title for one in facts.policy_assignments() if one.applies_to(group_id(facts.vm_id))]
    over = f"; policies assigned over the VM's group: {', '.join(assigned)}" if assigned else ""
    return Status.FAIL, f"{shown}: {last.detail}{over}"


def _concerns(facts: VmFacts, resource_id: str) -> bool:
    """Say whether a resource is the VM, in its group, or in a group that the backup service makes."""
    if covers(group_id(facts.vm_id), resource_id):
        return True
    parts = resource_id.strip("/").split("/")
    if len(parts) > 3 and facts.made_by_backup(parts[3]):
        return True
    name = facts.vm_id.rpartition("/")[2]
    return f"/restorepointcollections/azurebackup_{name}_".lower() in resource_id.lower()


def _moved(facts: VmFacts) -> Seen:
    item = facts.item()
    if item is None:
        left = [one for one in facts.items_of_name() if not one.exists and not same(one.source_id, facts.vm_id)]
        if not left:
            return Status.UNKNOWN, NOT_PROTECTED
        vault = spoken(vault_of(left[0].id))
        gone = f"{vault} backs up {left[0].source_id}, which does not exist"
        return Status.WARN, f"{gone}; this VM of the same name is not protected, so it may have been moved from there"
    if facts.vm_or_none() is None:
        found = facts.whereabouts().same_machine
        if found:
            return Status.FAIL, f"the vault backs up {facts.vm_id}; the VM with its unique id is now {found[0].id}"
        return Status.UNKNOWN, "the virtual machine is not there, and no VM with its unique id was found elsewhere"
    if not item.source_resource_id:
        return Status.UNKNOWN, "the protected item does not say which VM it is of"
    if same(item.source_resource_id, facts.vm_id):
        return Status.PASS, "the protected item is of the VM where it is now"
    return Status.FAIL, f"the vault backs up {item.source_resource_id}; the VM is now {facts.vm_id}"


LOCKS = Check(
    id="CHK-LOCKS",
    title="No lock stops the backup service from cleaning up",
    where=Where.ARM,
    facts=("locks", "collections"),
    also_reads=("vm", "policy", "made_by_backup"),
    fleet=True,
    expected="no lock on the backup service's resource group, on its collections, or inherited from the subscription",
    why="The service deletes old restore points after each backup. A lock stops that, and at 18 of them backups fail.",
    source=f"{SNAPSHOT_TIMEOUT}, remove lock from the recovery point resource group",
    look=_locks,
)
RPC_COUNT = Check(
    id="CHK-RPC-COUNT",
    title="The number of instant restore points is below the limit",
    where=Where.ARM,
    facts=("collections",),
    expected=f"fewer than {LIMIT} over all collections and resource groups; {WARN_FROM} or more is a warning",
    why=f"A VM can have {LIMIT} instant restore points. With so many, every backup fails until some are cleaned up.",
    source=f"{SNAPSHOT_TIMEOUT}, UserErrorRpCollectionLimitReached, clean up restore point collection",
    look=_points,
)
POLICY_DENY = Check(
    id="CHK-POLICY-DENY",
    title="No Azure Policy denies what a backup does",
    where=Where.ARM,
    facts=("denials",),
    also_reads=("policy_assignments", "made_by_backup"),
    expected="no denied request in the activity log of the last two days",
    why="A policy that requires tags or forbids regions also holds for the groups and points that the service makes.",
    source=f"{TROUBLESHOOT}, UserErrorRequestDisallowedByPolicy",
    look=_denied,
)
ASYNC_MOVE = Check(
    id="CHK-ASYNC-MOVE",
    title="The VM is where its vault thinks it is",
    where=Where.ARM,
    facts=("vm", "protection", "item"),
    also_reads=("whereabouts", "items_of_name"),
    fleet=True,
    expected="the protected item's source is the VM's resource id",
    why="After a move to another group or subscription the old item backs up nothing; protect the VM anew.",
    source=f"{MANAGE}, backing up a moved VM",
    look=_moved,
)
