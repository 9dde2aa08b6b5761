"""What only the guest operating system can answer, whichever it is."""

from __future__ import annotations

import re

from arm.facts.guest import GuestFacts

from .guest import inside, some, worst
from .model import Check, Seen, Status, Where
from .sources import SELF_HELP, SNAPSHOT_TIMEOUT, TROUBLESHOOT, WINDOWS_AGENT

PLATFORM = "168.63.129.16"
ENOUGH_MB, SCARCE_MB = 1024, 100
"""MiB of the system disk: what an agent, an extension and their logs want, and what stops them. Not documented."""
BUSY = 90.0
"""Percent of processor or memory from which on a snapshot is put off."""
_NEEDED, _DOCUMENTED = ("80", "32526"), "443"
_PASSWORD = re.compile(r"[^\s;,]*@")


def _reboot(guest: GuestFacts) -> Seen | None:
    if guest.os == "windows":
        reasons = guest.listed("reboot_pending")
        if reasons:
            return Status.WARN, f"a restart is pending: {some(reasons)}"
        return None if reasons is None else (Status.PASS, "no restart is pending")
    waits = guest.flag("reboot_required")
    if waits is None:
        return None
    if waits:
        return Status.WARN, "a restart is pending: /var/run/reboot-required is there"
    return Status.PASS, "no restart is pending: there is no /var/run/reboot-required"


def _wire_server(guest: GuestFacts) -> Seen | None:
    found = {port: open_ for port, open_ in guest.mapping("wireserver").items() if isinstance(open_, bool)}
    closed = [port for port in _NEEDED if found.get(port) is False]
    if closed:
        return Status.FAIL, f"{PLATFORM} does not answer on TCP {' and '.join(closed)}"
    if not all(found.get(port) for port in _NEEDED):
        return None
    other = f"; {_DOCUMENTED} does not, which the agent can do without" if found.get(_DOCUMENTED) is False else ""
    return Status.PASS, f"{PLATFORM} answers on TCP {' and '.join(_NEEDED)}{other}"


def _proxy(guest: GuestFacts) -> Seen | None:
    windows = guest.os == "windows"
    value = guest.text("proxy" if windows else "http_proxy")
    whose = "LocalSystem" if windows else "the agent"
    if value is None:
        return None
    if not value.strip():
        return Status.PASS, f"{whose} uses no proxy"
    shown = f"{whose} uses the proxy {_PASSWORD.sub('***@', value)}"
    if windows and PLATFORM in value:
        return Status.PASS, f"{shown}, which names {PLATFORM} as an exception"
    return Status.WARN, f"{shown}; that {PLATFORM} bypasses it is not seen"


def _logs(guest: GuestFacts) -> Seen | None:
    logs = guest.listed("logs")
    if logs is None:
        return None
    if not logs:
        return Status.WARN, "none of the logs is there"
    there = (Status.PASS, f"path and size: {some(logs)}")
    if guest.os == "windows":
        return there
    said = guest.text("extension_log")
    if said is None:
        return None
    return (Status.WARN, f"last error in extension.log: {said}") if said.strip() else there


def _space(guest: GuestFacts) -> Seen | None:
    if guest.os == "windows":
        drive = guest.mapping("disk_free_mb").get("C:")
        return _room("C:", drive) if isinstance(drive, int) and not isinstance(drive, bool) else None
    free, percent = guest.number("root_free_mb"), guest.number("root_free_percent")
    if free is None:
        return None
    return _room("/", free, f" ({percent} %)" if percent is not None else "")


def _room(where: str, free: int, more: str = "") -> Seen | None:
    if free < 0:
        return None
    status = Status.FAIL if free < SCARCE_MB else Status.WARN if free < ENOUGH_MB else Status.PASS
    return status, f"{free} MiB{more} free on {where}"


def _clock(guest: GuestFacts) -> Seen | None:
    right = guest.flag("time_synced")
    if right is None:
        return None
    return (Status.PASS, "synchronized") if right else (Status.WARN, "the clock is not synchronized with any source")


