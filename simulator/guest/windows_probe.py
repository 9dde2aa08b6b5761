"""What the two scripts that only look report of a simulated Windows machine."""

from __future__ import annotations

from typing import Any

from simulator.wire import Json

from .windows_machine import CRP, SERVICES_KEY, Machine
from .windows_programs import RUNTIME
from .windows_script import Failed
from .windows_system import service_text, stable, vss_writers
from .windows_things import access, rules_text

SERVICES = ("WindowsAzureGuestAgent", "RdAgent", "VSS", "COMSysApp", "MSDTC", "IaaSVmProvider", "msiserver")
PLUGIN = "C:\\Packages\\Plugins\\Microsoft.Azure.RecoveryServices.VMSnapshot"
PLUGIN_LOGS = "C:\\WindowsAzure\\Logs\\Plugins\\Microsoft.Azure.RecoveryServices.VMSnapshot"
LOGS = (
    "C:\\WindowsAzure\\Logs\\WaAppAgent.log",
    "C:\\WindowsAzure\\Logs\\TransparentInstaller.log",
    f"{PLUGIN_LOGS}\\*\\*.log",
)
MACHINE_KEYS = "C:\\ProgramData\\Microsoft\\Crypto\\RSA\\MachineKeys"
BCDR = ("HKLM\\SOFTWARE\\Microsoft\\BcdrAgent", "HKLM\\SOFTWARE\\Microsoft\\BcdrAgentPersistentKeys")
GAC = "C:\\Windows\\Microsoft.NET\\assembly\\GAC_MSIL\\Microsoft.WindowsAzure.Storage"
DOT_NET_RELEASE = "HKLM\\SOFTWARE\\Microsoft\\NET Framework Setup\\NDP\\v4\\Full"
HANDLER_STATE = "HKLM\\SOFTWARE\\Microsoft\\WindowsAzure\\HandlerState"
DEFAULT_KEYS_ACCESS = {"S-1-1-0": 0x12019F, "S-1-5-32-544": 0x1F01FF}
"""Who may do what with MachineKeys: everybody reads and writes attributes and data, administrators do everything."""


def guest_found(machine: Machine) -> Json:
    """Return what ``check_guest_windows`` finds."""
    state = machine.state
    crp = [one for one in _certificates(machine) if one["subject"] == CRP]
    return {
        "os_version": state["os"]["version"],
        "powershell": state["os"]["powershell"],
        "services": {name: service_text(machine, name) for name in SERVICES},
        "agent_version": state["agent"]["version"],
        "dotnet_release": _value(machine, DOT_NET_RELEASE, "Release") or 0,
        **_snapshot_found(machine),
        "strong_crypto_missing": machine.without_strong_crypto(),
        "machinekeys": machine_keys(machine),
        "crp_certificates": len(crp),
        "crp_expired": sum(expired(machine, one) for one in crp),
        "vcredist": (machine.file(RUNTIME) or {}).get("version", ""),
        "reboot_pending": list(state["reboot_pending"]),
        **_network_found(machine),
        "disk_free_mb": {name: one["free_mb"] for name, one in state["volumes"].items() if one["free_mb"] is not None},
        **state["load"],
        **_protection_found(machine),
        **_role_found(machine),
        "logs": _logs(machine),
        "bcdr": _bcdr(machine),
        "msi_start": _value(machine, f"{SERVICES_KEY}\\msiserver", "Start"),
        "vmsnapshot_versions": [path.rpartition("\\")[2] for path in _versions(machine)],
        "manifest": manifest(machine),
        "gac_storage": machine.file(GAC) is not None,
        "heap": machine.heap(),
    }


def bitlocker_found(machine: Machine) -> Json:
    """Return what ``check_bitlocker_windows`` finds."""
    return {"bitlocker": _bitlocker(machine), "ade": _ade(machine)}


def _snapshot_found(machine: Machine) -> Json:
    events = machine.state["events"]
    found: Json = {"writers": None, "writers_total": None}
    try:
        bad = [f"{name}: {one['state']}: {one['error']}" for name, one in unstable(machine).items()]
        found = {"writers": bad, "writers_total": len(vss_writers(machine))}
    except Failed:
        pass
    return {**found, "faulting": events["faulting"], "vss_timeouts": events["vss_timeouts"]}


