"""The causes that Microsoft documents for errors about the VM agent and the backup extension, each looked at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from actions.power import OFF
from actions.registry import blocking_locks
from arm.facts.collect import VmFacts
from arm.facts.compute import VirtualMachine
from arm.ids import spoken

from .checks import Result, Status, look
from .checks.agent import ready
from .inside import agent_settings, is_windows, wire_server
from .model import Cause, Standing
from .state import failed_extensions, state_causes, state_of

Look = Callable[[VmFacts], Cause]
"""Looks at the facts for one cause."""

FOUND, POSSIBLE, RULED_OUT = Standing.FOUND, Standing.POSSIBLE, Standing.RULED_OUT
_STANDING = {Status.FAIL: FOUND, Status.WARN: POSSIBLE, Status.UNKNOWN: POSSIBLE, Status.PASS: RULED_OUT}


def ranked(looks: Iterable[Look], facts: VmFacts) -> tuple[Cause, ...]:
    """Look at causes in their order: the first that is found explains the later ones, which stay possible."""
    causes: list[Cause] = []
    first: Cause | None = None
    for one in looks:
        cause = one(facts)
        if first is not None and cause.standing is FOUND:
            cause = replace(cause, standing=POSSIBLE, against=(f"{first.summary}, which explains it",))
        causes.append(cause)
        first = first or (cause if cause.standing is FOUND else None)
    return tuple(causes)


def _cause(name: str, summary: str, standing: Standing, said: str) -> Cause:
    """Return a cause with what was seen: for it, or, where it is ruled out, against it."""
    if standing is RULED_OUT:
        return Cause(name, summary, standing, (), (said,))
    return Cause(name, summary, standing, (said,))


def _checked(name: str, summary: str, result: Result, *, worst: Standing = FOUND) -> Cause:
    """Return the cause that a health check stands for; ``worst``: how much its failure proves."""
    standing = _STANDING[result.status]
    return _cause(name, summary, worst if standing is FOUND else standing, result.saw)


def _looked(name: str, summary: str, check: str, facts: VmFacts) -> Cause | None:
    """Return the cause that a check of the guest stands for; ``None`` where no look inside has answered it."""
    result = look(check, facts) if facts.guest() is not None else None
    return None if result is None or result.status is Status.UNKNOWN else _checked(name, summary, result)


def silent(vm: VirtualMachine) -> bool:
    """Say whether a VM that Azure shows as running has an agent that does not answer."""
    return vm.power_state == "running" and not ready(vm)


def vm_moving(facts: VmFacts) -> Cause:
    """Is the platform changing the VM at this moment?"""
    vm = facts.vm()
    return _cause(
        "vm-in-transition", "the platform is changing the VM", FOUND if vm.in_transition else RULED_OUT, state_of(vm)
    )


def vm_off(facts: VmFacts) -> Cause:
    """Has the VM been switched off, so that no agent can answer, nor is one needed?"""
    vm = facts.vm()
    summary = "the VM does not run, so its agent cannot answer; its backup needs none"
    return _cause("vm-off", summary, FOUND if vm.power_state in OFF else RULED_OUT, f"the VM is {vm.power_state}")


def extensions_off(facts: VmFacts) -> Cause:
    """Does the VM's own model forbid extensions?"""
    allowed = facts.vm().extension_operations
    name, summary = "extension-operations-off", "the VM's model forbids extensions, the backup extension too"
    if allowed is None:
        return _cause(name, summary, RULED_OUT, "the VM's model does not forbid extensions")
    return _cause(
        name, summary, RULED_OUT if allowed else FOUND, f"osProfile.allowExtensionOperations is {str(allowed).lower()}"
    )


def agent_absent(facts: VmFacts) -> Cause:
    """Is there no agent at all?"""
    return _checked("agent-absent", "no VM agent is installed", look("CHK-AGENT-PRESENT", facts))


def agent_silent(facts: VmFacts) -> Cause:
    """Is the agent there, but does not answer?"""
    summary = "the VM agent does not answer: it is stopped, broken, or cut off from the platform"
    return _checked("agent-not-ready", summary, look("CHK-AGENT-RUNNING", facts))


def agent_outdated(facts: VmFacts) -> Cause:
    """Is the agent too old?"""
    return _checked("agent-outdated", "the VM agent is too old", look("CHK-AGENT-VERSION", facts))


def classic_flag(facts: VmFacts) -> Cause:
    """Is it a classic VM of whose agent Azure does not know?"""
    summary = "a classic VM without its flag ProvisionGuestAgent"
    return _checked("classic-flag", summary, look("CHK-CLASSIC-FLAG", facts))


def guest_shut_down(facts: VmFacts) -> Cause:
    """Was the VM shut down from inside, and Azure shows it as running all the same?"""
    vm, name = facts.vm(), "guest-shut-down"
    summary = "the VM was shut down in a remote session, and Azure still shows it as running"
    if vm.power_state in OFF:
        return _cause(name, summary, RULED_OUT, f"Azure shows the VM as {vm.power_state}")
    return _checked(name, summary, look("CHK-STATUS-MISMATCH", facts))


def guest_address(facts: VmFacts) -> Cause:
    """Does the guest take its address from DHCP, as it has to?"""
    summary = "the guest does not get the host's address by DHCP (option 245)"
    return _checked("no-dhcp-in-guest", summary, look("CHK-DHCP", facts))


