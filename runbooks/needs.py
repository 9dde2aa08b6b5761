"""Which scripts a VM needs: read from what a look inside it has told, one small rule for each script."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from actions.guest.scripts import find_script
from arm.facts.guest import GuestFacts

from .agent import attempts, tried
from .checks.agent import PLATFORM, version_of
from .inside import own_address
from .model import Situation

SKIP_MOUNTS, SCRIPT_SECONDS = "skip-mounts", "script-seconds"
INPUTS = {
    SKIP_MOUNTS: "mount points that the backup shall not freeze, separated by commas; what is on them is then only "
    "as consistent as after a crash",
    SCRIPT_SECONDS: "seconds that the pre and post scripts of the backup may take, at most 1800",
}
"""What only a human can tell a script, by the name of the runbook's input."""


@dataclass(frozen=True)
class Need:
    """Whether a script is needed.

    Attributes:
        needed: ``None`` where the look inside could not tell.
        evidence: what was seen, with names and numbers.
        parameters: the values for each time it is run.
        human: what only a human can do about it; then no script is run.
    """

    needed: bool | None
    evidence: str
    parameters: tuple[Mapping[str, str], ...] = ({},)
    human: str = ""


Rule = Callable[[GuestFacts, Situation], Need]


def need_of(action: str, situation: Situation) -> Need:
    """Say whether a script is needed in a VM that was looked into; without a look, that cannot be told.

    Args:
        action: the script.
        situation: what is known; its facts hold what the look has told.
    """
    guest = situation.facts.guest()
    if guest is None:
        return Need(None, "nobody has looked inside the VM yet")
    return RULES[action](guest, situation)


def _seen(condition: bool | None, evidence: str, otherwise: str) -> Need:  # noqa: FBT001  # what was seen
    return Need(condition, evidence if condition else otherwise)


def _service(guest: GuestFacts, name: str) -> str:
    """Return state, start mode and account of a Windows service, or ``missing``; empty where it is not known."""
    return str(guest.mapping("services").get(name) or "")


def _comsysapp(guest: GuestFacts, _situation: Situation) -> Need:
    state = _service(guest, "COMSysApp")
    return _seen(not state.startswith("Running") if state else None, f"COMSysApp is {state}", f"COMSysApp is {state}")


def _msdtc(guest: GuestFacts, _situation: Situation) -> Need:
    state = _service(guest, "MSDTC")
    if state in ("", "missing"):
        return Need(False if state else None, f"MSDTC is {state or 'not known'}")
    well = state.startswith("Running") and state.lower().replace(" ", "").endswith("networkservice")
    return _seen(not well, f"MSDTC is {state}, and has to run as Network Service", f"MSDTC is {state}")


def _msdtc_anew(guest: GuestFacts, situation: Situation) -> Need:
    state = _service(guest, "MSDTC")
    if state == "missing":
        return Need(needed=True, evidence="MSDTC is missing")
    said = situation.progress.said
    runs = state.startswith("Running") or "set_msdtc_network_service" in said
    if runs and (_service(guest, "COMSysApp").startswith("Running") or "start_comsysapp" in said):
        return Need(needed=False, evidence="MSDTC and COMSysApp run")
    failed = _msdtc(guest, situation).needed and "set_msdtc_network_service" not in said
    if failed:
        return Need(needed=True, evidence=f"MSDTC was {state}, and could not be made to run")
    return _again(situation, f"MSDTC is {state or 'not known'}")


def _some(found: tuple[str, ...] | None, evidence: str, otherwise: str) -> Need:
    """Need a script for what is in a list; a list that the look could not fill tells nothing."""
    if found is None:
        return Need(None, "the look inside could not tell")
    return _seen(bool(found), evidence.format("; ".join(found)), otherwise)


def _writers(guest: GuestFacts, _situation: Situation) -> Need:
    return _some(guest.listed("writers"), "{}", "every VSS writer is stable")


def _vss(guest: GuestFacts, situation: Situation) -> Need:
    state = _service(guest, "VSS")
    if "/Disabled/" in state:
        human = "Ask who has disabled it, and why. If it may run, as administrator: sc config VSS start= demand."
        return Need(needed=True, evidence=f"VSS is {state}", human=human)
    return _again(situation, f"VSS is {state or 'not known'}")


