"""Recovery-point safety: never delete the only copy of somebody's backup."""

from __future__ import annotations

from datetime import timedelta

from actions.change import Change
from actions.restore_points import service_points
from arm.facts.backup import RecoveryPoint
from arm.facts.collect import VmFacts
from arm.facts.compute import RestorePoint, RestorePointCollection
from arm.facts.times import iso
from arm.ids import covers, same

from .model import Guarded, Refusal

SAME_BACKUP = timedelta(minutes=5)
"""A restore point and a recovery point whose times differ by no more than this came from one backup."""
_GUARD = "recovery-point-safety"
_DELETES = ("restore_points.delete", "restore_point_collections.delete")


def recovery_point_safety(change: Change, situation: Guarded) -> Refusal | None:
    """Refuse to delete a restore point unless it is the service's, of this VM, not the newest, and in the vault."""
    if change.operation not in _DELETES:
        return None
    facts = situation.facts
    found = [one for one in facts.collections() if covers(one.id, change.target)]
    if not found:
        return _no(f"{change.target} is not a restore point collection of this VM", "Look at it in the portal.")
    collection = found[0]
    whole = same(collection.id, change.target)
    points = [point for point in collection.points if whole or same(point.id, change.target)]
    if not points and not whole:
        saw = f"{change.target} is not there, or not any more"
        return Refusal(_GUARD, saw, "Plan again with what is there now.", passing=True)
    return (
        _not_ours(collection, facts)
        or _not_listed(collection)
        or _recreated_vm(points, facts)
        or (None if whole else _newest(points, facts))
        or _only_copy(points, facts)
    )


def vault_copy(point: RestorePoint, recovery_points: tuple[RecoveryPoint, ...]) -> RecoveryPoint | None:
    """Return the recovery point of the same backup when it has a valid copy in the vault or archive tier.

    When two are as near in time, nobody knows which one it is; then both must have such a copy.
    """
    if point.created is None:
        return None
    created = point.created
    timed = [(abs(one.time - created), one) for one in recovery_points if one.time is not None]
    if not timed:
        return None
    distance = min(pair[0] for pair in timed)
    nearest = [one for away, one in timed if away == distance]
    return nearest[0] if distance <= SAME_BACKUP and all(one.in_vault for one in nearest) else None


def _no(saw: str, next_step: str) -> Refusal:
    return Refusal(_GUARD, saw, next_step)


def _not_ours(collection: RestorePointCollection, facts: VmFacts) -> Refusal | None:
    if collection.made_by_backup and same(collection.source_id, facts.vm_id):
        return None
    saw = f"the collection {collection.name} was not made by the backup service for this VM"
    return _no(saw, "Ask who made it; it is never deleted from here.")


def _not_listed(collection: RestorePointCollection) -> Refusal | None:
    if collection.listed:
        return None
    return _no(f"Azure did not say which restore points are in {collection.name}", "Look at it in the portal.")


def _recreated_vm(points: list[RestorePoint], facts: VmFacts) -> Refusal | None:
    vm = facts.vm_or_none()
    for point in points:
        if vm is not None and point.vm_unique_id and point.vm_unique_id.lower() != vm.unique_id.lower():
            saw = f"the restore point {point.name} belongs to an earlier VM of the same name ({point.vm_unique_id})"
            return _no(saw, "Decide by hand whether the earlier machine's restore points may go.")
    return None


def _newest(points: list[RestorePoint], facts: VmFacts) -> Refusal | None:
    ours = service_points(facts)
    for point in points:
        if ours and same(point.id, ours[-1][1].id):
            return _no(f"{point.name} is the newest restore point", "Keep it; delete older ones.")
    return None


def _only_copy(points: list[RestorePoint], facts: VmFacts) -> Refusal | None:
    recovery_points = facts.recovery_points()
    for point in points:
        if vault_copy(point, recovery_points) is None:
            when = f" of {iso(point.created)}" if point.created else ""
            saw = f"no valid copy of the restore point {point.name}{when} is known in the vault; it may be the only one"
            return _no(saw, "Wait for its transfer to the vault, or decide by hand that it may go.")
    return None