def guest_path(facts: VmFacts) -> Cause:
    """Does a firewall or proxy in the guest keep its agent from the platform?"""
    vm, name = facts.vm(), "platform-blocked-in-guest"
    summary = "a firewall or proxy in the guest keeps the agent from the platform at 168.63.129.16"
    looked = _looked(name, summary, "CHK-WIRESERVER", facts)
    if looked is not None:
        return looked
    if ready(vm):
        return _cause(name, summary, RULED_OUT, f"the agent reports through it: {vm.agent_message or 'Ready'}")
    return _cause(name, summary, POSSIBLE, wire_server(vm))


def outbound_blocked(facts: VmFacts) -> Cause:
    """Do security rules keep an agent from Azure Storage that is too old to do without it?"""
    name = "outbound-blocked"
    summary = "a security rule keeps an agent from Azure Storage that is too old to do without it"
    version = look("CHK-AGENT-VERSION", facts)
    if version.status is Status.PASS:  # the rules need not be read: backups want no outbound access
        return _cause(name, summary, RULED_OUT, f"{version.saw}: it needs no outbound access")
    return _checked(name, summary, look("CHK-OUTBOUND-STORAGE", facts))


def agent_settings_wrong(facts: VmFacts) -> Cause:
    """Do the agent's settings forbid extensions? Linux only."""
    vm, name = facts.vm(), "agent-settings"
    summary = "/etc/waagent.conf keeps the agent from handling extensions"
    if is_windows(vm):
        return _cause(name, summary, RULED_OUT, "the VM runs Windows")
    return _looked(name, summary, "CHK-WAAGENT-CONF", facts) or _cause(name, summary, POSSIBLE, agent_settings(vm))


def application_control(facts: VmFacts) -> Cause:
    """Does application control stop the backup extension? Windows only."""
    vm, name = facts.vm(), "application-control"
    summary = "application control in the guest blocks IaaSBcdrExtension.exe"
    if not is_windows(vm):
        return _cause(name, summary, RULED_OUT, f"the VM runs {vm.os_type}")
    return _looked(name, summary, "CHK-APPLOCKER", facts) or _cause(name, summary, POSSIBLE, agent_settings(vm))


def provider_broken(facts: VmFacts) -> Cause:
    """Is the extension's VSS provider of the wrong kind or corrupt? Windows only."""
    vm, name = facts.vm(), "provider-broken"
    summary = "the extension's iaasvmprovider.dll is corrupt or of another version or bitness"
    if not is_windows(vm):
        return _cause(name, summary, RULED_OUT, f"the VM runs {vm.os_type}")
    folder = r"C:\Packages\Plugins\Microsoft.Azure.RecoveryServices.VMSnapshot\VERSION"
    how = (
        f"in {folder}, iaasvmprovider.dll has to register with the 64-bit regsvr32; else uninstall 'Visual C++ "
        "Redistributable (x64) 2013', and install vcredist2013_x64 from that folder"
    )
    return _cause(name, summary, POSSIBLE, how)


def overloaded(facts: VmFacts) -> Cause:
    """Is the VM too busy while it is backed up?"""
    return _checked("overloaded", "processor or memory is in use by more than 90 %", look("CHK-LOAD", facts))


def sql_backups(facts: VmFacts) -> Cause:
    """Does SQL Server delay the snapshot? Windows only."""
    summary = "SQL Server in the VM delays the VSS snapshot"
    return _checked("sql-server", summary, look("CHK-SQL-VSS", facts), worst=POSSIBLE)


def other_extension(facts: VmFacts) -> Cause:
    """Has somebody else's extension failed?"""
    return _of_state(facts, "other-extension-failed")


def own_extension(facts: VmFacts) -> Cause:
    """Has the backup service's own extension failed?"""
    return _of_state(facts, "backup-extension-failed")


def failed_state(facts: VmFacts) -> Cause:
    """Has the VM stayed in a failed state that no extension explains?"""
    return _of_state(facts, "failed-state")


def _of_state(facts: VmFacts, name: str) -> Cause:
    return next(cause for cause in state_causes(facts) if cause.name == name)


def extension_broken(facts: VmFacts) -> Cause:
    """Does the backup extension, though provisioned, no longer load or update? Only its removal tells."""
    summary = "the backup extension fails to load or to update; the next backup installs a removed one again"
    own, _ = failed_extensions(facts)
    known = [one for one in facts.extensions() if one.is_vmsnapshot]
    said = (
        ", ".join(f"{one.name} is {one.provisioning_state}" for one in known) or "Azure lists no VMSnapshot extension"
    )
    if own:
        return _cause("extension-broken", summary, RULED_OUT, f"{said}: that it has failed explains it")
    return _cause("extension-broken", summary, POSSIBLE, f"{said}; that alone does not show that it loads")


def lock_on_points(facts: VmFacts) -> Cause:
    """Does a lock keep the service from deleting its old restore points?"""
    locks = blocking_locks(facts)
    summary = "a lock keeps the backup service from deleting its old restore points"
    if not locks:
        return _cause("lock", summary, RULED_OUT, "no lock applies to the restore point collections of the VM")
    held = tuple(f"{lock.level} {lock.name!r} on {spoken(lock.scope)}" for lock in locks)
    return Cause("lock", summary, FOUND, held)
