"""Locks and permissions on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.errors import bad_parameter
from simulator.paging import page
from simulator.wire import ArmError, Json, Request, Response

from .state import Lock

if TYPE_CHECKING:
    from simulator.world import World


def lock_body(lock: Lock) -> Json:
    """Return a lock; notes and owners only when it has them."""
    properties: Json = {"level": lock.level}
    if lock.notes is not None:
        properties["notes"] = lock.notes
    if lock.owners:
        properties["owners"] = list(lock.owners)
    return {"properties": properties, "id": lock.id, "type": "Microsoft.Authorization/locks", "name": lock.name}


def list_locks(world: World, request: Request, scope: str) -> Response:
    """Answer the locks at, above and below a scope; ``$filter=atScope()``: at or above only."""
    scope = _scope(world, scope)
    locks = world.authorization.at_or_above(scope)
    wanted = request.query.get("$filter", "").replace(" ", "").lower()
    if wanted == "":
        locks += world.authorization.below(scope)
    elif wanted != "atscope()":
        raise bad_parameter(f"The filter '{request.query['$filter']}' is not supported; only atScope() is.", "$filter")
    return Response(200, page(request, [lock_body(lock) for lock in locks], world.page_size))


def _scope(world: World, scope: str) -> str:
    scope = "/" + scope.strip("/")
    world.resources.require_scope(scope)
    return scope


def _lock_id(world: World, names: dict[str, str]) -> str:
    return f"{_scope(world, names['scope'])}/providers/Microsoft.Authorization/locks/{names['lockName']}"


def get_lock(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Answer one lock."""
    lock = world.authorization.locks.get(_lock_id(world, names).lower())
    if lock is None:
        raise ArmError(404, "LockNotFound", f"The lock '{names['lockName']}' could not be found.")
    return Response(200, lock_body(lock))


def put_lock(world: World, request: Request, **names: str) -> Response:
    """Create or replace a lock."""
    known = world.authorization.locks.get(_lock_id(world, names).lower())
    properties = request.json().get("properties")
    if not isinstance(properties, dict) or not isinstance(properties.get("level"), str):
        raise ArmError(400, "InvalidRequestContent", "The lock must have 'properties' with a 'level'.")
    lock = world.authorization.add_lock(
        known.scope if known else _scope(world, names["scope"]),
        known.name if known else names["lockName"],
        properties["level"],
        properties.get("notes"),
        properties.get("owners"),
    )
    return Response(200 if known else 201, lock_body(lock))


def delete_lock(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Delete a lock; 204 when there is none."""
    lock = world.authorization.remove_lock(_lock_id(world, names))
    return Response(204 if lock is None else 200)


def list_permissions(world: World, request: Request, scope: str) -> Response:  # noqa: ARG001
    """Answer what the caller may do at a scope; locks and policies are not in it, as in Azure."""
    _scope(world, scope)
    granted = world.authorization.granted
    entry = {
        "actions": ["*"] if granted is None else sorted(granted),
        "notActions": sorted(world.authorization.denied),
        "dataActions": [],
        "notDataActions": [],
    }
    return Response(200, {"value": [entry]})
