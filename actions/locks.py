"""Remove a management lock, and put one back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arm.facts.collect import VmFacts
from arm.facts.locks import Lock, read_lock
from arm.ids import same, scope_of_lock, spoken

from .change import Change, Effects, Impact, NoChange, Undo


def remove_lock(facts: VmFacts, lock: Lock, *, service_group: bool, reason: str) -> Effects:
    """Remove a lock that keeps the backup service from cleaning up its restore points.

    A lock on the backup service's own group, or on a collection in it, stays off: Microsoft advises not to lock that
    group. Any other lock is a loan: it is put back at the end, and taking it off needs an approval.

    Args:
        facts: facts of the VM.
        lock: the lock, with everything needed to put it back.
        service_group: it sits on, or inside, a group that the backup service made.
        reason: why it has to go.

    Permission: ``Microsoft.Authorization/locks/delete``. Source: catalogue action ``remove_lock``.
    """
    if not any(same(known.id, lock.id) for known in facts.locks()):
        yield NoChange(f"lock {lock.name!r} does not exist")
        return
    copy = lock.body()
    yield Change(
        action="remove_lock",
        operation="locks.delete",
        target=lock.id,
        summary=f"remove the {lock.level} lock {lock.name!r} on {spoken(lock.scope)}",
        reason=reason,
        before={"scope": lock.scope, **copy["properties"]},
        after=None,
        impact=Impact.NONE if service_group else Impact.SECURITY,
        undo=Undo("restore_lock", "locks.create_or_update", lock.id, copy),
        loan=not service_group,
    )


def restore_lock(facts: VmFacts, lock_id: str, body: Mapping[str, Any]) -> Effects:
    """Put a removed lock back exactly as it was: name, level, notes and owners.

    A lock of that name that somebody has set differently in the meantime is theirs: replacing it needs an approval.

    Args:
        facts: facts of the VM.
        lock_id: id of the lock.
        body: the request body that was recorded before it was removed.

    Permission: ``Microsoft.Authorization/locks/write``. Source: catalogue action ``restore_lock``.
    """
    existing = read_lock(facts.session, lock_id)
    if existing is not None and existing.body() == body:
        yield NoChange(f"lock {existing.name!r} is already there as it was")
        return
    properties = dict(body["properties"])
    name = lock_id.rstrip("/").rsplit("/", 1)[-1]
    yield Change(
        action="restore_lock",
        operation="locks.create_or_update",
        target=lock_id,
        summary=f"put the {properties.get('level')} lock {name!r} back on {spoken(scope_of_lock(lock_id))}",
        reason="it was there before the repair",
        before=existing.body()["properties"] if existing else None,
        after=properties,
        impact=Impact.NONE if existing is None else Impact.SECURITY,
        body=body,
    )
