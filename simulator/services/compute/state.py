"""The rules of compute: what may be changed when, and how long it takes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from simulator.errors import resource_not_found
from simulator.operations import Operation
from simulator.wire import ArmError, Json

from .model import (
    AgentState,
    Disk,
    Extension,
    PowerState,
    RestorePoint,
    RestorePointCollection,
    Vm,
)

if TYPE_CHECKING:
    from simulator.world import World

VM_TYPE = "Microsoft.Compute/virtualMachines"
COLLECTION_TYPE = "Microsoft.Compute/restorePointCollections"
RESTORE_POINTS_PER_VM = 200

POINT_DELETION = timedelta(minutes=1)
EXTENSION_CHANGE = timedelta(minutes=2)
AGENT_TIMEOUT = timedelta(minutes=90)


class ComputeState:
    """All virtual machines and restore point collections, by lower-case id."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.vms: dict[str, Vm] = {}
        self.collections: dict[str, RestorePointCollection] = {}
        self.quotas: dict[str, int] = {}
        """Limits of a region by their name (``cores``), where a scenario sets them."""

    # What exists

    def add_vm(
        self,
        name: str,
        group: str,
        location: str = "westeurope",
        *,
        os_type: str = "Linux",
        size: str = "Standard_D2s_v5",
        power_state: PowerState = "running",
        agent: AgentState = "Ready",
        tags: Mapping[str, str] | None = None,
        data_disks: int = 1,
        vm_id: str | None = None,
    ) -> Vm:
        """Create a virtual machine with its disks and network (and its resource group if need be) and return it.

        ``vm_id`` is its unique id; a new one unless given.
        """
        home = self.world.resources.add_group(group, location)
        base = f"{self.world.resources.group_id(home.name)}/providers/Microsoft.Compute"
        vm = Vm(
            f"{base}/virtualMachines/{name}",
            name,
            home.name,
            location,
            vm_id or self.world.guid(),
            os_type,
            size,
            power_state,
            agent=agent,
            agent_version="2.9.1.1" if os_type == "Linux" else "2.7.41491.1139",
            time_created=self.world.clock.now - timedelta(days=200),
            os_disk=Disk(f"{name}-os", f"{base}/disks/{name}-os"),
            data_disks=[
                Disk(f"{name}-data-{lun}", f"{base}/disks/{name}-data-{lun}", 128, lun) for lun in range(data_disks)
            ],
            tags=dict(tags or {}),
        )
        self.vms[vm.id.lower()] = vm
        self.world.inventory.equip(vm)
        return vm

    def add_extension(
        self,
        vm: Vm,
        name: str,
        publisher: str,
        kind: str,
        *,
        version: str = "1.0",
        provisioning_state: str = "Succeeded",
        message: str = "",
    ) -> Extension:
        """Install an extension at once, as the platform or the backup service does."""
        extension = Extension(
            name, publisher, kind, version, vm.location, provisioning_state, message, reported_version=version
        )
        vm.extensions[name.lower()] = extension
        return extension

    def add_collection(self, group: str, name: str, vm_id: str, location: str) -> RestorePointCollection:
        """Create an empty collection for the VM with id ``vm_id`` (and its resource group if need be)."""
        home = self.world.resources.add_group(group, location)
        collection = RestorePointCollection(
            f"{self.world.resources.group_id(home.name)}/providers/{COLLECTION_TYPE}/{name}",
            name,
            home.name,
            location,
            vm_id,
            location,
            self.world.guid(),
        )
        self.collections[collection.id.lower()] = collection
        return collection

    def add_restore_point(
        self, collection: RestorePointCollection, name: str, time_created: datetime, vm_unique_id: str
    ) -> RestorePoint:
        """Add a finished restore point to a collection."""
        point = RestorePoint(name, f"{collection.id}/restorePoints/{name}", time_created, vm_unique_id)
        vm = self.vms.get(collection.source_id.lower())
        if vm is not None:
            point.size, point.os_type = vm.size, vm.os_type
            point.os_disk, point.data_disks = vm.os_disk, list(vm.data_disks)
            point.consistency_mode = "ApplicationConsistent" if vm.agent == "Ready" else "CrashConsistent"
        collection.points[name.lower()] = point
        return point

    def restore_points_of(self, vm_id: str) -> list[RestorePoint]:
        """All restore points whose collection's source is this VM id, over all groups, oldest first."""
        points = [
            point
            for collection in self.collections.values()
            if collection.source_id.lower() == vm_id.lower()
            for point in collection.points.values()
        ]
        return sorted(points, key=lambda point: (point.time_created, point.name))

    def vm(self, group: str, name: str) -> Vm:
        """Return a VM.

        Raises:
            ArmError: 404 for the group or the VM.
        """
        self.world.resources.require_group(group)
        found = self.vms.get(f"{self.world.resources.group_id(group)}/providers/{VM_TYPE}/{name}".lower())
        if found is None:
            raise resource_not_found(VM_TYPE, name, group)
        return found

    def collection(self, group: str, name: str) -> RestorePointCollection:
        """Return a restore point collection.

        Raises:
            ArmError: 404 for the group or the collection.
        """
        self.world.resources.require_group(group)
        found = self.collections.get(
            f"{self.world.resources.group_id(group)}/providers/{COLLECTION_TYPE}/{name}".lower()
        )
        if found is None:
            raise resource_not_found(COLLECTION_TYPE, name, group)
        return found

    # Restore points

    def remove_restore_point(self, collection: RestorePointCollection, point: RestorePoint) -> None:
        """Remove a restore point at once; nothing happens when it is gone already."""
        collection.points.pop(point.name.lower(), None)

    def delete_restore_point(self, collection: RestorePointCollection, point: RestorePoint) -> Operation:
        """Start deleting a restore point."""
        pending = self.world.operations.running(point.deleting)
        if pending is not None:
            return pending

        def abort() -> None:
            point.provisioning_state = "Succeeded"

        def finish() -> None:
            refusal = point.refuses_deletion or collection.refuses_deletion
            if refusal is not None:
                abort()
                raise ArmError(409, *refusal)
            self.remove_restore_point(collection, point)

        point.provisioning_state = "Deleting"
        operation = self.world.operations.start("restorePoints/delete", POINT_DELETION, finish, abort=abort)
        point.deleting = operation.id
        return operation

    def delete_collection(self, collection: RestorePointCollection) -> Operation:
        """Start deleting a collection with all its points; the more points, the longer it takes."""
        pending = self.world.operations.running(collection.deleting)
        if pending is not None:
            return pending

        def abort() -> None:
            collection.provisioning_state = "Succeeded"

        def finish() -> None:
            if collection.refuses_deletion is not None:
                abort()
                raise ArmError(409, *collection.refuses_deletion)
            self.collections.pop(collection.id.lower(), None)
            collection.points.clear()

        collection.provisioning_state = "Deleting"
        takes = timedelta(minutes=1) + POINT_DELETION / 2 * len(collection.points)
        operation = self.world.operations.start("restorePointCollections/delete", takes, finish, abort=abort)
        collection.deleting = operation.id
        return operation

    def create_restore_point(self, collection: RestorePointCollection, name: str) -> tuple[RestorePoint, Operation]:
        """Start taking a restore point.

        Raises:
            ArmError: 409 beyond compute's limit per VM, 404 when the source VM is gone, 409 when the name is taken.
        """
        vm = self.vms.get(collection.source_id.lower())
        if vm is None:
            parts = collection.source_id.split("/")
            raise resource_not_found(VM_TYPE, parts[-1], parts[4] if len(parts) > 4 else "")
        if name.lower() in collection.points:
            raise ArmError(409, "Conflict", f"The restore point '{name}' already exists and cannot be changed.")
        if len(self.restore_points_of(vm.id)) >= RESTORE_POINTS_PER_VM:
            message = f"The number of restore points for a VM cannot exceed {RESTORE_POINTS_PER_VM}."
            raise ArmError(409, "OperationNotAllowed", message)
        point = self.add_restore_point(collection, name, self.world.clock.now, vm.vm_id)
        point.provisioning_state = "Creating"

        def finish() -> None:
            point.provisioning_state = "Succeeded"

        return point, self.world.operations.start("restorePoints/write", timedelta(minutes=1), finish)

    # Extensions

    def delete_extension(self, vm: Vm, extension: Extension) -> Operation:
        """Start deleting an extension.

        Without a working agent the operation hangs and then fails, and the extension is left in ``Deleting``.

        Raises:
            ArmError: 409 when the VM is not running.
        """
        require_running_for_extensions(vm)
        pending = self.world.operations.running(extension.deleting)
        if pending is not None:
            return pending

        def finish() -> None:
            if vm.agent != "Ready":
                raise extension_timeout(extension.name)
            vm.extensions.pop(extension.name.lower(), None)

        extension.provisioning_state = "Deleting"
        takes = EXTENSION_CHANGE if vm.agent == "Ready" else AGENT_TIMEOUT
        operation = self.world.operations.start("extensions/delete", takes, finish)
        extension.deleting = operation.id
        return operation

    def put_extension(self, vm: Vm, name: str, body: Json) -> tuple[Extension, Operation, bool]:
        """Start installing or updating an extension; the last value says whether it is new.

        Raises:
            ArmError: 409 when the VM is not running or the extension is being deleted.
        """
        require_running_for_extensions(vm)
        known = vm.extensions.get(name.lower())
        if known is not None and known.provisioning_state == "Deleting":
            raise ArmError(
                409,
                "OperationNotAllowed",
                f"Operation 'PUT Extension' is not allowed on VM extension '{known.name}' since it is marked for "
                "deletion. You can only retry the Delete operation (or wait for an ongoing one to complete).",
            )
        wanted = body.get("properties") or {}
        extension = known or Extension(name, "", "")
        extension.publisher = wanted.get("publisher", extension.publisher)
        extension.type = wanted.get("type", extension.type)
        extension.version = wanted.get("typeHandlerVersion", extension.version)
        extension.settings = wanted.get("settings", extension.settings)
        extension.auto_upgrade_minor_version = wanted.get("autoUpgradeMinorVersion", True)
        extension.location = body.get("location") or vm.location
        extension.tags = dict(body.get("tags") or extension.tags)
        extension.provisioning_state = "Creating" if known is None else "Updating"
        vm.extensions[name.lower()] = extension

        def finish() -> None:
            if vm.agent != "Ready":
                extension.provisioning_state = "Failed"
                raise extension_timeout(extension.name)
            extension.provisioning_state = "Succeeded"
            extension.reported_version = extension.version

        takes = EXTENSION_CHANGE if vm.agent == "Ready" else AGENT_TIMEOUT
        return extension, self.world.operations.start("extensions/write", takes, finish), known is None


def require_running_for_extensions(vm: Vm) -> None:
    """Check that extensions may be changed.

    Raises:
        ArmError: 409 ``OperationNotAllowed`` when the VM is not running.
    """
    if vm.power_state != "running":
        message = "Cannot modify extensions in the VM when the VM is not running."
        raise ArmError(409, "OperationNotAllowed", message)


def not_running() -> ArmError:
    """409 for what needs a running VM."""
    return ArmError(409, "OperationNotAllowed", "The operation requires the VM to be running (or set to run).")


def extension_timeout(name: str) -> ArmError:
    """The error of an extension operation whose agent never answered."""
    return ArmError(
        409,
        "VMExtensionProvisioningTimeout",
        f"Provisioning of VM extension '{name}' has timed out. Extension provisioning has taken too long to complete. "
        "The extension did not report a message. More information on troubleshooting is available at "
        "https://aka.ms/VMExtensionTroubleshoot",
    )