def _no_threads(guest: GuestFacts, situation: Situation) -> Need:
    timeouts = guest.number("vss_timeouts") or 0
    if guest.mapping("bcdr").get("SnapshotWithoutThreads") == "True":
        return Need(needed=False, evidence="SnapshotWithoutThreads is set")
    if timeouts:
        return Need(needed=True, evidence=f"{timeouts} times the shadow copy provider timed out while holding writes")
    return _again(situation, "no VSS timeout is in the event log")


def _again(situation: Situation, otherwise: str) -> Need:
    """Need what the documents name as a further step, only after a backup has failed again since the last good one."""
    failed = bool(attempts(situation.facts))
    return _seen(failed, tried(situation.facts) if failed else "", f"{otherwise}; it is a further step")


def _further(what: str) -> Rule:
    return lambda _guest, situation: _again(situation, what)


def _dhcp(guest: GuestFacts, situation: Situation) -> Need:
    """Need DHCP where one interface has a fixed address that Azure keeps; every other case is a human's."""
    fixed = [name for name, on in guest.mapping("dhcp").items() if on is False]
    if not guest.mapping("dhcp"):
        return Need(None, "how the VM gets its address is not known")
    if not fixed:
        return Need(needed=False, evidence="every interface has its address by DHCP")
    seen = f"{', '.join(fixed)} has a fixed address inside the VM"
    found = [one for nic in situation.facts.nics() for one in nic.configurations]
    if len(found) == len(fixed) == 1 and found[0].address and found[0].allocation.lower() == "static":
        return Need(needed=True, evidence=seen, parameters=({"address": found[0].address},))
    return Need(needed=True, evidence=seen, human=f"{own_address(situation.facts)}.")


def _crypto(guest: GuestFacts, _situation: Situation) -> Need:
    keys = guest.listed("strong_crypto_missing")
    return _some(keys, "SchUseStrongCrypto is not 1 in {}", "SchUseStrongCrypto is 1 everywhere")


def _vcredist(guest: GuestFacts, _situation: Situation) -> Need:
    version = guest.text("vcredist")
    known = None if version is None else not version
    return _seen(known, "the Visual C++ 2013 runtime is missing", f"the Visual C++ 2013 runtime {version} is there")


def _installer(guest: GuestFacts, _situation: Situation) -> Need:
    start = guest.number("msi_start")
    known = None if start is None else start == 4
    return _seen(known, "the Windows Installer is disabled (Start 4)", f"the Windows Installer may start ({start})")


def _machinekeys(guest: GuestFacts, _situation: Situation) -> Need:
    said = guest.text("machinekeys")
    known = None if said is None else said != "default"
    return _seen(known, f"permissions of MachineKeys: {said}", "the permissions of MachineKeys are the default")


def _certificates(guest: GuestFacts, situation: Situation) -> Need:
    expired, there = guest.number("crp_expired"), guest.number("crp_certificates")
    if there is None:
        return Need(None, "the certificates are not known")
    if expired:
        return Need(needed=True, evidence=f"{expired} certificates of the CRP Certificate Generator have expired")
    return (
        _again(situation, f"{there} certificates of the CRP Certificate Generator, none expired")
        if there
        else Need(needed=False, evidence="no certificate of the CRP Certificate Generator")
    )


def _defender(guest: GuestFacts, _situation: Situation) -> Need:
    missing, faults = guest.texts("defender_missing"), guest.number("faulting") or 0
    wanted = guest.text("defender") == "on" and bool(missing) and faults > 0
    seen = f"IaaSBcdrExtension.exe has failed {faults} times, and Defender scans {', '.join(missing)}"
    return _seen(wanted, seen, f"Defender is {guest.text('defender')}, IaaSBcdrExtension.exe has failed {faults} times")


def _provider(guest: GuestFacts, situation: Situation) -> Need:
    state = _service(guest, "IaaSVmProvider")
    if "/Disabled" in state:
        return Need(needed=True, evidence=f"IaaSVmProvider is {state}")
    if state in ("", "missing") or "/Automatic" in state:
        return Need(False if state else None, f"IaaSVmProvider is {state or 'not known'}")
    return _again(situation, f"IaaSVmProvider is {state}")


def _heap(guest: GuestFacts, _situation: Situation) -> Need:
    heap = guest.text("heap") or ""
    sizes = [int(one) for one in heap.split(",") if one.isdecimal()]
    if len(sizes) < 3:
        return Need(None, "the desktop heap is not known")
    short = any(size < wanted for size, wanted in zip(sizes, (1024, 20480, 4096), strict=False))
    return _seen(short, f"SharedSection is {heap}", f"SharedSection is {heap}")


