"""The rules of locks and permissions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from simulator.services.identity.tokens import CLIENT_ID, OBJECT_ID
from simulator.wire import ArmError, Json

from .policies import Policies
from .roles import Roles
from .scopes import pattern, within

if TYPE_CHECKING:
    from simulator.world import World

LEVELS = ("CanNotDelete", "ReadOnly", "NotSpecified")
REFUSED = {"CanNotDelete": ("DELETE",), "ReadOnly": ("PUT", "PATCH", "POST", "DELETE"), "NotSpecified": ()}
_RESOURCE = re.compile(r"(?P<before>.*?)/providers/(?P<namespace>[^/]+)/(?P<rest>.+)", re.IGNORECASE)


@dataclass
class Lock:
    """One management lock on the scope it was created at."""

    scope: str
    name: str
    level: str
    notes: str | None = None
    owners: list[Json] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The full resource id, in the case it was created with."""
        return f"{self.scope}/providers/Microsoft.Authorization/locks/{self.name}"


class AuthorizationState:
    """All locks, roles and policies, and what the caller may do.

    ``denied`` holds actions, or patterns with ``*``, that the caller lacks; ``granted`` the only ones that the caller
    has (``None``: all). ``removal_delay`` is how long a deleted lock is still enforced
    (though no longer listed), as Azure's propagation is not instant.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.locks: dict[str, Lock] = {}
        self.lingering: dict[str, Lock] = {}
        self.denied: set[str] = set()
        self.granted: set[str] | None = None
        self.roles = Roles(world)
        self.policies = Policies(world)
        self.removal_delay = timedelta(0)

    def add_lock(
        self, scope: str, name: str, level: str, notes: str | None = None, owners: Sequence[Json] | None = None
    ) -> Lock:
        """Create or replace a lock at a subscription, resource group or resource.

        Raises:
            ArmError: 400 for a level other than CanNotDelete, ReadOnly and NotSpecified.
        """
        found = next((known for known in LEVELS if known.lower() == level.lower()), None)
        if found is None:
            message = f"The lock level '{level}' is not supported. Supported levels are '{', '.join(LEVELS)}'."
            raise ArmError(400, "InvalidLockLevel", message)
        lock = Lock(scope.rstrip("/"), name, found, notes or None, list(owners or ()))
        self.locks[lock.id.lower()] = lock
        self.lingering.pop(lock.id.lower(), None)
        return lock

    def remove_lock(self, lock_id: str) -> Lock | None:
        """Delete a lock and return it; ``None`` when there was none."""
        lock = self.locks.pop(lock_id.lower(), None)
        if lock is not None and self.removal_delay:
            self.lingering[lock.id.lower()] = lock
            self._world.clock.call_later(self.removal_delay, lambda: self._settle(lock))
        return lock

    def _settle(self, lock: Lock) -> None:
        if self.lingering.get(lock.id.lower()) is lock:
            del self.lingering[lock.id.lower()]

    def at_or_above(self, scope: str) -> list[Lock]:
        """Locks that apply to ``scope``: on itself or inherited."""
        return [lock for lock in self.locks.values() if within(scope, lock.scope)]

    def below(self, scope: str) -> list[Lock]:
        """Locks on something inside ``scope``, not on itself."""
        return [lock for lock in self.locks.values() if within(lock.scope, scope) and not within(scope, lock.scope)]

    def blocking(self, path: str, method: str) -> list[Lock]:
        """Locks at or above the resource of ``path`` that refuse ``method``, those just deleted included."""
        in_force = [*self.locks.values(), *self.lingering.values()]
        return [lock for lock in in_force if method.upper() in REFUSED[lock.level] and within(path, lock.scope)]

    def require_unlocked(self, path: str, method: str) -> None:
        """Do nothing when no lock refuses this.

        Raises:
            ArmError: 409 ``ScopeLocked``.
        """
        locks = self.blocking(path, method)
        if locks:
            raise scope_locked(path, method, locks)

    def require(self, action: str, path: str) -> None:
        """Check that the caller may do this. Outside of subscriptions, no grant is needed.

        Raises:
            ArmError: 403 ``AuthorizationFailed``.
        """
        inside = path.lower().startswith("/subscriptions/")
        if _any(self.denied, action) or (inside and not self.is_granted(action)):
            raise forbidden(action, path)

    def is_granted(self, action: str) -> bool:
        """Whether what was granted to the caller covers an action."""
        return self.granted is None or _any(self.granted, action)

    def may(self, action: str) -> bool:
        """Whether the caller has this permission."""
        return self.is_granted(action) and not _any(self.denied, action)


def _any(patterns: set[str], action: str) -> bool:
    return any(pattern(entry).fullmatch(action) for entry in patterns)


def forbidden(action: str, path: str) -> ArmError:
    """403 with Azure's text, naming the caller, the action and the scope."""
    return ArmError(
        403,
        "AuthorizationFailed",
        f"The client '{CLIENT_ID}' with object id '{OBJECT_ID}' does not have authorization to perform action "
        f"'{action}' over scope '{resource_of(path)}' or the scope is invalid. If access was recently granted, please "
        "refresh your credentials.",
    )


def scope_locked(path: str, method: str, locks: Sequence[Lock]) -> ArmError:
    """409 with Azure's text, naming the refused scope and the locked ones."""
    verb = "delete" if method.upper() == "DELETE" else "write"
    scopes = ",".join(dict.fromkeys(lock.scope for lock in locks))
    return ArmError(
        409,
        "ScopeLocked",
        f"The scope '{resource_of(path)}' cannot perform {verb} operation because following scope(s) are locked: "
        f"'{scopes}'. Please remove the lock and try again.",
    )


def resource_of(path: str) -> str:
    """The resource a path acts on: an action's name at its end (``.../web-01/restart``) is not part of it."""
    path = path.rstrip("/")
    found = _RESOURCE.fullmatch(path)
    if found is None:
        return path
    parts = found["rest"].split("/")
    return path if len(parts) % 2 == 0 else path.rpartition("/")[0]
