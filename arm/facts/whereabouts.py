"""Facts about a machine that is not where it was: gone, moved, or not to be seen with this identity."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import Forbidden, NotFound
from ..ids import parse_vm, same
from ..session import Session
from .access import matches
from .compute import read_vm
from .graph import query
from .values import inner

PERMISSIONS_API = "2022-04-01"
SUBSCRIPTIONS_API = "2022-12-01"
READ_VM = "Microsoft.Compute/virtualMachines/read"
_UNIQUE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class Sighting:
    """A virtual machine of the same name or the same unique id at another place, as it was read there."""

    id: str
    unique_id: str


@dataclass(frozen=True)
class Whereabouts:
    """Where a machine that does not exist under its id may be.

    Attributes:
        unique_ids: the unique ids that were looked for; none when nothing tells them.
        sightings: the machines that may be it.
        subscriptions: the subscriptions that were looked through, by name or id.
        blind: why finding nothing proves nothing; empty when it does prove something.
    """

    unique_ids: tuple[str, ...]
    sightings: tuple[Sighting, ...]
    subscriptions: tuple[str, ...]
    blind: str = ""

    @property
    def same_machine(self) -> tuple[Sighting, ...]:
        """The sightings that have one of the unique ids."""
        known = {one.lower() for one in self.unique_ids}
        return tuple(one for one in self.sightings if one.unique_id.lower() in known)


@dataclass(frozen=True)
class KnownItem:
    """A protected item of some vault, as Resource Graph shows it.

    Attributes:
        source_id: the machine that it is of, by its id.
        exists: that machine exists.
    """

    id: str
    source_id: str
    state: str
    exists: bool


def read_whereabouts(session: Session, vm_id: str, unique_ids: tuple[str, ...]) -> Whereabouts:
    """Look for a machine everywhere this identity can read, by its unique id and by its name (a move keeps both).

    Resource Graph leaves out what may not be read without saying so. Whether its silence counts is therefore asked of
    the permissions at the machine's subscription. It lags behind, too: what it shows is read again where it is.

    Args:
        session: where to look.
        vm_id: the id under which the machine does not exist.
        unique_ids: the unique ids it may have, as its restore points tell.

    Permission: ``Microsoft.Compute/virtualMachines/read``, ``Microsoft.Authorization/permissions/read``. The list of
    subscriptions takes none: it holds what the identity has a role in.
    """
    name, known = parse_vm(vm_id).name, tuple(one for one in unique_ids if _UNIQUE_ID.fullmatch(one))
    blind = _blind(session, f"/subscriptions/{parse_vm(vm_id).subscription}")
    either = " or ".join([f"name =~ '{name}'", *(f"tostring(properties.vmId) =~ '{one}'" for one in known)])
    rows = query(
        session, f"resources | where type =~ 'microsoft.compute/virtualmachines' and ({either}) | project id, name"
    )
    found = [_sighting(session, str(row["id"])) for row in rows if not same(str(row["id"]), vm_id)]
    seen = session.pages("/subscriptions", SUBSCRIPTIONS_API)
    names = tuple(sorted(str(entry.get("displayName") or entry.get("subscriptionId")) for entry in seen))
    return Whereabouts(known, tuple(one for one in found if one is not None), names, blind)


def _sighting(session: Session, vm_id: str) -> Sighting | None:
    try:
        vm = read_vm(session, vm_id)
    except NotFound:
        return None
    return Sighting(vm.id, vm.unique_id)


def _blind(session: Session, subscription: str) -> str:
    try:
        permitted = may(session, subscription, READ_VM)
    except (Forbidden, NotFound) as error:
        return f"whether this identity may read every machine of {subscription} cannot be told: {error.message}"
    return "" if permitted else f"this identity may not read every machine of {subscription} ({READ_VM})"


def may(session: Session, scope: str, action: str) -> bool:
    """Say whether the roles of this identity allow an action on everything at and below a scope.

    Permission: ``Microsoft.Authorization/permissions/read``.
    """
    entries = session.pages(f"{scope}/providers/Microsoft.Authorization/permissions", PERMISSIONS_API)
    return any(
        matches(entry.get("actions") or (), action) and not matches(entry.get("notActions") or (), action)
        for entry in entries
    )


def read_items_of_name(session: Session, vm_id: str) -> tuple[KnownItem, ...]:
    """Return the protected items of this machine and of its namesakes, over all vaults that can be read.

    Permission: ``…/protectedItems/read``, ``Microsoft.Compute/virtualMachines/read``.
    """
    rows = query(
        session,
        "recoveryservicesresources"
        " | where type =~ 'microsoft.recoveryservices/vaults/backupfabrics/protectioncontainers/protecteditems'"
        f" and properties.friendlyName =~ '{parse_vm(vm_id).name}' | project id, name, properties",
    )
    found = []
    for row in rows:
        properties = inner(row, "properties")
        source = str(properties.get("sourceResourceId") or properties.get("virtualMachineId") or "")
        exists = same(source, vm_id) or (bool(source) and _sighting(session, source) is not None)
        found.append(KnownItem(str(row["id"]), source, str(properties.get("protectionState", "")), exists))
    return tuple(found)
