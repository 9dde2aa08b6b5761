"""What compute answers: resources and instance views as JSON."""

from __future__ import annotations

from typing import Any

from simulator.clock import iso
from simulator.wire import Json

from .model import Disk, Extension, RestorePoint, RestorePointCollection, RunCommand, Vm

VIRTUAL_MACHINE = "Microsoft.Compute/virtualMachines"
EXTENSION = f"{VIRTUAL_MACHINE}/extensions"
RUN_COMMAND = f"{VIRTUAL_MACHINE}/runCommands"
COLLECTION = "Microsoft.Compute/restorePointCollections"
RESTORE_POINT = f"{COLLECTION}/restorePoints"
KEPT = 4096


def status(code: str, text: str, *, level: str = "Info", message: str | None = None, time: str | None = None) -> Json:
    """Return one entry of a list of statuses."""
    body: Json = {"code": code, "level": level, "displayStatus": text}
    if message is not None:
        body["message"] = message
    if time is not None:
        body["time"] = time
    return body


def _where(disk: Disk) -> Json:
    return {"vhd": {"uri": disk.vhd}} if disk.vhd else {"managedDisk": _disk(disk)}


def _disk(disk: Disk) -> Json:
    return {"storageAccountType": disk.storage, "id": disk.id}


def _storage(vm: Vm) -> Json:
    windows = vm.os_type == "Windows"
    image = (
        {"publisher": "MicrosoftWindowsServer", "offer": "WindowsServer", "sku": "2022-datacenter", "version": "latest"}
        if windows
        else {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
    )
    profile: Json = {"imageReference": {"id": _own_image(vm)} if vm.own_image else image, "dataDisks": []}
    if vm.os_disk is not None:
        profile["osDisk"] = {
            "osType": vm.os_type,
            "name": vm.os_disk.name,
            "createOption": "FromImage",
            "caching": "ReadWrite",
            **_where(vm.os_disk),
            "deleteOption": "Detach",
            "diskSizeGB": vm.os_disk.size_gb,
        }
    profile["dataDisks"] = [
        {
            "lun": disk.lun,
            "name": disk.name,
            "createOption": "Attach",
            "caching": "None",
            **_where(disk),
            "diskSizeGB": disk.size_gb,
            "toBeDetached": False,
        }
        for disk in vm.data_disks
    ]
    return profile


def _own_image(vm: Vm) -> str:
    return f"{vm.id.partition('/virtualMachines/')[0]}/images/{vm.name}-image"


def _os_profile(vm: Vm) -> Json:
    profile: Json = {"computerName": vm.name, "adminUsername": "azureuser", "secrets": []}
    if vm.os_type == "Windows":
        profile["windowsConfiguration"] = {"provisionVMAgent": vm.provision_agent, "enableAutomaticUpdates": True}
    else:
        profile["linuxConfiguration"] = {"disablePasswordAuthentication": True, "provisionVMAgent": vm.provision_agent}
    profile["allowExtensionOperations"] = vm.extension_operations
    return profile


def vm_body(vm: Vm, *, instance_view: bool = False, status_only: bool = False, listed: bool = False) -> Json:
    """Return a virtual machine.

    ``status_only`` leaves out the model, as ``statusOnly=true`` does; ``listed``: extensions are named by id only.
    """
    properties: Json = {"vmId": vm.vm_id, "provisioningState": vm.shown_state}
    if not status_only:
        nics = [{"id": nic, "properties": {"primary": nic == vm.nics[0]}} for nic in vm.nics]
        properties |= {
            "hardwareProfile": {"vmSize": vm.size},
            "storageProfile": _storage(vm),
            "osProfile": _os_profile(vm),
            "networkProfile": {"networkInterfaces": nics},
        }
    if vm.time_created is not None:
        properties["timeCreated"] = iso(vm.time_created)
    if instance_view or status_only:
        properties["instanceView"] = instance_view_body(vm)
    body: Json = {
        "name": vm.name,
        "id": vm.id,
        "type": VIRTUAL_MACHINE,
        "location": vm.location,
        "tags": dict(vm.tags),
        "etag": f'"{vm.version}"',
        "properties": properties,
    }
    if vm.extensions and not status_only:
        whole = [extension_body(vm, extension) for extension in vm.extensions.values()]
        body["resources"] = [{"id": entry["id"]} for entry in whole] if listed else whole
    return body


def instance_view_body(vm: Vm) -> Json:
    """Return the instance view; agent and extensions report only while the VM runs."""
    since = iso(vm.time_created) if vm.time_created is not None else None
    changed = iso(vm.state_since) if vm.state_since is not None else since
    done = vm.shown_state.lower()
    view: Json = {
        "hyperVGeneration": "V2",
        "disks": [
            {
                "name": disk.name,
                "statuses": [status("ProvisioningState/succeeded", "Provisioning succeeded", time=since)],
            }
            for disk in [*([vm.os_disk] if vm.os_disk else []), *vm.data_disks]
        ],
        "statuses": [
            status(
                f"ProvisioningState/{done}",
                f"Provisioning {done}",
                message=vm.provisioning_message or None,
                time=changed,
            ),
            status(f"PowerState/{vm.power_state}", f"VM {vm.power_state}"),
        ],
    }
    if vm.power_state != "running":
        return view
    if vm.agent == "Ready":
        windows = vm.os_type == "Windows"
        view |= {"computerName": vm.name}
        view["osName"] = "Windows Server 2022 Datacenter" if windows else "ubuntu"
        view["osVersion"] = "10.0.20348.2582" if windows else "24.04"
    agent = _agent(vm)
    if agent is not None:
        view["vmAgent"] = agent
    if vm.extensions:
        view["extensions"] = [extension_instance_view(extension) for extension in vm.extensions.values()]
    return view


def _agent(vm: Vm) -> Json | None:
    if vm.agent == "Missing":
        return None
    time = iso(vm.time_created) if vm.time_created is not None else None
    if vm.agent == "NotReady":
        said = "VM status blob is found but not yet populated."
        entry = status("ProvisioningState/Unavailable", "Not Ready", level="Warning", message=said, time=time)
        return {"vmAgentVersion": "Unknown", "statuses": [entry]}
    said = "GuestAgent is running and accepting new configurations."
    if vm.os_type == "Linux":
        said = "Guest Agent is running"
    entry = status("ProvisioningState/succeeded", "Ready", message=said, time=time)
    handlers = [
        {
            "type": f"{extension.publisher}.{extension.type}",
            "typeHandlerVersion": extension.reported_version or extension.version,
            "status": status("ProvisioningState/succeeded", "Ready"),
        }
        for extension in vm.extensions.values()
    ]
    return {"vmAgentVersion": vm.agent_version, "statuses": [entry], "extensionHandlers": handlers}


def extension_body(vm: Vm, extension: Extension, *, instance_view: bool = False) -> Json:
    """Return one extension."""
    properties: Json = {
        "autoUpgradeMinorVersion": extension.auto_upgrade_minor_version,
        "provisioningState": extension.provisioning_state,
        "publisher": extension.publisher,
        "type": extension.type,
        "typeHandlerVersion": extension.version,
        "settings": dict(extension.settings),
    }
    if instance_view:
        properties["instanceView"] = extension_instance_view(extension)
    return {
        "name": extension.name,
        "id": f"{vm.id}/extensions/{extension.name}",
        "type": EXTENSION,
        "location": extension.location,
        "tags": dict(extension.tags),
        "properties": properties,
    }


def extension_instance_view(extension: Extension) -> Json:
    """Return what the extension last reported."""
    failed = extension.provisioning_state == "Failed"
    entry = (
        status("ProvisioningState/failed/1", "Provisioning failed", level="Error", message=extension.message)
        if failed
        else status("ProvisioningState/succeeded", "Provisioning succeeded", message=extension.message)
    )
    return {
        "name": extension.name,
        "type": f"{extension.publisher}.{extension.type}",
        "typeHandlerVersion": extension.reported_version or extension.version,
        "statuses": [entry],
    }


def run_command_body(vm: Vm, command: RunCommand, *, instance_view: bool = False) -> Json:
    """Return one managed run command; protected parameters are never given back."""
    hidden = ("protectedParameters", "runAsPassword")
    properties = {key: value for key, value in command.properties.items() if key not in hidden}
    properties["provisioningState"] = command.provisioning_state
    if instance_view:
        properties["instanceView"] = _run_command_view(command)
    return {
        "name": command.name,
        "id": f"{vm.id}/runCommands/{command.name}",
        "type": RUN_COMMAND,
        "location": command.location,
        "tags": dict(command.tags),
        "properties": properties,
    }


def last_bytes(text: str) -> str:
    """Return what Azure keeps of a script's output: the last 4096 bytes."""
    return text.encode()[-KEPT:].decode(errors="ignore")


def _run_command_view(command: RunCommand) -> Json:
    view: Json = {"executionState": command.execution_state, "executionMessage": "", "statuses": []}
    if command.result is not None:
        view |= {"output": last_bytes(command.result.stdout), "error": last_bytes(command.result.stderr)}
        if not command.result.timed_out:
            view["exitCode"] = command.result.exit_code
    if command.started is not None:
        view["startTime"] = iso(command.started)
    if command.ended is not None:
        view["endTime"] = iso(command.ended)
    return view


def collection_body(collection: RestorePointCollection, *, with_points: bool = False) -> Json:
    """Return a collection; its points only when they were asked for, as Azure does."""
    properties: Json = {
        "source": {"id": collection.source_id, "location": collection.source_location},
        "restorePointCollectionId": collection.guid,
        "provisioningState": collection.provisioning_state,
    }
    if with_points:
        properties["restorePoints"] = [
            restore_point_body(point, collection.source_location) for point in collection.points.values()
        ]
    return {
        "name": collection.name,
        "id": collection.id,
        "type": COLLECTION,
        "location": collection.location,
        "tags": dict(collection.tags),
        "properties": properties,
    }


def restore_point_body(point: RestorePoint, location: str) -> Json:
    """Return one restore point with the metadata of the VM it was taken of."""
    storage: Json = {"dataDisks": [_point_disk(point, disk) for disk in point.data_disks]}
    if point.os_disk is not None:
        storage["osDisk"] = {"osType": point.os_type, **_point_disk(point, point.os_disk)}
    return {
        "name": point.name,
        "id": point.id,
        "type": RESTORE_POINT,
        "properties": {
            "sourceMetadata": {
                "vmId": point.vm_unique_id,
                "hardwareProfile": {"vmSize": point.size},
                "storageProfile": storage,
                "location": location,
            },
            "provisioningState": point.provisioning_state,
            "consistencyMode": point.consistency_mode,
            "timeCreated": iso(point.time_created),
        },
    }


def _point_disk(point: RestorePoint, disk: Disk) -> Json:
    body: dict[str, Any] = {
        "name": disk.name,
        "caching": "ReadWrite" if disk.lun is None else "None",
        "managedDisk": _disk(disk),
        "diskRestorePoint": {"id": f"{point.id}/diskRestorePoints/{disk.name}_{point.name}"},
    }
    if disk.lun is not None:
        body["lun"] = disk.lun
    return body
