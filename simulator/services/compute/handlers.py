"""Compute on the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

from simulator import operations
from simulator.errors import bad_parameter, parent_not_found, resource_not_found
from simulator.operations import Operation
from simulator.paging import page
from simulator.wire import ArmError, Json, Request, Response

from . import power, runcommands, views
from .model import Vm
from .state import VM_TYPE

if TYPE_CHECKING:
    from simulator.world import World

RETRY_AFTER = "1"


def accepted(
    world: World, request: Request, operation: Operation, location: str, *, status: int = 202, body: Json | None = None
) -> Response:
    """Return the answer to an accepted operation, with the two URLs to follow it by."""
    base = (
        f"{request.base_url}/subscriptions/{world.subscription}/providers/Microsoft.Compute/locations/"
        f"{quote(location.replace(' ', '').lower())}/operations/{operation.id}?p={operation.token}"
    )
    version = f"api-version={quote(request.query.get('api-version', ''))}"
    headers = {"Azure-AsyncOperation": f"{base}&{version}", "Retry-After": RETRY_AFTER}
    if status == 202:
        headers["Location"] = f"{base}&monitor=true&{version}"
    return Response(status, body, headers)


def operation(world: World, request: Request, **names: str) -> Response:
    """Answer a poll, of the operation or (``monitor=true``) of its result."""
    known = world.operations.by_id.get(names["operationId"].lower())
    if known is None or request.query.get("p") != known.token:
        raise ArmError(404, "NotFound", f"The operation '{names['operationId']}' was not found.")
    seen = world.operations.poll(names["operationId"])
    monitor = request.query.get("monitor", "").lower() == "true"
    if not monitor:
        headers = {"Retry-After": RETRY_AFTER} if seen.status == "InProgress" else {}
        return Response(200, operations.status_body(seen), headers)
    if seen.status == "InProgress":
        url = f"{request.base_url}{quote(request.path)}"
        query = "&".join(f"{name}={quote(value)}" for name, value in request.query.items())
        return Response(202, None, {"Location": f"{url}?{query}", "Retry-After": RETRY_AFTER})
    if seen.status != "Succeeded":
        error = seen.error or {"code": "OperationCanceled", "message": "The operation was canceled."}
        raise ArmError(409, error["code"], error["message"])
    if seen.output is not None:
        return Response(200, seen.output)
    return Response(204 if seen.kind.endswith("/delete") else 200)


# Virtual machines


def _vm(world: World, names: dict[str, str]) -> Vm:
    return world.compute.vm(names["resourceGroupName"], names["vmName"])


def _expands_view(request: Request) -> bool:
    expand = request.query.get("$expand", "")
    if expand.lower() not in {"", "instanceview", "userdata"}:
        raise bad_parameter(f"The value '{expand}' of parameter $expand is invalid.", "$expand")
    return expand.lower() == "instanceview"


def get_vm(world: World, request: Request, **names: str) -> Response:
    """Answer one VM, with its instance view when asked."""
    vm = _vm(world, names)
    return Response(200, views.vm_body(vm, instance_view=_expands_view(request)))


def get_instance_view(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Answer the instance view alone."""
    return Response(200, views.instance_view_body(_vm(world, names)))


def _vms(world: World, request: Request, vms: list[Vm]) -> Response:
    status_only = request.query.get("statusOnly", "").lower() == "true"
    view = _expands_view(request)
    bodies = [views.vm_body(vm, instance_view=view, status_only=status_only, listed=True) for vm in vms]
    return Response(200, page(request, bodies, world.page_size))


def list_vms(world: World, request: Request, **names: str) -> Response:
    """Answer the VMs of a group."""
    group = world.resources.require_group(names["resourceGroupName"]).name
    return _vms(world, request, [vm for vm in world.compute.vms.values() if vm.group == group])


