"""What a region offers: VM sizes, and how much of each quota is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.paging import page
from simulator.wire import Json, Request, Response

if TYPE_CHECKING:
    from simulator.world import World

SIZES: dict[str, tuple[int, int, int]] = {
    "Standard_B2s": (2, 4096, 4),
    "Standard_D2s_v5": (2, 8192, 4),
    "Standard_D4s_v5": (4, 16384, 8),
    "Standard_D8s_v5": (8, 32768, 16),
    "Standard_E4s_v5": (4, 32768, 8),
}
"""Cores, memory in MiB and number of data disks, by size."""


def list_sizes(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Answer the VM sizes of a region."""
    rows = [
        {
            "name": name,
            "numberOfCores": cores,
            "osDiskSizeInMB": 1047552,
            "resourceDiskSizeInMB": 0,
            "memoryInMB": memory,
            "maxDataDiskCount": disks,
        }
        for name, (cores, memory, disks) in SIZES.items()
    ]
    return Response(200, {"value": rows})


def list_usages(world: World, request: Request, **names: str) -> Response:
    """Answer how much of each quota of a region is used."""
    here = [vm for vm in world.compute.vms.values() if vm.location.lower() == names["location"].lower()]
    cores = sum(SIZES.get(vm.size, (2, 0, 0))[0] for vm in here if vm.power_state != "deallocated")
    premium = sum(
        disk.storage.startswith("Premium") and location.lower() == names["location"].lower()
        for disk, location in world.inventory.disks()
    )
    rows = [
        _usage(world, "cores", "Total Regional vCPUs", cores),
        _usage(world, "virtualMachines", "Virtual Machines", len(here)),
        _usage(world, "PremiumDiskCount", "Premium Storage Managed Disks", premium),
    ]
    return Response(200, page(request, rows, world.page_size))


def _usage(world: World, name: str, title: str, used: int) -> Json:
    limit = world.compute.quotas.get(name, 50000 if name == "PremiumDiskCount" else 100)
    return {"unit": "Count", "currentValue": used, "limit": limit, "name": {"value": name, "localizedValue": title}}
