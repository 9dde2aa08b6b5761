"""Actions on a running machine: power, repair, run commands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from simulator.operations import Operation
from simulator.wire import ArmError, Json

from .model import PowerState, RunCommand, ScriptResult, Vm
from .state import AGENT_TIMEOUT, extension_timeout
from .views import status

if TYPE_CHECKING:
    from simulator.world import World

POWER: dict[str, tuple[PowerState, PowerState]] = {
    "start": ("starting", "running"),
    "restart": ("running", "running"),
    "powerOff": ("stopping", "stopped"),
    "deallocate": ("deallocating", "deallocated"),
    "redeploy": ("starting", "running"),
}
"""Power state while the action runs, and after it; ``reapply`` leaves it as it is."""

BOOTS = ("start", "restart", "redeploy")
SCRIPT = timedelta(minutes=1)
POWER_CHANGE = timedelta(minutes=2)
BOOT = timedelta(minutes=1)
"""From a start or restart until the agent reports."""
HUNG = "agent"
"""Where ``guest`` says that only a new start of the machine brings its agent back."""


def power_action(world: World, vm: Vm, action: str) -> Operation:
    """Start ``start``, ``restart``, ``powerOff``, ``deallocate``, ``redeploy`` or ``reapply``.

    A VM that is already where the action leads has nothing to do, and Azure says so by succeeding.

    Raises:
        ArmError: 409 for a restart of a VM that is not running.
    """
    before = vm.power_state
    if action == "restart" and before != "running":
        raise not_running()
    during, after = POWER.get(action, (before, before))
    if before != after:
        vm.power_state = during
    state, message, since = vm.provisioning_state, vm.provisioning_message, vm.state_since
    vm.provisioning_state, vm.provisioning_message = "Updating", ""
    vm.state_since = world.clock.now

    def abort() -> None:
        vm.power_state = before
        vm.provisioning_state, vm.provisioning_message, vm.state_since = state, message, since

    def finish() -> None:
        vm.power_state = after
        vm.provisioning_state = "Succeeded"
        vm.state_since = world.clock.now
        if action in BOOTS and vm.guest.pop(HUNG, None) is not None:
            world.clock.call_later(BOOT, booted)

    def booted() -> None:
        vm.agent = "Ready"

    return world.operations.start(f"virtualMachines/{action}", POWER_CHANGE, finish, abort=abort)


def not_running() -> ArmError:
    """409 for what needs a running VM."""
    return ArmError(409, "OperationNotAllowed", "The operation requires the VM to be running (or set to run).")


def _result(vm: Vm, script: str) -> ScriptResult:
    return next((result for part, result in vm.script_results.items() if part in script), ScriptResult())


def run_script(world: World, vm: Vm, body: Json) -> Operation:
    """Start a run command of the first kind (``POST .../runCommand``); its output is the operation's.

    Raises:
        ArmError: 400 without a command id, 409 when the VM is not running or another script runs.
    """
    command = body.get("commandId")
    if not isinstance(command, str) or not command:
        raise ArmError(400, "InvalidParameter", "Required parameter 'commandId' is missing (null).")
    if vm.power_state != "running":
        raise not_running()
    if world.operations.running(vm.running_script) is not None:
        message = (
            "Run command extension execution is in progress. Please wait for completion before invoking a run command."
        )
        raise ArmError(409, "Conflict", message)
    result = _result(vm, "\n".join(str(line) for line in body.get("script") or ()))

    def finish() -> Json:
        if vm.agent != "Ready":
            raise extension_timeout("RunCommand")
        return {"value": _output(vm, result)}

    takes = SCRIPT if vm.agent == "Ready" else AGENT_TIMEOUT
    operation = world.operations.start("virtualMachines/runCommand", takes, finish)
    vm.running_script = operation.id
    return operation


def _output(vm: Vm, result: ScriptResult) -> list[Json]:
    out, err = result.stdout[-4096:], result.stderr[-4096:]
    if vm.os_type == "Windows":
        return [
            status("ComponentStatus/StdOut/succeeded", "Provisioning succeeded", message=out),
            status("ComponentStatus/StdErr/succeeded", "Provisioning succeeded", message=err),
        ]
    said = f"Enable succeeded: \n[stdout]\n{out}\n\n[stderr]\n{err}"
    return [status("ProvisioningState/succeeded", "Provisioning succeeded", message=said)]


def put_run_command(world: World, vm: Vm, name: str, body: Json) -> tuple[RunCommand, Operation, bool]:
    """Create or replace a managed run command and start it; the last value says whether it is new.

    Raises:
        ArmError: 409 when the VM is not running.
    """
    if vm.power_state != "running":
        raise not_running()
    known = vm.run_commands.get(name.lower())
    wanted: dict[str, Any] = dict(body.get("properties") or {})
    command = RunCommand(name, body.get("location") or vm.location, wanted, dict(body.get("tags") or {}))
    command.started = world.clock.now
    command.execution_state = "Running"
    vm.run_commands[name.lower()] = command
    result = _result(vm, str((wanted.get("source") or {}).get("script") or ""))
    takes = SCRIPT if vm.agent == "Ready" else AGENT_TIMEOUT
    finish = _finisher(world, vm, command, result)
    return command, world.operations.start("runCommands/write", takes, finish), known is None


def _finisher(world: World, vm: Vm, command: RunCommand, result: ScriptResult) -> Callable[[], None]:
    def finish() -> None:
        command.ended = world.clock.now
        if vm.agent != "Ready":
            command.provisioning_state, command.execution_state = "Failed", "TimedOut"
            raise extension_timeout(command.name)
        command.result = result
        failed = result.exit_code != 0
        command.execution_state = "Failed" if failed else "Succeeded"
        command.provisioning_state = "Succeeded"
        if failed and command.properties.get("treatFailureAsDeploymentFailure"):
            command.provisioning_state = "Failed"
            message = f"VM has reported a failure when processing run command '{command.name}'."
            raise ArmError(409, "VMRunCommandExecutionFailed", message)

    return finish


def delete_run_command(world: World, vm: Vm, command: RunCommand) -> Operation:
    """Start removing a managed run command; one that still runs is cancelled."""

    def finish() -> None:
        vm.run_commands.pop(command.name.lower(), None)

    return world.operations.start("runCommands/delete", SCRIPT, finish)
