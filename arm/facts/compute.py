"""Facts of Microsoft.Compute: the virtual machine and its restore point collections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..errors import BadResponse
from ..ids import parse, same
from ..session import Session
from .times import parse_time
from .values import inner

API = "2024-07-01"
VMSNAPSHOT_PUBLISHER = "microsoft.azure.recoveryservices"
VMSNAPSHOT_TYPES = ("vmsnapshot", "vmsnapshotlinux")


@dataclass(frozen=True)
class Extension:
    """A VM extension. Match on publisher and type: the name is free text."""

    id: str
    name: str
    publisher: str
    type: str
    provisioning_state: str

    @property
    def is_vmsnapshot(self) -> bool:
        """Whether it is the backup service's own extension."""
        return self.publisher.lower() == VMSNAPSHOT_PUBLISHER and self.type.lower() in VMSNAPSHOT_TYPES


@dataclass(frozen=True)
class VirtualMachine:
    """A virtual machine with its instance view.

    Attributes:
        unique_id: ``vmId``; a machine recreated under the same name has the same id but another unique id.
        power_state: such as ``running`` or ``deallocated``; ``unknown`` where Azure does not say.
        agent_status: ``Ready``, ``Not Ready``, or empty when the agent never reported.
    """

    id: str
    name: str
    location: str
    unique_id: str
    os_type: str
    tags: Mapping[str, str]
    provisioning_state: str
    power_state: str
    agent_status: str


@dataclass(frozen=True)
class RestorePoint:
    """One instant restore point (a snapshot kept beside the VM)."""

    id: str
    name: str
    created: datetime | None
    vm_unique_id: str
    provisioning_state: str


@dataclass(frozen=True)
class RestorePointCollection:
    """A restore point collection and its points, oldest first.

    Attributes:
        source_id: id of the VM it was made from; it remains when the VM is gone.
        listed: Azure said which points are in it; otherwise none are known, which is not the same as none.
    """

    id: str
    name: str
    group: str
    source_id: str
    points: tuple[RestorePoint, ...]
    listed: bool = True

    @property
    def made_by_backup(self) -> bool:
        """Whether the backup service made it: Microsoft documents the name ``AzureBackup_<VM>_<number>``."""
        return self.name.lower().startswith("azurebackup_")


def read_vm(session: Session, vm_id: str) -> VirtualMachine:
    """Read a VM with its instance view.

    Permission: ``Microsoft.Compute/virtualMachines/read``.

    Raises:
        NotFound: the VM does not exist (any more).
        BadResponse: the answer is about something else.
    """
    body = session.get(vm_id, API, expand_="instanceView")
    if not same(str(body.get("id", "")), vm_id):
        raise BadResponse(f"asked for {vm_id}, the answer is about {body.get('id')!r}", "Check the ARM endpoint.")
    properties = inner(body, "properties")
    view = inner(properties, "instanceView")
    codes = [str(status.get("code", "")) for status in view.get("statuses") or []]
    power = next((code.split("/", 1)[1] for code in codes if code.lower().startswith("powerstate/")), "unknown")
    agent = inner(view, "vmAgent").get("statuses") or []
    return VirtualMachine(
        id=str(body.get("id") or vm_id),
        name=str(body.get("name") or parse(vm_id).name),
        location=str(body.get("location", "")),
        unique_id=str(properties.get("vmId", "")),
        os_type=str(inner(properties, "storageProfile", "osDisk").get("osType", "")),
        tags=dict(body.get("tags") or {}),
        provisioning_state=str(properties.get("provisioningState", "")),
        power_state=power,
        agent_status=str(agent[0].get("displayStatus", "")) if agent else "",
    )


def read_extensions(session: Session, vm_id: str) -> tuple[Extension, ...]:
    """Read the extensions of a VM, hidden ones included.

    Permission: ``Microsoft.Compute/virtualMachines/extensions/read``.
    """
    body = session.get(f"{vm_id}/extensions", API)
    return tuple(
        Extension(
            id=str(entry.get("id", "")),
            name=str(entry.get("name", "")),
            publisher=str(inner(entry, "properties").get("publisher", "")),
            type=str(inner(entry, "properties").get("type", "")),
            provisioning_state=str(inner(entry, "properties").get("provisioningState", "")),
        )
        for entry in body.get("value") or []
    )


def read_collection_ids(session: Session, vm_id: str) -> tuple[str, ...]:
    """Return the ids of all restore point collections made from a VM, over all resource groups.

    Found by ``source.id``, never by name. Permission: ``Microsoft.Compute/restorePointCollections/read``.
    """
    path = f"/subscriptions/{parse(vm_id).subscription}/providers/Microsoft.Compute/restorePointCollections"
    found = (
        str(entry["id"])
        for entry in session.pages(path, API)
        if same(str(inner(entry, "properties", "source").get("id", "")), vm_id)
    )
    return tuple(sorted(found, key=str.lower))


def read_collection(session: Session, collection_id: str) -> RestorePointCollection:
    """Read one collection with its restore points (lists of collections do not carry them).

    Permission: ``Microsoft.Compute/restorePointCollections/read`` and ``…/restorePoints/read``.
    """
    body = session.get(collection_id, API, expand_="restorePoints")
    properties = inner(body, "properties")
    points = [_restore_point(entry) for entry in properties.get("restorePoints") or []]
    return RestorePointCollection(
        id=str(body.get("id") or collection_id),
        name=str(body.get("name") or parse(collection_id).name),
        group=parse(collection_id).resource_group,
        source_id=str(inner(properties, "source").get("id", "")),
        points=tuple(sorted(points, key=lambda point: (point.created is None, point.created or 0, point.name))),
        listed=isinstance(properties.get("restorePoints"), list),
    )


def _restore_point(entry: Mapping[str, Any]) -> RestorePoint:
    properties = inner(entry, "properties")
    return RestorePoint(
        id=str(entry.get("id", "")),
        name=str(entry.get("name", "")),
        created=parse_time(properties.get("timeCreated")),
        vm_unique_id=str(inner(properties, "sourceMetadata").get("vmId", "")),
        provisioning_state=str(properties.get("provisioningState", "")),
    )
