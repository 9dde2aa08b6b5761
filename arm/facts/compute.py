"""Facts of Microsoft.Compute: the virtual machine and its restore point collections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """A VM extension. Match on publisher and type: the name is free text.

    Attributes:
        message: what its handler last said; only where the VM's instance view told it.
    """

    id: str
    name: str
    publisher: str
    type: str
    provisioning_state: str
    message: str = ""

    @property
    def is_vmsnapshot(self) -> bool:
        """Whether it is the backup service's own extension."""
        return self.publisher.lower() == VMSNAPSHOT_PUBLISHER and self.type.lower() in VMSNAPSHOT_TYPES


@dataclass(frozen=True)
class VmDisk:
    """One disk of a VM, as the VM's own model names it.

    Attributes:
        id: the managed disk; empty for an unmanaged one.
        lun: its number; ``None`` for the OS disk.
        size_gb: in GiB; ``None`` where the model does not say (a stopped VM).
        storage: such as ``Premium_LRS``; empty where the model does not say.
        write_accelerator: whether write acceleration is on.
        ephemeral: whether it is an OS disk on the host itself, which no backup can read.
        vhd: URL of the blob of an unmanaged disk; empty for a managed one.
    """

    name: str
    id: str
    lun: int | None
    size_gb: int | None
    storage: str
    write_accelerator: bool = False
    ephemeral: bool = False
    vhd: str = ""