def list_all_vms(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Answer the VMs of the subscription."""
    return _vms(world, request, list(world.compute.vms.values()))


def update_vm(world: World, request: Request, **names: str) -> Response:
    """Replace the tags of a VM; other properties are refused rather than ignored."""
    vm = _vm(world, names)
    body = request.json()
    others = sorted(set(body) - {"tags"})
    if others:
        message = f"The simulator changes only 'tags' of a virtual machine, not {', '.join(others)}."
        raise ArmError(400, "InvalidParameter", message)
    tags = body.get("tags")
    if tags is not None:
        vm.tags = {str(name): str(value) for name, value in dict(tags).items()}
        vm.version += 1
    return Response(200, views.vm_body(vm))


def power_action(action: str) -> Callable[..., Response]:
    """Return the handler of one of the actions on a VM."""

    def handler(world: World, request: Request, **names: str) -> Response:
        vm = _vm(world, names)
        return accepted(world, request, power.power_action(world, vm, action), vm.location)

    return handler


# Extensions


def _parent(world: World, verb: str, children: str, names: dict[str, str]) -> Vm:
    try:
        return _vm(world, names)
    except ArmError as error:
        if error.code == "ResourceNotFound":
            parent = f"{VM_TYPE}/{names['vmName']}"
            raise parent_not_found(verb, f"virtualMachines/{children}", parent) from error
        raise


def list_extensions(world: World, request: Request, **names: str) -> Response:
    """Answer all extensions of a VM; this list has no pages."""
    vm = _vm(world, names)
    view = _expands_view(request)
    bodies = [views.extension_body(vm, extension, instance_view=view) for extension in vm.extensions.values()]
    return Response(200, {"value": bodies})


def get_extension(world: World, request: Request, **names: str) -> Response:
    """Answer one extension."""
    vm = _vm(world, names)
    extension = vm.extensions.get(names["vmExtensionName"].lower())
    if extension is None:
        raise resource_not_found(VM_TYPE, f"{vm.name}/extensions/{names['vmExtensionName']}", vm.group)
    return Response(200, views.extension_body(vm, extension, instance_view=_expands_view(request)))


def delete_extension(world: World, request: Request, **names: str) -> Response:
    """Start deleting an extension; 204 when there is none."""
    vm = _parent(world, "delete", "extensions", names)
    extension = vm.extensions.get(names["vmExtensionName"].lower())
    if extension is None:
        return Response(204)
    return accepted(world, request, world.compute.delete_extension(vm, extension), vm.location)


def put_extension(world: World, request: Request, **names: str) -> Response:
    """Start installing or updating an extension."""
    vm = _parent(world, "write", "extensions", names)
    extension, started, new = world.compute.put_extension(vm, names["vmExtensionName"], request.json())
    body = views.extension_body(vm, extension)
    return accepted(world, request, started, vm.location, status=201 if new else 200, body=body)


# Run commands


def run_command(world: World, request: Request, **names: str) -> Response:
    """Start a script in the VM (first kind)."""
    vm = _vm(world, names)
    return accepted(world, request, runcommands.run_script(world, vm, request.json()), vm.location)


def list_run_commands(world: World, request: Request, **names: str) -> Response:
    """Answer the managed run commands of a VM."""
    vm = _vm(world, names)
    view = _expands_view(request)
    bodies = [views.run_command_body(vm, command, instance_view=view) for command in vm.run_commands.values()]
    return Response(200, page(request, bodies, world.page_size))


def get_run_command(world: World, request: Request, **names: str) -> Response:
    """Answer one managed run command."""
    vm = _vm(world, names)
    command = vm.run_commands.get(names["runCommandName"].lower())
    if command is None:
        raise resource_not_found(VM_TYPE, f"{vm.name}/runCommands/{names['runCommandName']}", vm.group)
    return Response(200, views.run_command_body(vm, command, instance_view=_expands_view(request)))


def put_run_command(world: World, request: Request, **names: str) -> Response:
    """Create or replace a managed run command, which runs it."""
    vm = _parent(world, "write", "runCommands", names)
    command, started, new = runcommands.put_run_command(world, vm, names["runCommandName"], request.json())
    body = views.run_command_body(vm, command)
    return accepted(world, request, started, vm.location, status=201 if new else 200, body=body)


def delete_run_command(world: World, request: Request, **names: str) -> Response:
    """Start removing a managed run command; 204 when there is none."""
    vm = _parent(world, "delete", "runCommands", names)
    command = vm.run_commands.get(names["runCommandName"].lower())
    if command is None:
        return Response(204)
    return accepted(world, request, runcommands.delete_run_command(world, vm, command), vm.location)