def _network_found(machine: Machine) -> Json:
    network = machine.state["network"]
    return {
        "dhcp": {name: one["dhcp"] for name, one in machine.state["interfaces"].items()},
        "wireserver": dict(network["wireserver"]),
        "proxy": machine.state["proxy"].get("LOCALSYSTEM", ""),
        "dns": network["dns"],
        "time_synced": network["time_synced"],
    }


def _protection_found(machine: Machine) -> Json:
    defender = machine.state["defender"]
    excluded = [path.lower() for path in defender["exclusions"]]
    at_work = defender_state(machine) == "on"
    missing = [path for path in (PLUGIN, PLUGIN_LOGS) if path.lower() not in excluded]
    return {
        "defender": defender_state(machine),
        "defender_missing": missing if at_work else [],
        "antivirus": list(machine.state["antivirus"]),
        "app_control": list(machine.state["events"]["app_control"]),
        "bitlocker": _bitlocker(machine),
        "ade": _ade(machine),
    }


def defender_state(machine: Machine) -> str:
    """Say whether Microsoft Defender watches: ``on``, ``off`` or ``absent``."""
    service = machine.service("WinDefend")
    state: str = machine.state["defender"]["state"]
    if service is None:
        return "absent"
    return state if service["state"] == "Running" else "off"


def expired(machine: Machine, certificate: Json) -> bool:
    """Say whether the time of a certificate is over."""
    return bool(certificate["until"] < machine.now().date().isoformat())


def _role_found(machine: Machine) -> Json:
    return {
        "sql": [*machine.find_services("MSSQLSERVER"), *machine.find_services("MSSQL$*")],
        "vss_copy_backup": _value(machine, BCDR[0], "USEVSSCOPYBACKUP") or "",
        "vss_full_backup": _value(machine, BCDR[0], "UseVssFullBackup") or "",
        "cluster": machine.service("ClusSvc") is not None,
        "domain_controller": machine.service("NTDS") is not None,
    }


def unstable(machine: Machine) -> dict[str, Json]:
    """Return the VSS writers that report and are not stable.

    Raises:
        Failed: none can be asked.
    """
    return {name: one for name, one in vss_writers(machine).items() if not stable(one)}


def _value(machine: Machine, key: str, name: str) -> Any:
    return (machine.value(key, name) or {}).get("value")


def machine_keys(machine: Machine) -> str:
    """Return ``default``, or who has which rights on MachineKeys instead."""
    rules = machine.state["acl"].get(MACHINE_KEYS, [])
    if access(rules) == DEFAULT_KEYS_ACCESS:
        return "default"
    return f"changed: {rules_text(rules)}"


def _certificates(machine: Machine) -> list[Json]:
    return [one for store in machine.state["certificates"].values() for one in store]


def _bcdr(machine: Machine) -> Json:
    return {name: one["value"] for key in BCDR for name, one in (machine.values(key) or {}).items()}


def _versions(machine: Machine) -> list[str]:
    return [path for path in machine.glob(f"{PLUGIN}\\*") if path.rpartition("\\")[2][:1].isdigit()]


def manifest(machine: Machine) -> bool | None:
    """Say whether the backup extension's newest version has its manifest; ``None`` without a version."""
    versions = _versions(machine)
    return machine.file(f"{versions[0]}\\HandlerManifest.json") is not None if versions else None


def _bitlocker(machine: Machine) -> list[str]:
    volumes = machine.state["volumes"].items()
    return [f"{name} {one['bitlocker']}" for name, one in volumes if one["protection"] != "Off"]


def _ade(machine: Machine) -> bool:
    return bool(machine.glob("C:\\Packages\\Plugins\\Microsoft.Azure.Security.AzureDiskEncryption*"))


def _logs(machine: Machine) -> list[str]:
    paths = [path for pattern in LOGS for path in machine.glob(pattern)[:3]]
    return [f"{path} {machine.files[path]['size']}" for path in paths]


PROBES = {"check_guest_windows": guest_found, "check_bitlocker_windows": bitlocker_found}
"""What the scripts that only look find, by action."""
