"""Run commands: scripts that Azure takes into a VM, in both kinds."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from simulator.operations import Operation
from simulator.wire import ArmError, Json

from . import inside
from .model import RunCommand, Vm
from .state import AGENT_TIMEOUT, extension_timeout, not_running
from .views import last_bytes, status

if TYPE_CHECKING:
    from simulator.guest.model import Result
    from simulator.world import World

DELIVERY = timedelta(seconds=15)
"""From the request until the agent starts the script."""
REPORT = timedelta(seconds=15)
"""From the end of the script until the platform knows."""
ASK_AGAIN = timedelta(minutes=1)
REMOVAL = timedelta(minutes=1)
LONGEST = int(AGENT_TIMEOUT.total_seconds())
"""The limit of a script that names none, in seconds."""
PREEMPTED = {
    "code": "OperationPreempted",
    "message": "Operation execution has been preempted by a more recent operation.",
}


def require_scripts(vm: Vm) -> None:
    """Check that a VM takes scripts.

    Raises:
        ArmError: 409 ``OperationNotAllowed`` when it does not run, was made without an agent, or takes no extensions.
    """
    if not vm.provision_agent or not vm.extension_operations:
        message = (
            "This operation cannot be performed when extension operations are disallowed. To allow, please ensure VM "
            "Agent is installed on the VM and the osProfile.allowExtensionOperations property is true."
        )
        raise ArmError(409, "OperationNotAllowed", message)
    if vm.power_state != "running":
        raise not_running()


class _Delivery:
    """One script on its way: given to the agent, run, and reported. Called when the next of these is due."""

    def __init__(self, world: World, vm: Vm, name: str, script: str, seconds: int) -> None:
        self.world = world
        self.vm = vm
        self.name = name
        self.script = script
        self.seconds = seconds
        self.result: Result | None = None
        self._until: datetime | None = None

    def __call__(self) -> Any:
        """Return how long it still takes; once it has ended, what :meth:`ended` returns."""
        if self.vm.agent != "Ready":
            return self._silence()
        if self.result is not None:
            return self.ended(self.result)
        self.started()
        self.result, takes = inside.execute(self.world, self.vm, self.script, self.seconds)
        return self.goes_on(takes + REPORT)

    def _silence(self) -> timedelta:
        """Wait for an agent that neither takes scripts nor tells how one has ended."""
        now = self.world.clock.now
        self._until = self._until or now + AGENT_TIMEOUT
        if now >= self._until:
            self.never_heard()
            raise extension_timeout(self.name)
        return ASK_AGAIN

    def never_heard(self) -> None:
        """The agent has not taken the script, or not told how it has ended."""

    def started(self) -> None:
        """The agent starts the script."""

    def goes_on(self, takes: timedelta) -> Any:
        """Return how long the operation goes on."""
        return takes

    def ended(self, result: Result) -> Any:
        """Return the output of the operation."""
        raise NotImplementedError


# The first kind


class _Classic(_Delivery):
    def ended(self, result: Result) -> Json:
        if result.timed_out:
            raise extension_timeout(self.name)
        return {"value": _entries(self.vm, last_bytes(result.stdout), last_bytes(result.stderr))}


def _entries(vm: Vm, out: str, errors: str) -> list[Json]:
    if vm.os_type == "Windows":
        return [
            status("ComponentStatus/StdOut/succeeded", "Provisioning succeeded", message=out),
            status("ComponentStatus/StdErr/succeeded", "Provisioning succeeded", message=errors),
        ]
    said = f"Enable succeeded: \n[stdout]\n{out}\n[stderr]\n{errors}"
    return [status("ProvisioningState/succeeded", "Provisioning succeeded", message=said)]


def run_script(world: World, vm: Vm, body: Json) -> Operation:
    """Start a run command of the first kind (``POST .../runCommand``); its output is the operation's.

    Raises:
        ArmError: 400 without a command id, 409 when the VM takes no scripts or another of this kind runs.
    """
    command = body.get("commandId")
    if not isinstance(command, str) or not command:
        raise ArmError(400, "InvalidParameter", "Required parameter 'commandId' is missing (null).")
    require_scripts(vm)
    if world.operations.running(vm.running_script) is not None:
        message = (
            "Run command extension execution is in progress. Please wait for completion before invoking a run command."
        )
        raise ArmError(409, "Conflict", message)
    script = "\n".join(str(line) for line in body.get("script") or ())
    delivery = _Classic(world, vm, "RunCommand", script, LONGEST)
    operation = world.operations.start("virtualMachines/runCommand", DELIVERY, delivery)
    vm.running_script = operation.id
    return operation


# Managed


class _Managed(_Delivery):
    def __init__(self, world: World, vm: Vm, command: RunCommand, script: str, seconds: int) -> None:
        super().__init__(world, vm, command.name, script, seconds)
        self.command = command
        self.own_failure = bool(command.properties.get("treatFailureAsDeploymentFailure"))

    def never_heard(self) -> None:
        self.command.ended, self.command.execution_state = self.world.clock.now, "TimedOut"
        if self.command.provisioning_state != "Succeeded":
            self.command.provisioning_state = "Failed"

    def started(self) -> None:
        self.command.execution_state = "Running"
        self.command.started = self.world.clock.now

    def goes_on(self, takes: timedelta) -> timedelta | None:
        if not self.command.properties.get("asyncExecution"):
            return takes
        self.own_failure = False
        self.command.provisioning_state = "Succeeded"
        self.world.clock.call_later(takes, self._unattended)
        return None

    def _unattended(self) -> None:
        """Go on after the operation has ended."""
        if not self.command.going:
            return
        try:
            more = self()
        except ArmError:
            return
        if isinstance(more, timedelta):
            self.world.clock.call_later(more, self._unattended)

    def ended(self, result: Result) -> None:
        self.command.ended = self.world.clock.now
        self.command.result = result
        failed = result.timed_out or result.exit_code != 0
        self.command.execution_state = "TimedOut" if result.timed_out else "Failed" if failed else "Succeeded"
        self.command.provisioning_state = "Failed" if failed and self.own_failure else "Succeeded"
        if failed and self.own_failure:
            message = f"VM has reported a failure when processing run command '{self.command.name}'."
            raise ArmError(409, "VMRunCommandExecutionFailed", message)


def put_run_command(world: World, vm: Vm, name: str, body: Json) -> tuple[RunCommand, Operation, bool]:
    """Create or replace a managed run command and start it; the last value says whether it is new.

    Raises:
        ArmError: 400 without a script or for a limit that is no number of seconds, 409 when the VM takes no scripts.
    """
    wanted: dict[str, Any] = dict(body.get("properties") or {})
    source = wanted.get("source") or {}
    if not any(source.get(one) for one in ("script", "scriptUri", "commandId")):
        raise ArmError(400, "InvalidParameter", "Required parameter 'runCommand.properties.source' is missing (null).")
    seconds = wanted.get("timeoutInSeconds") or LONGEST
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds < 0:
        raise ArmError(400, "InvalidParameter", "The value of parameter runCommand.timeoutInSeconds is invalid.")
    require_scripts(vm)
    known = vm.run_commands.get(name.lower())
    if known is not None:
        _stop(world, known, "Canceled")
    command = RunCommand(name, body.get("location") or vm.location, wanted, dict(body.get("tags") or {}))
    command.provisioning_state = "Creating" if known is None else "Updating"
    vm.run_commands[name.lower()] = command
    delivery = _Managed(world, vm, command, str(source.get("script") or ""), seconds)
    operation = world.operations.start("runCommands/write", DELIVERY, delivery)
    command.operation = operation.id
    return command, operation, known is None


def delete_run_command(world: World, vm: Vm, command: RunCommand) -> Operation:
    """Start removing a managed run command; one that still runs is cancelled."""
    _stop(world, command, "Canceled")
    command.provisioning_state = "Deleting"

    def finish() -> None:
        if vm.run_commands.get(command.name.lower()) is command:
            del vm.run_commands[command.name.lower()]

    return world.operations.start("runCommands/delete", REMOVAL, finish)


def interrupt(world: World, vm: Vm) -> None:
    """Let no script of a VM that stops or restarts end well: none of them reports any more."""
    for command in vm.run_commands.values():
        _stop(world, command, "Failed")
    classic = world.operations.running(vm.running_script)
    if classic is not None:
        world.operations.end(classic, "Canceled", PREEMPTED)


def _stop(world: World, command: RunCommand, state: str) -> None:
    if not command.going:
        return
    command.execution_state, command.ended = state, world.clock.now
    operation = world.operations.running(command.operation)
    if operation is not None:
        command.provisioning_state = state
        world.operations.end(operation, "Canceled", PREEMPTED)
