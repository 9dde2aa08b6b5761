"""Finding things with Azure Resource Graph. It lags behind, so it only locates; what counts is read again."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from ..errors import AmbiguousVm, UsageError, VmNotFound
from ..ids import looks_like_id, normal, parse_vm
from ..session import Json, Session

API = "2021-03-01"
_VM_NAME = re.compile(r"[\w.-]{1,64}")
_GROUP_NAME = re.compile(r"[-\w._()]{1,90}")
MAX_CANDIDATES = 8


@dataclass(frozen=True)
class VmReference:
    """A virtual machine that was found: its id, and its region where that is already known."""

    id: str
    location: str = ""


def query(session: Session, text: str, subscriptions: tuple[str, ...] = ()) -> list[Json]:
    """Run a Resource Graph query and return its rows (at most 1000: callers ask for few).

    Args:
        session: where to ask.
        text: the KQL query; callers put only checked names into it.
        subscriptions: where to look; none means every subscription this identity can read.
    """
    body: Json = {"query": text, "options": {"resultFormat": "objectArray", "$top": 1000}}
    if subscriptions:
        body["subscriptions"] = list(subscriptions)
    rows = session.post("/providers/Microsoft.ResourceGraph/resources", API, body).get("data")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def find_vm(session: Session, vm: str, *, resource_group: str = "", subscription: str = "") -> VmReference:
    """Find the one virtual machine that a name or id means.

    Args:
        session: where to look.
        vm: name, or full resource id.
        resource_group: only in groups of this name.
        subscription: only in this subscription (id).

    Raises:
        VmNotFound: none; the error lists similar names.
        AmbiguousVm: several; the error lists their ids.
        UsageError: a malformed name or id.

    Permission: ``Microsoft.Compute/virtualMachines/read``.
    """
    if vm.startswith("/") or looks_like_id(vm):
        parsed = parse_vm(vm)
        return VmReference(
            f"/subscriptions/{parsed.subscription}/resourceGroups/{parsed.resource_group}"
            f"/providers/Microsoft.Compute/virtualMachines/{parsed.name}"
        )
    if not _VM_NAME.fullmatch(vm):
        raise UsageError(f"{vm!r} is not a name of a virtual machine", "Give its name, or its full resource id.")
    if resource_group and not _GROUP_NAME.fullmatch(resource_group):
        raise UsageError(f"{resource_group!r} is not a name of a resource group", "Check --resource-group.")
    scope = (subscription,) if subscription else ()
    narrowed = f" and resourceGroup =~ '{resource_group}'" if resource_group else ""
    found = query(
        session,
        f"resources | where type =~ 'microsoft.compute/virtualmachines' and name =~ '{vm}'{narrowed}"
        " | project id, name, location, resourceGroup, subscriptionId",
        scope,
    )
    rows = {normal(str(row.get("id", ""))): row for row in found}
    if len(rows) == 1:
        row = next(iter(rows.values()))
        return VmReference(str(row["id"]), str(row.get("location") or ""))
    if rows:
        raise AmbiguousVm(
            f"{len(rows)} virtual machines are called {vm!r}",
            "Narrow with --resource-group or --subscription, or give the full id.",
            sorted(str(row["id"]) for row in rows.values()),
        )
    raise VmNotFound(
        f"no virtual machine {vm!r}{f' in group {resource_group!r}' if resource_group else ''} can be read here",
        "Check the name, the subscription, and that this identity may read the machine.",
        _similar(session, vm, scope),
    )


def _similar(session: Session, vm: str, scope: tuple[str, ...]) -> list[str]:
    rows = query(session, "resources | where type =~ 'microsoft.compute/virtualmachines' | project id, name", scope)
    names = sorted({str(row.get("name", "")) for row in rows})
    close = difflib.get_close_matches(vm.lower(), [name.lower() for name in names], n=MAX_CANDIDATES, cutoff=0.4)
    return (
        sorted((name for name in names if name.lower() in close), key=lambda name: close.index(name.lower()))
        or names[:MAX_CANDIDATES]
    )


def find_protected_item(session: Session, vm_id: str) -> str:
    """Return the id of the protected item of a VM that is gone, or an empty text.

    ``backupStatus`` needs the region of a VM that still exists; Resource Graph remembers.
    Permission: ``…/protectedItems/read``.
    """
    subscription = parse_vm(vm_id).subscription
    rows = query(
        session,
        "recoveryservicesresources"
        " | where type =~ 'microsoft.recoveryservices/vaults/backupfabrics/protectioncontainers/protecteditems'"
        f" and tolower(tostring(properties.sourceResourceId)) == '{vm_id.lower()}' | project id, name",
        (subscription,),
    )
    return str(rows[0]["id"]) if len(rows) == 1 else ""