@dataclass(frozen=True)
class VirtualMachine:
    """A virtual machine with its instance view.

    Attributes:
        unique_id: ``vmId``; a machine recreated under the same name has the same id but another unique id.
        power_state: such as ``running`` or ``deallocated``; ``unknown`` where Azure does not say.
        agent_status: ``Ready``, ``Not Ready``, or empty when the agent never reported.
        agent_version: as the agent reported it; empty when it did not.
        agent_message: what the agent, or the platform about it, says.
        provision_agent: ``provisionVMAgent`` of the OS profile; ``None`` where the model does not say.
        extension_operations: ``allowExtensionOperations``; ``None`` where the model does not say.
        provisioning_message: what the platform says of the provisioning state.
        os_name: name and version of the operating system as the agent reported them.
        image: publisher, offer, sku and version of the marketplace image; empty for another image.
        disks: the OS disk first, then the data disks.
        nics: ids of the network interfaces, the primary one first.
        extensions: the extensions that the model and the instance view name, with their handlers' messages.
        state_since: since when the provisioning state is what it is; ``None`` where Azure does not say.
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
    agent_version: str = ""
    agent_message: str = ""
    provision_agent: bool | None = None
    extension_operations: bool | None = None
    provisioning_message: str = ""
    size: str = ""
    os_name: str = ""
    image: Mapping[str, str] = field(default_factory=dict)
    disks: tuple[VmDisk, ...] = ()
    nics: tuple[str, ...] = ()
    extensions: tuple[Extension, ...] = ()
    state_since: datetime | None = None

    @property
    def in_transition(self) -> bool:
        """Whether the platform is changing it, so that state and power are not final."""
        moving = self.power_state in ("starting", "stopping", "deallocating")
        return moving or self.provisioning_state.lower() not in ("succeeded", "failed", "canceled", "")


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
    return parse_machine(body)


def parse_machine(body: Mapping[str, Any]) -> VirtualMachine:
    """Return the VM of an ARM object: what it does not say is empty."""
    vm_id = str(body.get("id") or "")
    properties = inner(body, "properties")
    view = inner(properties, "instanceView")
    codes = [str(status.get("code", "")) for status in view.get("statuses") or []]
    power = next((code.split("/", 1)[1] for code in codes if code.lower().startswith("powerstate/")), "unknown")
    agent = (inner(view, "vmAgent").get("statuses") or [{}])[0]
    provisioning = [
        one for one in view.get("statuses") or [] if "provisioningstate/" in str(one.get("code", "")).lower()
    ]
    profile = inner(properties, "osProfile")
    configuration = inner(profile, "windowsConfiguration") or inner(profile, "linuxConfiguration")
    return VirtualMachine(
        id=vm_id,
        name=str(body.get("name") or parse(vm_id).name),
        location=str(body.get("location", "")),
        unique_id=str(properties.get("vmId", "")),
        os_type=str(inner(properties, "storageProfile", "osDisk").get("osType", "")),
        tags=dict(body.get("tags") or {}),
        provisioning_state=str(properties.get("provisioningState", "")),
        power_state=power,
        agent_status=str(agent.get("displayStatus") or ""),
        agent_version=str(inner(view, "vmAgent").get("vmAgentVersion") or ""),
        agent_message=str(agent.get("message") or ""),
        provision_agent=_flag(configuration.get("provisionVMAgent")),
        extension_operations=_flag(profile.get("allowExtensionOperations")),
        provisioning_message=next((str(one.get("message") or "") for one in provisioning), ""),
        size=str(inner(properties, "hardwareProfile").get("vmSize") or ""),
        os_name=" ".join(str(view.get(name) or "") for name in ("osName", "osVersion")).strip(),
        image={key: str(value) for key, value in inner(properties, "storageProfile", "imageReference").items()},
        disks=_disks(inner(properties, "storageProfile")),
        nics=_nics(inner(properties, "networkProfile")),
        extensions=_extensions(body.get("resources") or [], view.get("extensions") or []),
        state_since=next((time for one in provisioning if (time := parse_time(one.get("time"))) is not None), None),
    )


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _disks(profile: Mapping[str, Any]) -> tuple[VmDisk, ...]:
    found = [inner(profile, "osDisk"), *(profile.get("dataDisks") or [])]
    return tuple(
        VmDisk(
            name=str(entry.get("name", "")),
            id=str(inner(entry, "managedDisk").get("id") or ""),
            lun=entry.get("lun") if isinstance(entry.get("lun"), int) else None,
            size_gb=entry.get("diskSizeGB") if isinstance(entry.get("diskSizeGB"), int) else None,
            storage=str(inner(entry, "managedDisk").get("storageAccountType") or ""),
            write_accelerator=bool(entry.get("writeAcceleratorEnabled")),
            ephemeral=bool(inner(entry, "diffDiskSettings").get("option")),
            vhd=str(inner(entry, "vhd").get("uri") or ""),
        )
        for entry in found
        if entry
    )


def _nics(profile: Mapping[str, Any]) -> tuple[str, ...]:
    found = profile.get("networkInterfaces") or []
    primary = sorted(found, key=lambda entry: not inner(entry, "properties").get("primary"))
    return tuple(str(entry.get("id", "")) for entry in primary)


def _extensions(models: list[Any], views: list[Any]) -> tuple[Extension, ...]:
    said = {str(view.get("name", "")).lower(): (view.get("statuses") or [{}])[0] for view in views}
    found = []
    for entry in models:
        properties, name = inner(entry, "properties"), str(entry.get("name", ""))
        if "publisher" in properties:
            message = str(said.get(name.lower(), {}).get("message") or "")
            state = str(properties.get("provisioningState", ""))
            kind = str(properties.get("type", ""))
            found.append(Extension(str(entry.get("id", "")), name, str(properties["publisher"]), kind, state, message))
    return tuple(found)


def read_extensions(session: Session, vm_id: str) -> tuple[Extension, ...]:
    """Read the extensions of a VM, hidden ones included.

    Permission: ``Microsoft.Compute/virtualMachines/extensions/read``.
    """
    body = session.get(f"{vm_id}/extensions", API)
    return tuple(parse_extension(entry) for entry in body.get("value") or [])


def parse_extension(entry: Mapping[str, Any]) -> Extension:
    """Return the extension of an ARM object."""
    properties = inner(entry, "properties")
    return Extension(
        id=str(entry.get("id", "")),
        name=str(entry.get("name", "")),
        publisher=str(properties.get("publisher", "")),
        type=str(properties.get("type", "")),
        provisioning_state=str(properties.get("provisioningState", "")),
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
