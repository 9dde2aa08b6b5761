"""ARM resource ids. Azure writes the same id in several cases, so every comparison is in lower case."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from .errors import UsageError

_LOCK = "/providers/microsoft.authorization/locks/"
_ID = re.compile(r"^/subscriptions/[^/]+(/[^/]+)*$", re.IGNORECASE)
_VM_ID = re.compile(r"[\w.()/-]+")


@dataclass(frozen=True)
class ResourceId:
    """The parts of an ARM id; ``types`` and ``names`` run side by side for nested resources."""

    subscription: str
    resource_group: str
    namespace: str
    types: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def name(self) -> str:
        """The last name: the resource's own."""
        return self.names[-1] if self.names else ""

    @property
    def type(self) -> str:
        """``Namespace/type/subtype``, in the case given."""
        return "/".join((self.namespace, *self.types))


def normal(resource_id: str) -> str:
    """Return the id for comparison: lower case, decoded, one slash between parts, none at the end.

    >>> normal("/Subscriptions/S//resourceGroups/RG/")
    '/subscriptions/s/resourcegroups/rg'
    """
    return "/" + re.sub("/+", "/", unquote(resource_id)).strip("/").lower()


def same(one: str, other: str) -> bool:
    """Say whether two ids name the same resource."""
    return normal(one) == normal(other)


def parse(resource_id: str) -> ResourceId:
    """Split an id into its parts.

    Raises:
        UsageError: when the text is not an ARM resource id below a resource group.
    """
    parts = re.sub("/+", "/", unquote(resource_id)).strip("/").split("/")
    keys = [part.lower() for part in parts]
    if (
        len(parts) < 8
        or keys[0] != "subscriptions"
        or keys[2] != "resourcegroups"
        or keys[4] != "providers"
        or len(parts) % 2
    ):
        raise UsageError(
            f"{resource_id!r} is not a full Azure resource id",
            "Give /subscriptions/…/resourceGroups/…/providers/…/…/NAME, or just the name.",
        )
    return ResourceId(parts[1], parts[3], parts[5], tuple(parts[6::2]), tuple(parts[7::2]))


def parse_vm(resource_id: str) -> ResourceId:
    """Split the id of a virtual machine.

    Raises:
        UsageError: when the id is not that of a virtual machine, or has characters that none can have (quotes, say).
    """
    parsed = parse(resource_id)
    if parsed.type.lower() != "microsoft.compute/virtualmachines":
        raise UsageError(
            f"{resource_id!r} is a {parsed.type}, not a virtual machine",
            "Give the id of a Microsoft.Compute/virtualMachines resource.",
        )
    if not _VM_ID.fullmatch(unquote(resource_id)):
        raise UsageError(
            f"{resource_id!r} has characters that no id of a virtual machine has", "Copy the id from the portal."
        )
    return parsed


def looks_like_id(text: str) -> bool:
    """Say whether a text is meant as a full id rather than a name."""
    return bool(_ID.match(text))


def group_id(resource_id: str) -> str:
    """Return the id of the resource group that holds the resource."""
    parsed = parse(resource_id)
    return f"/subscriptions/{parsed.subscription}/resourceGroups/{parsed.resource_group}"


def scope_of_lock(lock_id: str) -> str:
    """Return the scope a management lock sits on: the part of its id before the lock itself."""
    lowered = lock_id.lower()
    at = lowered.rfind(_LOCK)
    return lock_id[:at] if at >= 0 else lock_id


def covers(scope: str, resource_id: str) -> bool:
    """Say whether something at ``scope`` (a lock, a role) applies to the resource: same place or above it."""
    above, below = normal(scope), normal(resource_id)
    return below == above or below.startswith(above + "/")


def spoken(resource_id: str) -> str:
    """Return an id as people say it; the full id is for machines.

    >>> spoken("/subscriptions/s/resourceGroups/rg-web")
    "resource group 'rg-web'"
    >>> spoken("/subscriptions/s")
    "subscription 's'"
    """
    parts = resource_id.strip("/").split("/")
    if len(parts) == 2:
        return f"subscription {parts[1]!r}"
    if len(parts) == 4:
        return f"resource group {parts[3]!r}"
    return f"{parts[-2]} {parts[-1]!r} in resource group {parts[3]!r}" if len(parts) > 4 else resource_id
