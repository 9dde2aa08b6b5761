"""What exists beside machines and vaults: one store of plain resources, by type."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator.errors import resource_not_found
from simulator.services.compute.model import Disk, Vm
from simulator.wire import Json

from . import network

if TYPE_CHECKING:
    from simulator.world import World

DISK = "Microsoft.Compute/disks"
ENCRYPTION_SET = "Microsoft.Compute/diskEncryptionSets"
STORAGE = "Microsoft.Storage/storageAccounts"
KEY_VAULT = "Microsoft.KeyVault/vaults"
SQL_VM = "Microsoft.SqlVirtualMachine/sqlVirtualMachines"

TYPES: dict[str, str] = {
    DISK: "diskName",
    ENCRYPTION_SET: "diskEncryptionSetName",
    network.NIC: "networkInterfaceName",
    network.NSG: "networkSecurityGroupName",
    network.VNET: "virtualNetworkName",
    network.ADDRESS: "publicIpAddressName",
    STORAGE: "accountName",
    KEY_VAULT: "vaultName",
    SQL_VM: "sqlVirtualMachineName",
}
"""Every type of this store, and what Microsoft's documents call its name in a path."""


@dataclass
class Resource:
    """One resource of any type; ``properties`` are as on the wire."""

    id: str
    name: str
    type: str
    location: str
    properties: Json = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    sku: Json | None = None
    kind: str | None = None
    identity: Json | None = None

    @property
    def group(self) -> str:
        """The resource group."""
        return self.id.split("/")[4]


def stable_guid(text: str) -> str:
    """Return an identifier that the same text always gives."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, text.lower()))


class InventoryState:
    """All resources of :data:`TYPES` but disks by lower-case id, and the disks, which may outlive their machine."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.resources: dict[str, Resource] = {}
        self._disks: dict[str, tuple[Disk, str]] = {}

    def add(
        self,
        kind: str,
        group: str,
        name: str,
        properties: Json,
        *,
        location: str = "",
        tags: Mapping[str, str] | None = None,
        sku: Json | None = None,
        wire_kind: str | None = None,
    ) -> Resource:
        """Create or replace a resource (and its group if need be) and return it."""
        home = self.world.resources.add_group(group, location or "westeurope")
        resource_id = f"{self.world.resources.group_id(home.name)}/providers/{kind}/{name}"
        resource = Resource(
            resource_id, name, kind, location or home.location, properties, dict(tags or {}), sku, wire_kind
        )
        self.resources[resource_id.lower()] = resource
        return resource

    def of_type(self, kind: str) -> list[Resource]:
        """Return every resource of a type, but disks."""
        return [resource for resource in self.resources.values() if resource.type == kind]

    def find(self, resource_id: str) -> Resource | None:
        """Return a resource by its id, in any case; ``None`` when there is none."""
        return self.resources.get(resource_id.lower())

    def require(self, kind: str, group: str, name: str) -> Resource:
        """Return a resource.

        Raises:
            ArmError: 404 for the group or the resource.
        """
        home = self.world.resources.require_group(group)
        found = self.find(f"{self.world.resources.group_id(home.name)}/providers/{kind}/{name}")
        if found is None:
            raise resource_not_found(kind, name, group)
        return found

    def remove(self, prefix: str) -> None:
        """Remove everything whose id begins so, in lower case."""
        self.resources = {key: entry for key, entry in self.resources.items() if not key.startswith(prefix)}
        self._disks = {key: entry for key, entry in self._disks.items() if not key.startswith(prefix)}

    # Disks

    def add_disk(self, disk: Disk, location: str) -> Disk:
        """Create a managed disk; a VM's model refers to the same object."""
        self._disks[disk.id.lower()] = (disk, location)
        return disk

    def disks(self) -> Iterator[tuple[Disk, str]]:
        """Yield every managed disk with its location, attached or not."""
        known = dict(self._disks)
        for vm in self.world.compute.vms.values():
            for disk in machine_disks(vm):
                if disk.id and disk.id.lower() not in known:
                    known[disk.id.lower()] = (disk, vm.location)
        yield from known.values()

    def disk(self, group: str, name: str) -> tuple[Disk, str]:
        """Return a managed disk and its location.

        Raises:
            ArmError: 404 for the group or the disk.
        """
        home = self.world.resources.require_group(group)
        wanted = f"{self.world.resources.group_id(home.name)}/providers/{DISK}/{name}".lower()
        for disk, location in self.disks():
            if disk.id.lower() == wanted:
                return disk, location
        raise resource_not_found(DISK, name, group)

    def owners(self, disk: Disk) -> list[Vm]:
        """Return the VMs that a disk is attached to."""
        wanted = disk.id.lower()
        return [vm for vm in self.world.compute.vms.values() if wanted in [one.id.lower() for one in machine_disks(vm)]]

    # Machines

    def equip(self, vm: Vm) -> None:
        """Give a new VM what its model names: its disks, and a network interface in its group's network."""
        for disk in machine_disks(vm):
            self.add_disk(disk, vm.location)
        if not vm.nics:
            vm.nics.append(network.connect(self, vm).id)


def machine_disks(vm: Vm) -> list[Disk]:
    """Return the disks of a VM, the OS disk first."""
    return [*([vm.os_disk] if vm.os_disk else []), *vm.data_disks]
