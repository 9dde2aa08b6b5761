"""Plain resources as JSON: what is stored, and what follows from the state of other resources."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING

from simulator.clock import iso
from simulator.services.compute.model import Disk
from simulator.wire import Json

from . import network
from .state import DISK, Resource, stable_guid

if TYPE_CHECKING:
    from simulator.world import World


def everything(world: World) -> Iterator[Json]:
    """Yield the body of every resource of this service."""
    for disk, location in world.inventory.disks():
        yield disk_body(world, disk, location)
    for resource in world.inventory.resources.values():
        yield body(world, resource)


def body(world: World, resource: Resource) -> Json:
    """Return one resource."""
    shown: Json = {
        "name": resource.name,
        "id": resource.id,
        "type": resource.type,
        "location": resource.location,
        "tags": dict(resource.tags),
        "properties": copy.deepcopy(resource.properties),
    }
    for name in ("sku", "kind", "identity"):
        value = getattr(resource, name)
        if value is not None:
            shown[name] = copy.deepcopy(value)
    dress = _DRESS.get(resource.type)
    if dress is not None:
        shown["etag"] = f'W/"{stable_guid(resource.id)}"'
        shown["properties"]["resourceGuid"] = stable_guid(f"guid of {resource.id}")
        dress(world, resource, shown["properties"])
    return shown


def _nic(world: World, resource: Resource, properties: Json) -> None:
    for vm in world.compute.vms.values():
        names = [nic.lower() for nic in vm.nics]
        if resource.id.lower() in names:
            properties["virtualMachine"] = {"id": vm.id}
            properties["primary"] = names[0] == resource.id.lower()


def _security_group(world: World, resource: Resource, properties: Json) -> None:
    for kind in ("securityRules", "defaultSecurityRules"):
        for rule in properties.get(kind, []):
            rule["id"] = f"{resource.id}/{kind}/{rule['name']}"
            rule["type"] = f"{network.NSG}/{kind}"
    properties["networkInterfaces"] = [
        {"id": nic.id} for nic in world.inventory.of_type(network.NIC) if _guarded(nic.properties, resource)
    ]
    properties["subnets"] = [
        {"id": subnet["id"]}
        for other in world.inventory.of_type(network.VNET)
        for subnet in other.properties["subnets"]
        if _guarded(subnet["properties"], resource)
    ]
    for name in ("networkInterfaces", "subnets"):
        if not properties[name]:
            del properties[name]


def _guarded(properties: Json, guard: Resource) -> bool:
    return str((properties.get("networkSecurityGroup") or {}).get("id", "")).lower() == guard.id.lower()


def _virtual_network(world: World, resource: Resource, properties: Json) -> None:  # noqa: ARG001
    for subnet in properties["subnets"]:
        inside = [
            {"id": configuration["id"]}
            for nic in world.inventory.of_type(network.NIC)
            for configuration in nic.properties["ipConfigurations"]
            if configuration["properties"]["subnet"]["id"].lower() == subnet["id"].lower()
        ]
        if inside:
            subnet["properties"]["ipConfigurations"] = inside


def _address(world: World, resource: Resource, properties: Json) -> None:
    for nic in world.inventory.of_type(network.NIC):
        for configuration in nic.properties["ipConfigurations"]:
            bound = configuration["properties"].get("publicIPAddress") or {}
            if str(bound.get("id", "")).lower() == resource.id.lower():
                properties["ipConfiguration"] = {"id": configuration["id"]}


_DRESS = {
    network.NIC: _nic,
    network.NSG: _security_group,
    network.VNET: _virtual_network,
    network.ADDRESS: _address,
}


def disk_body(world: World, disk: Disk, location: str) -> Json:
    """Return one managed disk; whether it is attached follows from the machines."""
    owners = world.inventory.owners(disk)
    state = "Unattached" if not owners else "Attached"
    if owners and all(vm.power_state == "deallocated" for vm in owners):
        state = "Reserved"
    created = owners[0].time_created if owners else None
    properties: Json = {
        "timeCreated": iso(created or world.clock.now),
        "creationData": {"createOption": "Empty" if disk.lun is not None else "FromImage"},
        "diskSizeGB": disk.size_gb,
        "diskSizeBytes": disk.size_gb << 30,
        "uniqueId": stable_guid(disk.id),
        "encryption": {"type": "EncryptionAtRestWithPlatformKey"},
        "networkAccessPolicy": "AllowAll",
        "publicNetworkAccess": "Enabled",
        "provisioningState": "Succeeded",
        "diskState": state,
        **copy.deepcopy(disk.properties),
    }
    if disk.lun is None and owners:
        properties |= {"osType": owners[0].os_type, "hyperVGeneration": "V2"}
    shown: Json = {
        "name": disk.name,
        "id": disk.id,
        "type": DISK,
        "location": location,
        "tags": {},
        "sku": {"name": disk.storage, "tier": disk.storage.partition("_")[0]},
        "properties": properties,
    }
    if owners:
        shared = int(properties.get("maxShares", 1)) > 1
        shown |= {"managedByExtended": [vm.id for vm in owners]} if shared else {"managedBy": owners[0].id}
    return shown
