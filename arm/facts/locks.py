"""Facts of Microsoft.Authorization: management locks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import NotFound
from ..ids import covers, parse, scope_of_lock
from ..session import Session
from .values import inner

API = "2020-05-01"
_REFUSED: dict[str, tuple[str, ...]] = {"cannotdelete": ("DELETE",), "notspecified": ()}


@dataclass(frozen=True)
class Lock:
    """A management lock, with everything needed to put it back as it was."""

    id: str
    name: str
    level: str
    notes: str | None
    owners: tuple[Mapping[str, Any], ...]

    @property
    def scope(self) -> str:
        """The subscription, resource group or resource it sits on."""
        return scope_of_lock(self.id)

    @property
    def on_subscription(self) -> bool:
        """Whether it is inherited by everything in a subscription."""
        return self.scope.strip("/").count("/") == 1

    def blocks(self, method: str, resource_id: str) -> bool:
        """Say whether this lock refuses a request to a resource (source: Azure's lock documentation).

        CanNotDelete refuses DELETE; ReadOnly refuses DELETE, PUT, PATCH and POST actions; NotSpecified refuses nothing.
        Locks themselves are exempt. A level that is not known here counts as ReadOnly.
        """
        refused = _REFUSED.get(self.level.lower(), ("DELETE", "PUT", "PATCH", "POST"))
        return method.upper() in refused and covers(self.scope, resource_id)

    def body(self) -> dict[str, Any]:
        """Return the request body that creates this very lock again."""
        properties: dict[str, Any] = {"level": self.level}
        if self.notes is not None:
            properties["notes"] = self.notes
        if self.owners:
            properties["owners"] = [dict(owner) for owner in self.owners]
        return {"properties": properties}


def parse_lock(entry: Mapping[str, Any]) -> Lock:
    """Return the lock of an ARM lock object."""
    properties = inner(entry, "properties")
    return Lock(
        id=str(entry.get("id", "")),
        name=str(entry.get("name", "")),
        level=str(properties.get("level", "")),
        notes=properties.get("notes"),
        owners=tuple(properties.get("owners") or ()),
    )


def read_locks(session: Session, resource_id: str) -> tuple[Lock, ...]:
    """Read all locks of the subscription of a resource: on it, on groups, and on single resources, in one list.

    A list without filter at subscription scope holds the locks at and below it (official example
    ``ManagementLocks_ListAtScope``). Permission: ``Microsoft.Authorization/locks/read``.
    """
    path = f"/subscriptions/{parse(resource_id).subscription}/providers/Microsoft.Authorization/locks"
    return tuple(sorted((parse_lock(entry) for entry in session.pages(path, API)), key=lambda lock: lock.id.lower()))


def read_lock(session: Session, lock_id: str) -> Lock | None:
    """Read one lock; ``None`` when it does not exist. Permission: ``Microsoft.Authorization/locks/read``."""
    try:
        return parse_lock(session.get(lock_id, API))
    except NotFound:
        return None
