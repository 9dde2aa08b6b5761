"""Path templates of compute."""

from __future__ import annotations

from simulator.routes import Route

from . import capacity
from . import handlers as vm
from . import restorepoints as points

_S = "/subscriptions/{subscriptionId}/providers/Microsoft.Compute"
_G = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.Compute"
_VM = _G + "/virtualMachines/{vmName}"
_EXTENSION = _VM + "/extensions/{vmExtensionName}"
_RUN = _VM + "/runCommands/{runCommandName}"
_COLLECTION = _G + "/restorePointCollections/{restorePointCollectionName}"
_POINT = _COLLECTION + "/restorePoints/{restorePointName}"

_VMS = "Microsoft.Compute/virtualMachines"
_COLLECTIONS = "Microsoft.Compute/restorePointCollections"

ROUTES: tuple[Route, ...] = (
    Route("GET", _S + "/virtualMachines", vm.list_all_vms, f"{_VMS}/read"),
    Route("GET", _G + "/virtualMachines", vm.list_vms, f"{_VMS}/read"),
    Route("GET", _VM, vm.get_vm, f"{_VMS}/read"),
    Route("PATCH", _VM, vm.update_vm, f"{_VMS}/write", write=True),
    Route("GET", _VM + "/instanceView", vm.get_instance_view, f"{_VMS}/instanceView/read"),
    *(
        Route("POST", f"{_VM}/{action}", vm.power_action(action), f"{_VMS}/{action}/action", write=True)
        for action in ("start", "restart", "powerOff", "deallocate", "redeploy", "reapply")
    ),
    Route("POST", _VM + "/runCommand", vm.run_command, f"{_VMS}/runCommand/action", write=True),
    Route("GET", _VM + "/runCommands", vm.list_run_commands, f"{_VMS}/runCommands/read"),
    Route("GET", _RUN, vm.get_run_command, f"{_VMS}/runCommands/read"),
    Route("PUT", _RUN, vm.put_run_command, f"{_VMS}/runCommands/write", write=True),
    Route("DELETE", _RUN, vm.delete_run_command, f"{_VMS}/runCommands/delete", write=True),
    Route("GET", _VM + "/extensions", vm.list_extensions, f"{_VMS}/extensions/read"),
    Route("GET", _EXTENSION, vm.get_extension, f"{_VMS}/extensions/read"),
    Route("PUT", _EXTENSION, vm.put_extension, f"{_VMS}/extensions/write", write=True),
    Route("DELETE", _EXTENSION, vm.delete_extension, f"{_VMS}/extensions/delete", write=True),
    Route("GET", _S + "/restorePointCollections", points.list_all_collections, f"{_COLLECTIONS}/read"),
    Route("GET", _G + "/restorePointCollections", points.list_collections, f"{_COLLECTIONS}/read"),
    Route("GET", _COLLECTION, points.get_collection, f"{_COLLECTIONS}/read"),
    Route("PUT", _COLLECTION, points.put_collection, f"{_COLLECTIONS}/write", write=True),
    Route("DELETE", _COLLECTION, points.delete_collection, f"{_COLLECTIONS}/delete", write=True),
    Route("GET", _POINT, points.get_point, f"{_COLLECTIONS}/restorePoints/read"),
    Route("PUT", _POINT, points.put_point, f"{_COLLECTIONS}/restorePoints/write", write=True),
    Route("DELETE", _POINT, points.delete_point, f"{_COLLECTIONS}/restorePoints/delete", write=True),
    Route("GET", _S + "/locations/{location}/usages", capacity.list_usages, "Microsoft.Compute/locations/usages/read"),
    Route("GET", _S + "/locations/{location}/vmSizes", capacity.list_sizes, "Microsoft.Compute/locations/vmSizes/read"),
    Route(
        "GET",
        _S + "/locations/{location}/operations/{operationId}",
        vm.operation,
        "Microsoft.Compute/locations/operations/read",
    ),
)
