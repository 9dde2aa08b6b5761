"""Delete instant restore points that the backup service's own clean-up did not remove."""

from __future__ import annotations

from arm.facts.collect import VmFacts
from arm.facts.compute import RestorePoint, RestorePointCollection
from arm.facts.times import iso

from .change import Change, Effects, Impact, NoChange

LIMIT = 18
"""Instant restore points per VM over all collections and groups (Microsoft's limit)."""


def service_points(facts: VmFacts) -> list[tuple[RestorePointCollection, RestorePoint]]:
    """Return the restore points that the backup service made, oldest first, over all its collections of this VM."""
    pairs = [(one, point) for one in facts.collections() if one.made_by_backup for point in one.points]
    return sorted(pairs, key=lambda pair: (pair[1].created is None, pair[1].created or 0, pair[1].id.lower()))


def count_points(facts: VmFacts) -> int:
    """Return how many instant restore points the VM has, over all collections, user-made ones included."""
    return sum(len(collection.points) for collection in facts.collections())


def delete_restore_points(facts: VmFacts, *, keep: int = LIMIT - 1) -> Effects:
    """Delete the oldest restore points, one by one, until ``keep`` are left.

    Only points in collections that the backup service made; the newest one always stays. Whether each is safe to delete
    (a copy in the vault) is the recovery-point guard's decision.

    Args:
        facts: facts of the VM.
        keep: how many instant restore points may remain, at least 1.

    Permission: ``Microsoft.Compute/restorePointCollections/restorePoints/delete``.
    Source: catalogue action ``delete_oldest_restore_points``.
    """
    surplus = count_points(facts) - max(keep, 1)
    candidates = service_points(facts)[:-1]
    if surplus <= 0:
        yield NoChange(f"{count_points(facts)} restore points, {keep} may stay")
        return
    if not candidates:
        yield NoChange("the backup service has made no restore point of this VM but the newest, which always stays")
        return
    for collection, point in candidates[:surplus]:
        created = iso(point.created) if point.created else "unknown"
        yield Change(
            action="delete_restore_points",
            operation="restore_points.delete",
            target=point.id,
            summary=f"delete the restore point {point.name} of {created} from {collection.name}",
            reason=f"the VM has {count_points(facts)} instant restore points; backups fail at {LIMIT}",
            before={"collection": collection.name, "created": created},
            after=None,
            impact=Impact.DESTRUCTIVE,
        )


def delete_restore_point_collection(facts: VmFacts, *, collection: str = "") -> Effects:
    """Delete whole restore point collections of the backup service, with all their points: the last resort.

    The next backup makes a new collection and may run in the slower checksum mode, for a day and more.

    Args:
        facts: facts of the VM.
        collection: only the one of this name; else every collection the backup service made.

    Permission: ``Microsoft.Compute/restorePointCollections/delete``.
    Source: catalogue action ``delete_restore_point_collection``.
    """
    chosen = [one for one in facts.collections() if one.made_by_backup and collection.lower() in ("", one.name.lower())]
    if not chosen:
        yield NoChange(f"no restore point collection {collection or 'of the backup service'} exists for this VM")
    for one in chosen:
        yield Change(
            action="delete_restore_point_collection",
            operation="restore_point_collections.delete",
            target=one.id,
            summary=f"delete the restore point collection {one.name} with its {len(one.points)} restore points",
            reason="its restore points could not be removed in any gentler way",
            before={"group": one.group, "restore_points": [point.name for point in one.points]},
            after=None,
            impact=Impact.DESTRUCTIVE,
        )