def load(guest: GuestFacts) -> Seen | None:
    """Judge how busy the VM was when the script looked, which is not the time of a backup."""
    return worst(_used("CPU", guest.number("cpu_percent")), _used("memory", guest.number("memory_percent")))


def _used(what: str, percent: int | None) -> Seen | None:
    if percent is None or not 0 <= percent <= 100:
        return None
    return (Status.WARN if percent > BUSY else Status.PASS), f"{what} {percent} %"


PENDING_REBOOT = Check(
    id="CHK-PENDING-REBOOT",
    title="No update waits for a restart",
    where=Where.GUEST,
    facts=(),
    expected="none is pending",
    why="A half-installed update keeps the agent, extensions or VSS from working until the VM has been restarted.",
    source=f"{SNAPSHOT_TIMEOUT}, step 1",
    look=inside(_reboot),
    inside="Windows: the registry keys 'Component Based Servicing\\RebootPending' and "
    "'WindowsUpdate\\Auto Update\\RebootRequired'; Linux: the file /var/run/reboot-required",
)
WIRESERVER = Check(
    id="CHK-WIRESERVER",
    title=f"The guest reaches the platform at {PLATFORM}",
    where=Where.GUEST,
    facts=(),
    expected="ports 80 and 32526 answer (443 where documented)",
    why="The agent gets its work from this address and reports there; extensions fail without it, whatever else is "
    "open.",
    source=f"{SNAPSHOT_TIMEOUT}, step 4; {WINDOWS_AGENT}",
    look=inside(_wire_server),
    inside=f"TCP to {PLATFORM}, ports 80, 443 and 32526: 'Test-NetConnection' or "
    f"'curl http://{PLATFORM}/?comp=versions'",
)
PROXY = Check(
    id="CHK-PROXY",
    title="A proxy does not come between the agent and the platform",
    where=Where.GUEST,
    facts=(),
    expected=f"no proxy, or {PLATFORM} bypasses it",
    why=f"An agent that asks a proxy for {PLATFORM} gets no answer, and backups fail for lack of network.",
    source=f"{TROUBLESHOOT}, networking; {SELF_HELP}",
    look=inside(_proxy),
    inside="Windows: 'netsh winhttp show proxy' and 'bitsadmin /util /getieproxy LOCALSYSTEM'; "
    "Linux: HttpProxy in /etc/waagent.conf",
)
LOGS = Check(
    id="CHK-LOGS",
    title="The logs of agent and backup extension",
    where=Where.GUEST,
    facts=(),
    expected="they are there, without an error at the time of the failure; keep them for Microsoft support, without "
    "secrets. A look inside tells path and size, and on Linux the last error of extension.log",
    why="They tell what the control plane does not see, and Microsoft support asks for them.",
    source=f"{SNAPSHOT_TIMEOUT}, the agent installed in the VM is out of date; {WINDOWS_AGENT}",
    look=inside(_logs),
    inside="Windows: C:\\WindowsAzure\\Logs\\WaAppAgent.log and "
    "...\\Plugins\\Microsoft.Azure.RecoveryServices.VMSnapshot; Linux: /var/log/waagent.log and "
    "/var/log/azure/Microsoft.Azure.RecoveryServices.VMSnapshotLinux/extension.log",
)
ROOT_SPACE = Check(
    id="CHK-ROOT-SPACE",
    title="The system disk has free space",
    where=Where.GUEST,
    facts=(),
    expected=f"at least {ENOUGH_MB} MiB free on the system drive, or on /; less than {SCARCE_MB} MiB is a failure. "
    "Microsoft names no number: these are this tool's own",
    why="Agent, extension and snapshot need room for their files and logs.",
    source=SELF_HELP,
    look=inside(_space),
    inside="Windows: 'Get-PSDrive C'; Linux: 'df -h / /var'",
)
TIME_SYNC = Check(
    id="CHK-TIME-SYNC",
    title="The guest's clock is right",
    where=Where.GUEST,
    facts=(),
    expected="synchronized, no minutes off",
    why="With a wrong clock, certificates and tokens are not valid, and agent and extension are refused.",
    source=SELF_HELP,
    look=inside(_clock),
    inside="Windows: 'w32tm /query /status'; Linux: 'timedatectl'",
)
