"""What a VM has inside, and what the platform sees of it: scripts, restarts, and whether the agent reports."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from simulator.guest.linux import LinuxGuest
from simulator.guest.model import Guest, Result
from simulator.guest.windows import WindowsGuest
from simulator.wire import Json

from .model import Misbehaviour, Vm

if TYPE_CHECKING:
    from simulator.world import World

REPORTS = timedelta(minutes=1)
"""From the start of an agent until the platform hears of it."""
SOON = timedelta(seconds=1)
GARBLED = "/etc/profile.d/motd.sh: line 3: figlet: command not found\n<<< web-01 >>> authorised use only\n"
KILLED = 137


def guest_of(world: World, vm: Vm) -> Guest:
    """Return the inside of a VM, made now as that of a healthy machine if it has none yet."""
    return vm.inside or furnish(world, vm, None)


def furnish(world: World, vm: Vm, state: Json | None) -> Guest:
    """Give a VM an inside in a state (``None``: healthy); an agent that cannot report is not ready from now on."""
    if vm.inside is not None:
        vm.inside.close()
    if vm.os_type == "Linux":
        state = {"data_disks": len(vm.data_disks), "agent_version": vm.agent_version, **(state or {})}
        vm.inside = LinuxGuest(state, lambda: world.clock.now)
    else:
        vm.inside = WindowsGuest(state, lambda: world.clock.now)
        if state is None:
            vm.inside.state["agent"]["version"] = vm.agent_version
    vm.agent_version = _version(vm.inside)
    vm.reported = vm.inside.agent_reports()
    if not vm.reported and vm.agent == "Ready":
        vm.agent = "NotReady"
    return vm.inside


def boot(world: World, vm: Vm) -> None:
    """Restart what is inside, as the VM is restarted."""
    if vm.inside is not None:
        vm.inside.boot()
        settle(world, vm)


def execute(world: World, vm: Vm, script: str, seconds: int) -> tuple[Result, timedelta]:
    """Run a script inside; return what the platform gets of it, and how long it takes beyond the usual."""
    wrong = next((one for one in vm.misbehaves if one.due()), None)
    result = Result()
    if wrong is None or wrong.runs:
        result = guest_of(world, vm).run(script, seconds)
        settle(world, vm)
    if wrong is not None:
        result = _spoiled(result, wrong)
    return result, timedelta(seconds=seconds if result.timed_out else min(result.slept, seconds))


def _spoiled(result: Result, wrong: Misbehaviour) -> Result:
    if wrong.kind == "hangs":
        return Result(result.exit_code, "", result.stderr, timed_out=True)
    if wrong.kind == "dies":
        return Result(KILLED, "", "Killed\n", slept=result.slept)
    if wrong.kind == "garbled":
        return Result(result.exit_code, wrong.text or GARBLED, result.stderr, slept=result.slept)
    if wrong.kind == "truncated":
        return Result(result.exit_code, result.stdout[len(result.stdout) // 2 :], result.stderr, slept=result.slept)
    return Result(wrong.exit_code, wrong.text, "", slept=result.slept)


def settle(world: World, vm: Vm) -> None:
    """Let what was handed over happen when it is due, and the platform notice an agent that came or went."""
    guest = vm.inside
    if guest is None or vm.power_state != "running":
        return
    due = guest.later(world.clock.now)
    _notice(world, vm, guest)
    if due is not None:
        world.clock.call_later(max(due - world.clock.now, SOON), lambda: _again(world, vm, guest))


def _again(world: World, vm: Vm, guest: Guest) -> None:
    if vm.inside is guest:
        settle(world, vm)


def _notice(world: World, vm: Vm, guest: Guest) -> None:
    before, vm.reported = vm.reported, guest.agent_reports()
    if before and not vm.reported:
        vm.agent = "NotReady" if vm.agent == "Ready" else vm.agent
    elif vm.reported and not before:
        world.clock.call_later(REPORTS, lambda: _heard(vm, guest))
    if vm.reported and _version(guest) != vm.agent_version:
        world.clock.call_later(REPORTS, lambda: _renewed(vm, guest))


def _heard(vm: Vm, guest: Guest) -> None:
    if vm.inside is guest and guest.agent_reports():
        vm.agent = "Ready"


def _renewed(vm: Vm, guest: Guest) -> None:
    if vm.inside is guest and guest.agent_reports():
        vm.agent_version = _version(guest)


def _version(guest: Guest) -> str:
    return guest.agent_version if isinstance(guest, LinuxGuest) else str(guest.state["agent"]["version"])
