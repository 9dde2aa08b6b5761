"""The VM agent: is it there, does it report, is it new enough."""

from __future__ import annotations

import re
from datetime import timedelta

from arm.facts.collect import VmFacts
from arm.facts.compute import VirtualMachine
from arm.facts.guest import GuestFacts
from arm.facts.times import iso

from .guest import together, worst
from .inside_services import running
from .model import Check, Seen, Status, Where
from .sources import AGENT_VERSIONS, SNAPSHOT_TIMEOUT, TROUBLESHOOT, WINDOWS_AGENT

DOCUMENTED = "2.6.1198.718"
"""Oldest Windows agent that Azure Backup's documentation accepts."""
PLATFORM = {"windows": "2.7.41491.911", "linux": "2.2.41"}
"""Oldest agents that the Azure platform supports, by operating system."""
STILL_UP = timedelta(minutes=30)
"""How long it counts that a script has run inside the VM."""
_VERSION = re.compile(r"\d+(?:\.\d+)+")
_RESTART = "Windows: services WindowsAzureGuestAgent and RdAgent; Linux: 'systemctl status walinuxagent' (or waagent)"


def ready(vm: VirtualMachine) -> bool:
    """Say whether the agent reports that it works."""
    return vm.agent_status.lower() == "ready"


def version_of(text: str) -> tuple[int, ...]:
    """Return an agent's version as numbers; empty when there is none in the text.

    >>> version_of("WALinuxAgent-2.2.41"), version_of("Unknown")
    ((2, 2, 41), ())
    """
    found = _VERSION.search(text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def _off(vm: VirtualMachine) -> Seen | None:
    if vm.power_state.lower() == "running":
        return None
    return Status.UNKNOWN, f"the VM is {vm.power_state}; its agent reports only while it runs"


def _said(vm: VirtualMachine) -> str:
    said = f" ({vm.agent_message.rstrip('.')})" if vm.agent_message else ""
    return f"agent {vm.agent_status or 'without a status'}{said}, version {vm.agent_version or 'unknown'}"


def _present(facts: VmFacts) -> Seen:
    vm = facts.vm()
    if version_of(vm.agent_version) or ready(vm):
        return Status.PASS, _said(vm)
    off = _off(vm)
    if off is not None:
        return off
    if vm.provision_agent is False:
        return Status.FAIL, "no agent has reported, and the VM was created without one (provisionVMAgent is false)"
    if vm.agent_status:
        return Status.UNKNOWN, f"{_said(vm)}: not installed, stopped, or cut off"
    return Status.FAIL, f"the VM is running, and no agent has ever reported{_custom(vm)}"


def _custom(vm: VirtualMachine) -> str:
    return "" if vm.image.get("publisher") else "; it was not made from a marketplace image, which would have one"


def _running(facts: VmFacts) -> Seen:
    vm, guest = facts.vm(), facts.guest()
    off = _off(vm)
    if off is not None:
        return off
    azure = (Status.PASS if ready(vm) else Status.FAIL), _said(vm)
    told = _inside(guest) if guest is not None else None
    return azure if told is None else together(azure, told)


def _inside(guest: GuestFacts) -> Seen | None:
    if guest.os == "windows":
        return worst(running(guest, "WindowsAzureGuestAgent"), running(guest, "RdAgent"))
    name, state, process = guest.text("agent_service"), guest.text("agent_state"), guest.flag("agent_process")
    if process is None or not state:
        return None
    shown = f"the service {name or 'of the agent'} is {state}, its process {'runs' if process else 'does not run'}"
    if not process:
        return Status.FAIL, shown
    if state not in ("active", "unknown"):
        return Status.WARN, shown
    if guest.flag("agent_enabled") is False:
        return Status.WARN, f"{shown}, and it is not enabled: it will not start with the VM"
    return Status.PASS, shown


def _version(facts: VmFacts) -> Seen:
    vm, guest = facts.vm(), facts.guest()
    told = (guest.text("agent_version") or "").strip() if guest is not None else ""
    inside = _new_enough(vm.os_type, told)
    if not version_of(vm.agent_version):
        azure = _off(vm) or (Status.UNKNOWN, "the agent has not reported its version")
        return azure if inside is None else together(azure, inside)
    azure = _new_enough(vm.os_type, vm.agent_version) or (Status.UNKNOWN, f"{vm.os_type} agent {vm.agent_version}")
    if inside is None or version_of(told) == version_of(vm.agent_version):
        return azure
    differs = f"{azure[1]}; inside the VM: {inside[1]}; an agent that updates itself runs another than is installed"
    status = Status.WARN if azure[0] is Status.PASS and inside[0] is not Status.PASS else azure[0]
    return status, differs


def _new_enough(system: str, version: str) -> Seen | None:
    """Judge the version of an agent; ``None`` where there is none in the text."""
    found = version_of(version)
    if not found:
        return None
    shown = f"{system} agent {version}"
    windows = system.lower() == "windows"
    if windows and found < version_of(DOCUMENTED):
        return Status.FAIL, f"{shown}; Azure Backup needs {DOCUMENTED}"
    least = PLATFORM.get(system.lower(), "")
    if not least:
        return Status.UNKNOWN, f"{shown}; no minimum is documented for this operating system"
    if found < version_of(least):
        return (Status.WARN if windows else Status.FAIL), f"{shown}; the Azure platform supports {least} and later"
    return Status.PASS, shown


def _mismatch(facts: VmFacts) -> Seen:
    vm, guest = facts.vm(), facts.guest()
    looked = f"a script ran inside the VM at {iso(guest.at)}" if guest is not None else ""
    if vm.power_state.lower() == "unknown":
        return Status.UNKNOWN, f"Azure does not say whether the VM runs{looked and f'; {looked}'}"
    if vm.power_state.lower() != "running":
        return Status.PASS, f"the VM is {vm.power_state}{looked and f'; before that, {looked}'}"
    if ready(vm):
        return Status.PASS, f"the VM is running and its agent reports{looked and f'; {looked}'}"
    if guest is not None and facts.azure_now - guest.at <= STILL_UP:
        return Status.PASS, f"the VM is running: {looked}; that its {_said(vm)} is another matter"
    shut = f"it may have been shut down from inside{looked and f'; {looked}'}"
    return Status.WARN, f"Azure shows the VM as running, but {_said(vm)}: {shut}"


def _classic(_facts: VmFacts) -> Seen:
    return Status.PASS, "an Azure Resource Manager VM: the flag exists only on classic VMs"


PRESENT = Check(
    id="CHK-AGENT-PRESENT",
    title="The VM agent is installed",
    where=Where.ARM,
    facts=("vm",),
    expected="an agent reports",
    why="The backup extension is installed and started by the VM agent. Marketplace images have it; VMs migrated or "
    "made from a custom image may not.",
    source=f"{TROUBLESHOOT}, VM agent",
    look=_present,
)
CLASSIC_FLAG = Check(
    id="CHK-CLASSIC-FLAG",
    title="Azure knows that a classic VM has an agent (ProvisionGuestAgent)",
    where=Where.ARM,
    facts=(),
    expected="not applicable to Azure Resource Manager VMs, which always pass",
    why="A classic VM whose agent was installed by hand gets no extensions until its ProvisionGuestAgent is set.",
    source=f"{TROUBLESHOOT}, VM agent (classic deployment)",
    look=_classic,
    fleet=True,
)
RUNNING = Check(
    id="CHK-AGENT-RUNNING",
    title="The VM agent is running",
    where=Where.BOTH,
    facts=("vm",),
    expected="the agent's status is Ready",
    why="An agent that is stopped or does not answer cannot start the snapshot; the backup fails or times out.",
    source=f"{SNAPSHOT_TIMEOUT}, step 2",
    look=_running,
    inside=_RESTART,
)
VERSION = Check(
    id="CHK-AGENT-VERSION",
    title="The VM agent is new enough",
    where=Where.BOTH,
    facts=("vm",),
    expected=f"Windows: {DOCUMENTED} (Azure Backup) and {PLATFORM['windows']} (Azure platform); "
    f"Linux: {PLATFORM['linux']} or later",
    why="Older agents lose extensions or do not report; Azure does not support them. Update while no backup runs.",
    source=f"{TROUBLESHOOT}, validate VM agent installation; {AGENT_VERSIONS}",
    look=_version,
    inside="Windows: product version of WaAppAgent.exe; Linux: 'waagent --version'",
)
STATUS_MISMATCH = Check(
    id="CHK-STATUS-MISMATCH",
    title="Azure shows the power state that the VM is in",
    where=Where.BOTH,
    facts=("vm",),
    expected="a VM that is shown as running has an agent that reports",
    why="A VM that was shut down in a remote session can still be shown as running; the snapshot then waits in vain.",
    source=f"{SNAPSHOT_TIMEOUT}, the snapshot status cannot be retrieved; {WINDOWS_AGENT}",
    look=_mismatch,
    inside="whether it answers at all (serial console, boot diagnostics)",
)
