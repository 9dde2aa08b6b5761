"""The VM itself: its state and its operating system."""

from __future__ import annotations

import re

from arm.errors import NotFound
from arm.facts.collect import VmFacts
from arm.facts.compute import VirtualMachine
from arm.facts.monitor import CPU, FREE_MEMORY

from .guest import readable
from .inside import BUSY, load
from .model import Check, Seen, Status, Where
from .sources import FAQ, SNAPSHOT_TIMEOUT, SUPPORT_MATRIX, TROUBLESHOOT

SETTLED = ("running", "stopped", "deallocated")
"""Power states in which a VM can be backed up; stopped or deallocated, the backup is crash-consistent."""
_SERVER = re.compile(r"(?<!\d)(20\d\d)(?!\d)")
OLDEST_SERVER = 2008
_CLIENT = re.compile(r"windows[ -]?(10|11)\b|\bwin(10|11)\b")
ENDORSED = (
    *("ubuntu", "canonical", "redhat", "red hat", "rhel", "centos", "openlogic", "suse", "sles", "oracle", "debian"),
    *("credativ", "almalinux", "rocky", "mariner", "azurelinux", "azure linux", "flatcar"),
)
"""What names and publishers of Linux distributions that are endorsed on Azure begin with or contain."""


def _state(facts: VmFacts) -> Seen:
    try:
        vm = facts.vm()
    except NotFound:
        return Status.FAIL, "the virtual machine does not exist (any more)"
    power, state = vm.power_state.lower(), vm.provisioning_state
    said = f": {vm.provisioning_message}" if vm.provisioning_message else ""
    shown = f"provisioning state {state or 'unknown'}, power state {vm.power_state}"
    if state.lower() == "failed":
        return Status.FAIL, f"{shown}{said}"
    if not state or power == "unknown":
        return Status.UNKNOWN, shown
    if state.lower() != "succeeded" or power not in SETTLED:
        return Status.WARN, f"{shown}; wait until it has settled"
    return Status.PASS, shown if power == "running" else f"{shown}; its backups are crash-consistent"


def _os(facts: VmFacts) -> Seen:
    vm = facts.vm()
    image = " ".join(vm.image[key] for key in ("publisher", "offer", "sku") if vm.image.get(key))
    shown = f"{vm.os_type or 'operating system unknown'}: {vm.os_name or image or 'neither agent nor image names it'}"
    said = f"{vm.os_name} {image}".lower()
    if vm.os_type.lower() == "windows":
        return _windows(vm, said), shown
    if vm.os_type.lower() != "linux" or not said.strip():
        return Status.UNKNOWN, shown
    if "coreos" in said:
        return Status.FAIL, f"{shown}; CoreOS Linux is not supported"
    if any(name in said for name in ENDORSED):
        return Status.PASS, shown
    return Status.WARN, f"{shown}; not known as endorsed on Azure: it may work with a VM agent and Python"


def _windows(vm: VirtualMachine, said: str) -> Status:
    years = [int(year) for year in _SERVER.findall(vm.os_name or said)]
    if years and ("server" in said or "datacenter" in said):
        return Status.PASS if years[0] >= OLDEST_SERVER else Status.FAIL
    if _CLIENT.search(said):
        return Status.PASS
    return Status.WARN if "windows" in vm.os_name.lower() else Status.UNKNOWN


def _load(facts: VmFacts) -> Seen:
    guest = facts.guest()
    told = load(guest) if guest is not None else None
    if told is None:
        return _measured(facts)
    azure = readable(_measured, facts)
    if azure[0] is not Status.UNKNOWN:
        return azure
    return told[0], f"{azure[1]}; inside the VM, when a script looked: {told[1]}"


def _measured(facts: VmFacts) -> Seen:
    found = {metric.name.lower(): metric for metric in facts.load()}
    cpu, free = found.get(CPU.lower()), found.get(FREE_MEMORY.lower())
    used = [("CPU", cpu.average)] if cpu is not None and cpu.average is not None else []
    used += [("memory", 100.0 - free.average)] if free is not None and free.average is not None else []
    if not used:
        return Status.UNKNOWN, "Azure has no measurements of the time of the last backup (a VM that is off has none)"
    shown = ", ".join(f"{name} {value:.0f} %" for name, value in used)
    high = any(value > BUSY for _, value in used)
    return (Status.WARN if high else Status.PASS), f"on average in the first two hours of the last backup: {shown}"


STATE = Check(
    id="CHK-VM-STATE",
    title="The VM is provisioned and in no transition",
    where=Where.ARM,
    facts=("vm",),
    expected="provisioning state Succeeded; power state running, stopped or deallocated",
    why="A VM that failed, or is starting, stopping or being updated, cannot be backed up. A stopped VM can.",
    source=f"{SNAPSHOT_TIMEOUT}, step 1; {FAQ}",
    look=_state,
    fleet=True,
)
OS_SUPPORT = Check(
    id="CHK-OS-SUPPORT",
    title="Azure Backup supports the operating system",
    where=Where.ARM,
    facts=("vm",),
    expected="Windows Server 2008 or later, Windows 10 or 11, or an endorsed Linux distribution; 64 bit, no CoreOS",
    why="The agent and the backup extension are made for supported systems; on others, snapshots fail or do not start.",
    source=f"{SUPPORT_MATRIX}, operating system support; {SNAPSHOT_TIMEOUT}, step 2",
    look=_os,
    fleet=True,
)
LOAD = Check(
    id="CHK-LOAD",
    title="The VM is not overloaded when it is backed up",
    where=Where.BOTH,
    facts=("vm", "protection", "recent_jobs", "load"),
    expected=f"processor and memory at most {BUSY:.0f} % in use while the snapshot is taken",
    why="On a busy VM the snapshot is queued and put off until it times out. Back up at another time, or size it up.",
    source=f"{TROUBLESHOOT}, troubleshoot VM snapshot issues",
    look=_load,
    inside="Windows: 'Get-Counter' or the Task Manager; Linux: 'top'; at the time of the backup",
)
