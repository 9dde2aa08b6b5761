"""Finding things with Azure Resource Graph. It lags behind, so it only locates; what counts is read again."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass

from ..errors import AmbiguousVm, BadResponse, UsageError, VmNotFound
from ..ids import looks_like_id, normal, parse_vm, same
from ..session import MAX_PAGES, Json, Session
from .values import inner

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


def query_all(session: Session, text: str, subscriptions: tuple[str, ...] = ()) -> list[Json]:
    """Run a Resource Graph query and return its rows over all pages of 1000.

    Args:
        session: where to ask.
        text: the KQL query; it has to project ``id``, else Azure gives no next page.
        subscriptions: where to look; none means every subscription this identity can read.

    Raises:
        BadResponse: pages without end, or an answer that Azure cut off.
    """
    options: Json = {"resultFormat": "objectArray", "$top": 1000}
    body: Json = {
        "query": text,
        "options": options,
        **({"subscriptions": list(subscriptions)} if subscriptions else {}),
    }
    found: dict[str, Json] = {}
    seen: set[str] = set()
    while True:
        answer = session.post("/providers/Microsoft.ResourceGraph/resources", API, body)
        rows, token = answer.get("data"), str(answer.get("$skipToken") or "")
        for row in rows if isinstance(rows, list) else []:
            found.setdefault(normal(str(row.get("id", ""))), row)  # a page that comes twice must not count twice
        if not token and str(answer.get("resultTruncated", "")).lower() != "true":
            return list(found.values())
        if not token or token in seen or len(seen) >= MAX_PAGES:
            raise BadResponse(
                "Resource Graph gave only a part of what was asked", "Narrow it: a vault, a subscription."
            )
        seen.add(token)
        options["$skipToken"] = token


def find_vm(session: Session, vm: str, *, resource_group: str = "", subscription: str = "") -> VmReference:
    """Find the one virtual machine that a name or id means; one that is gone, by the backup item it has left.

    Args:
        session: where to look.
        vm: name, or full resource id.
        resource_group: only in groups of this name.
        subscription: only in this subscription (id).

    Raises:
        VmNotFound: none; the error lists similar names.
        AmbiguousVm: several; the error lists their ids.
        UsageError: a malformed name or id.

    Permission: ``Microsoft.Compute/virtualMachines/read``; ``…/protectedItems/read`` for one that is gone.
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
    rows = {normal(str(row.get("id", ""))): row for row in found or _left_behind(session, vm, resource_group, scope)}
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


_ITEMS = (
    "recoveryservicesresources"
    " | where type =~ 'microsoft.recoveryservices/vaults/backupfabrics/protectioncontainers/protecteditems'"
)


def _left_behind(session: Session, vm: str, resource_group: str, scope: tuple[str, ...]) -> list[Json]:
    """Return the VMs of that name whose protected items are still there, though none of them can be found itself."""
    rows = query(session, f"{_ITEMS} and properties.friendlyName =~ '{vm}' | project id, properties", scope)
    ids = [str(inner(row, "properties").get("sourceResourceId") or "") for row in rows]
    return [
        {"id": one}
        for one in ids
        if looks_like_id(one) and (not resource_group or same(parse_vm(one).resource_group, resource_group))
    ]


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
    found = find_protected_items(session, vm_id)
    return found[0] if len(found) == 1 else ""


def find_protected_items(session: Session, vm_id: str) -> tuple[str, ...]:
    """Return the ids of the protected items of a VM over all vaults, stopped and soft-deleted ones included.

    Permission: ``…/protectedItems/read``.
    """
    subscription = parse_vm(vm_id).subscription
    rows = query(
        session,
        f"{_ITEMS} and tolower(tostring(properties.sourceResourceId)) == '{vm_id.lower()}' | project id, name",
        (subscription,),
    )
    return tuple(str(row["id"]) for row in rows)
