"""The vocabulary for what is wrong inside a VM, beside that of ``stage.py``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from simulator.guest.linux import LinuxGuest
from simulator.guest.windows import WindowsGuest, broken, healthy
from simulator.scenarios.stage import Stage
from simulator.services.compute import inside as compute
from simulator.services.compute.model import Misbehaviour
from simulator.wire import Json


def inside(stage: Stage, **state: Any) -> Stage:
    """Give the VM of a stage an inside in which something differs from a healthy machine.

    Linux: keys of the guest's state, such as ``unclean=["/data"]``, ``services={...}``, ``files={...}``. Windows: a
    patch of its state, objects merged, ``None`` taking away.

    Raises:
        ValueError: for a key that a Linux guest does not have.
    """
    windows = stage.vm.os_type == "Windows"
    compute.furnish(stage.world, stage.vm, broken(healthy(), state) if windows else state)
    return stage


def state_of(stage: Stage) -> Json:
    """Return what is inside the VM now."""
    return compute.guest_of(stage.world, stage.vm).state


def linux(stage: Stage) -> LinuxGuest:
    """Return the guest of a Linux VM.

    Raises:
        TypeError: when it runs Windows.
    """
    guest = compute.guest_of(stage.world, stage.vm)
    if not isinstance(guest, LinuxGuest):
        raise TypeError(f"{stage.vm.name} does not run Linux")
    return guest


def windows(stage: Stage) -> WindowsGuest:
    """Return the guest of a Windows VM.

    Raises:
        TypeError: when it runs Linux.
    """
    guest = compute.guest_of(stage.world, stage.vm)
    if not isinstance(guest, WindowsGuest):
        raise TypeError(f"{stage.vm.name} does not run Windows")
    return guest


def fails_while_inside(stage: Stage, code: str, holds: Callable[[Json], bool]) -> Stage:
    """Let backups fail with an error as long as ``holds`` says so of the state inside (asked at each snapshot)."""
    return stage.fails_while(code, lambda: holds(state_of(stage)))


def scripts_end_badly(
    stage: Stage, kind: Literal["garbled", "truncated", "hangs", "dies", "says"], **how: Any
) -> Stage:
    """Let scripts of the VM end badly; ``how`` are further fields of :class:`Misbehaviour`."""
    stage.vm.misbehaves.append(Misbehaviour(kind, **how))
    return stage
