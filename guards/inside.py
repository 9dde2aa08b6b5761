"""The guards of scripts that run inside the VM."""

from __future__ import annotations

import re

from actions.change import Change
from actions.guest.run import SCRIPTS
from arm.facts.compute import VirtualMachine
from arm.ids import parse

from .model import Guarded, Refusal

_POWERSHELL_5 = (10, 0)
"""The first version of Windows that has PowerShell 5 from the start: Windows Server 2016, Windows 10."""
_OLD_WINDOWS = re.compile(r"2008|2012|windows[ -]?(7|8)\b", re.IGNORECASE)


def script_can_run(change: Change, situation: Guarded) -> Refusal | None:
    """A script needs a running VM whose agent answers and takes extensions, and on Windows PowerShell 5."""
    if change.operation not in SCRIPTS:
        return None
    vm = situation.facts.vm_or_none()
    saw = "the VM does not exist any more" if vm is None else unreachable(vm)
    if not saw:
        return None
    return Refusal("script-can-run", saw, "Restore it first." if vm is None else other_ways(vm))


def script_turn(change: Change, situation: Guarded) -> Refusal | None:
    """One script at a time: another run command of the VM, whoever started it, is let end first."""
    if change.operation not in SCRIPTS:
        return None
    busy = [one for one in situation.facts.run_commands() if one.going and one.id.lower() != change.target.lower()]
    if not busy:
        return None
    saw = f"the run command {busy[0].name!r} is in progress on the VM ({busy[0].state or 'not begun'})"
    return Refusal("script-turn", saw, "Wait until it has ended, or remove it, then run again.", passing=True)


def unreachable(vm: VirtualMachine) -> str:
    """Return why no script can be run inside a VM through Azure; empty when nothing speaks against it."""
    if vm.power_state != "running":
        return f"the VM is {vm.power_state}, and nothing runs inside it"
    if vm.extension_operations is False:
        return "the VM does not take extensions (allowExtensionOperations is false), and so no scripts"
    if vm.agent_status != "Ready":
        return f"the VM agent is {vm.agent_status or 'not reporting'}, and only the agent can run a script"
    return _without_powershell_5(vm)


def other_ways(vm: VirtualMachine) -> str:
    """Return the ways that remain where no script can be run through Azure."""
    where = parse(vm.id)
    named = f"--subscription {where.subscription} --resource-group {where.resource_group} --name {vm.name}"
    if vm.power_state != "running":
        return f"Ask its owner whether it should run: az vm start {named}. Its disks can be repaired: {_repair(named)}."
    if vm.extension_operations is False:
        return (
            f"Ask its owner: az vm update {named} --set osProfile.allowExtensionOperations=true. Or work in the VM on "
            f"its serial console: az serial-console connect {named}."
        )
    if vm.agent_status != "Ready":
        return (
            f"Repair the agent first ('remediate UserErrorGuestAgentStatusUnavailable'). Without it: the serial "
            f"console (az serial-console connect {named}), a repair VM ({_repair(named)}), or, with its owner's "
            f"consent, another host (az vm redeploy {named}; the temporary disk is lost)."
        )
    return (
        f"Do it by hand, in a remote session or on the serial console (az serial-console connect {named}); or install "
        "Windows Management Framework 5.1 and see that the VM reports it."
    )


def _repair(named: str) -> str:
    return f"az vm repair create {named}"


def _without_powershell_5(vm: VirtualMachine) -> str:
    """Return that Windows is older than PowerShell 5; what does not tell its version is not held back by this."""
    if vm.os_type.lower() != "windows":
        return ""
    version = re.search(r"\b(\d+)\.(\d+)\.\d+", vm.os_name)
    if version is not None:
        old = (int(version[1]), int(version[2])) < _POWERSHELL_5
    else:
        old = _OLD_WINDOWS.search(f"{vm.os_name} {vm.image.get('sku', '')}") is not None
    if not old:
        return ""
    return f"{vm.os_name or vm.image.get('sku', 'this Windows')} has no PowerShell 5, which the scripts need"
