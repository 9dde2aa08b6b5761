"""The whole world as JSON, for people."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .clock import iso
from .services.authorization.handlers import lock_body
from .services.authorization.rolehandlers import assignment_body, policy_assignment_body
from .services.compute.model import Vm
from .services.inventory import views
from .wire import Json

if TYPE_CHECKING:
    from .world import World


def describe(world: World) -> Json:
    """Return time, groups, resources, locks, roles, operations, and what the backup service holds."""
    return {
        "time": iso(world.clock.now),
        "tenant": world.tenant,
        "subscription": world.subscription,
        "groups": plain(list(world.resources.groups.values())),
        "vms": [_vm(vm) for vm in world.compute.vms.values()],
        "locks": [lock_body(lock) for lock in world.authorization.locks.values()],
        "collections": [
            plain(collection) | {"points": _values(collection.points)}
            for collection in world.compute.collections.values()
        ],
        "operations": [
            {"id": entry.id, "kind": entry.kind, "status": entry.status, "error": entry.error}
            for entry in world.operations.by_id.values()
        ],
        "denied_actions": sorted(world.authorization.denied),
        "granted_actions": granted_actions(world),
        "role_assignments": [assignment_body(world, one) for one in world.authorization.roles.assignments.values()],
        "policy_assignments": [
            policy_assignment_body(one) for one in world.authorization.policies.assignments.values()
        ],
        "resources": list(views.everything(world)),
        "vaults": world.recoveryservices.describe(),
    }


def granted_actions(world: World) -> list[str] | None:
    """Return the only actions that the caller has; ``None``: all."""
    granted = world.authorization.granted
    return None if granted is None else sorted(granted)


def _vm(vm: Vm) -> Json:
    inside = None if vm.inside is None else vm.inside.state
    body: Json = plain(replace(vm, inside=None)) | {"extensions": _values(vm.extensions), "inside": plain(inside)}
    return body


def _values(mapping: Mapping[Any, Any]) -> Any:
    return [plain(value) for value in mapping.values()]


def plain(value: Any) -> Any:
    """Return dataclasses as objects and times as text."""
    if isinstance(value, datetime):
        return iso(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {entry.name: plain(getattr(value, entry.name)) for entry in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    return [plain(entry) for entry in value] if isinstance(value, (list, tuple)) else value