def _proxy(guest: GuestFacts, _situation: Situation) -> Need:
    proxy = guest.text("proxy")
    known = None if proxy is None else bool(proxy)
    return _seen(known, f"LocalSystem uses the proxy {proxy}", "LocalSystem uses no proxy")


def _gac(guest: GuestFacts, _situation: Situation) -> Need:
    there = guest.flag("gac_storage")
    return _seen(there, "Microsoft.WindowsAzure.Storage is in the GAC", "no copy of it is in the GAC")


def _manifest(guest: GuestFacts, _situation: Situation) -> Need:
    there = guest.flag("manifest")
    known = None if there is None else not there
    return _seen(known, "HandlerManifest.json is missing", "HandlerManifest.json is there")


def _restart_agent(_guest: GuestFacts, situation: Situation) -> Need:
    said = situation.progress.said
    if {"restart_waagent", "restart_guest_agent_windows"}.intersection(said):
        return Need(needed=False, evidence="it was restarted")
    waiting = [name for name, one in said.items() if one.get("pending") == "agent restart"]
    pending = [name for name in waiting if not find_script(name).detached]  # a detached one restarts it itself
    if pending:
        return Need(needed=True, evidence=f"{', '.join(pending)} takes effect with it")
    return _again(situation, "nothing waits for the agent's restart")


def _agent_version(os: str) -> Rule:
    def rule(guest: GuestFacts, _situation: Situation) -> Need:
        version = guest.text("agent_version")
        if not version:
            return Need(None, "the version of the agent is not known")
        old = version_of(version) < version_of(PLATFORM[os])
        said = f"the agent is {version}, the oldest that the platform supports is {PLATFORM[os]}"
        return _seen(old, said, said)

    return rule


def _bitlocker(guest: GuestFacts, _situation: Situation) -> Need:
    volumes = guest.listed("bitlocker")
    if volumes is None:
        return Need(None, "the look inside could not tell")
    locked = [one for one in volumes if "lock" in one.lower() and "unlock" not in one.lower()]
    human = "Unlock them with their keys (manage-bde -unlock); never turn Azure Disk Encryption off." if locked else ""
    return Need(bool(locked), "; ".join(locked) or "no drive is locked", human=human)


def _waagent_conf(guest: GuestFacts, _situation: Situation) -> Need:
    value = guest.text("extensions_enable")
    known = None if value is None else value.lower() == "n"
    return _seen(known, "/etc/waagent.conf says Extensions.Enable=n", f"Extensions.Enable is {value}")


def _restarts(guest: GuestFacts, _situation: Situation) -> Need:
    value = guest.text("agent_restart")
    known = None if value is None else value in ("", "no")
    return _seen(known, "systemd does not restart the agent when it fails", f"systemd restarts the agent: {value}")


def _unclean(guest: GuestFacts, _situation: Situation) -> Need:
    bad = guest.listed("unclean")
    if bad is None:
        return Need(None, "the look inside could not tell")
    mounts = tuple({"mount": parts[1]} for one in bad if len(parts := one.split(" ")) > 2)
    return Need(bool(mounts), "; ".join(bad) or "every file system is clean", mounts or ({},))


def _skip(guest: GuestFacts, situation: Situation) -> Need:
    wanted, failed = situation.inputs.get(SKIP_MOUNTS, ""), guest.texts("failed_freeze")
    if wanted:
        return Need(needed=True, evidence=f"asked for: {wanted}", parameters=({"mounts": wanted},))
    if failed and not guest.texts("unclean") and not guest.texts("duplicate_mounts"):
        human = (
            f"Find out why it cannot be frozen. If it need not be consistent: --input {SKIP_MOUNTS}={','.join(failed)}."
        )
        return Need(needed=True, evidence=f"{', '.join(failed)} could not be frozen", human=human)
    return Need(needed=False, evidence="nobody has named a mount point to skip")


def _duplicates(guest: GuestFacts, _situation: Situation) -> Need:
    twice = guest.listed("duplicate_mounts")
    if twice is None:
        return Need(None, "the look inside could not tell")
    human = f"Take the second entry of {', '.join(twice)} out of /etc/fstab, and unmount it." if twice else ""
    return Need(bool(twice), f"mounted more than once: {', '.join(twice)}" if twice else "no mount twice", human=human)


def _stale(guest: GuestFacts, _situation: Situation) -> Need:
    stale = guest.listed("stale_mounts")
    return _some(stale, "left by a file recovery: {}", "no file recovery has left a mount")


