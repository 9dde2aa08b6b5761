"""Actions on a machine: power and repair."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from simulator.operations import Operation

from . import inside, runcommands
from .model import PowerState, Vm
from .state import not_running

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
    boots = action in BOOTS and not (action == "start" and before == "running")
    if boots or before != after:
        runcommands.interrupt(world, vm)
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
        if boots:
            inside.boot(world, vm)
        if boots and vm.guest.pop(HUNG, None) is not None:
            world.clock.call_later(BOOT, booted)

    def booted() -> None:
        vm.agent = "Ready"

    return world.operations.start(f"virtualMachines/{action}", POWER_CHANGE, finish, abort=abort)