def _sequential(guest: GuestFacts, situation: Situation) -> Need:
    disks = guest.number("data_disks") or 0
    if guest.mapping("vmbackup").get("seqsnapshot") == "2" or disks <= 4:
        return Need(needed=False, evidence=f"{disks} data disks, seqsnapshot {guest.mapping('vmbackup')}")
    return _again(situation, f"{disks} data disks")


def _encoding(guest: GuestFacts, _situation: Situation) -> Need:
    plain = guest.flag("vmbackup_ascii")
    wrong = plain is False
    return _seen(wrong, "vmbackup.conf is not ASCII", "vmbackup.conf is ASCII, or not there")


def _selinux(guest: GuestFacts, _situation: Situation) -> Need:
    mode, denials = guest.text("selinux") or "not known", guest.number("selinux_denials") or 0
    said = f"SELinux is {mode}, {denials} denials for the agent"
    return _seen(mode == "Enforcing" and denials > 0, said, said)


def _script_permissions(guest: GuestFacts, _situation: Situation) -> Need:
    wrong = guest.listed("script_permissions")
    return _some(wrong, "{}", "the scripts have the permissions that they need")


def _script_timeout(_guest: GuestFacts, situation: Situation) -> Need:
    seconds = situation.inputs.get(SCRIPT_SECONDS, "")
    parameters = ({"seconds": seconds},) if seconds else ({},)
    return Need(bool(seconds), f"asked for: {seconds}" if seconds else "nobody has named a time", parameters)


def _script_config(guest: GuestFacts, _situation: Situation) -> Need:
    said = guest.text("script_config") or ""
    bad = said.startswith("invalid")
    human = f"Correct /etc/azure/VMSnapshotScriptPluginConfig.json ({said})." if bad else ""
    return Need(bad, f"the configuration of the scripts is {said or 'not known'}", human=human)


def _goal_states(guest: GuestFacts, situation: Situation) -> Need:
    count = guest.number("goal_state_files") or 0
    return _again(situation, f"{count} goal state files") if count else Need(needed=False, evidence="none is left")


RULES: dict[str, Rule] = {
    "start_comsysapp": _comsysapp,
    "set_msdtc_network_service": _msdtc,
    "reinstall_msdtc": _msdtc_anew,
    "restart_failed_vss_writers": _writers,
    "restart_vss_service": _vss,
    "set_snapshot_without_threads": _no_threads,
    "set_host_snapshot_keys": _further("the host takes part in snapshots already, or need not"),
    "reset_provider_flags": _further("the provider is registered"),
    "deep_reinstall_vmsnapshot_windows": _further("the extension was not installed anew yet"),
    "set_strong_crypto": _crypto,
    "install_vcredist": _vcredist,
    "repair_windows_installer": _installer,
    "reset_machinekeys_acl": _machinekeys,
    "delete_crp_certificates": _certificates,
    "add_defender_exclusions": _defender,
    "enable_iaasvmprovider_service": _provider,
    "set_com_desktop_heap": _heap,
    "enable_dhcp_windows": _dhcp,
    "set_bits_no_proxy": _proxy,
    "rename_gac_storage_assembly": _gac,
    "restore_extension_manifest": _manifest,
    "restart_guest_agent_windows": _restart_agent,
    "reinstall_guest_agent_windows": _agent_version("windows"),
    "check_bitlocker_windows": _bitlocker,
    "restart_waagent": _restart_agent,
    "update_waagent": _agent_version("linux"),
    "fix_waagent_conf": _waagent_conf,
    "enable_waagent_autorestart": _restarts,
    "remove_stale_goal_state_xml": _goal_states,
    "fsck_unclean_mounts": _unclean,
    "set_mounts_to_skip": _skip,
    "report_duplicate_mounts": _duplicates,
    "unmount_stale_recovery_mounts": _stale,
    "set_sequential_snapshot": _sequential,
    "set_isanysnapshotfailed_false": _further("no snapshot is marked as failed"),
    "fix_vmbackup_conf_encoding": _encoding,
    "exclude_waagent_from_selinux": _selinux,
    "remove_vmsnapshotlinux_dir": _further("the extension was not installed anew yet"),
    "fix_script_permissions": _script_permissions,
    "set_script_timeout": _script_timeout,
    "validate_script_config": _script_config,
}
"""By script. Not here, because no chain runs them: the two looks inside, the collecting of logs (for Microsoft's
support), and VSS copy backups (never without the database's administrator)."""
