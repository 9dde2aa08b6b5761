"""Ways to break a healthy Windows machine, and what the backup extension makes of a machine in any state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from simulator.wire import Json

from .windows_machine import CRP, DOT_NET, UNTIL_RESTART, Machine
from .windows_probe import BCDR, GAC, MACHINE_KEYS, PLUGIN, expired, machine_keys, manifest, unstable
from .windows_programs import RUNTIME
from .windows_things import MERGE_POLICY

NETWORK_SERVICE = "NT AUTHORITY\\NetworkService"
PLUGINS = "C:\\Packages\\Plugins"
VERSION = f"{PLUGIN}\\1.0.81.0"
RETRYABLE, TIMED_OUT = "Retryable error", "Timed out"
SERVICE: Json = {"state": "Running", "start": "Automatic", "account": "LocalSystem", "needs": []}


def _writer(name: str, state: str = "[8] Failed", error: str = RETRYABLE, *, stuck: bool = False) -> Json:
    return {"writers": {name: {"state": state, "error": error, "stuck": stuck}}}


_NO_CRYPTO: Json = {
    "registry": {f"{parent}\\v4.0.30319": {"SchUseStrongCrypto": None} for parent in DOT_NET},
    "in_force": {"strong_crypto": False},
}


def _locked(drive: str, *, managed: bool) -> Json:
    volume = {"bitlocker": "Locked", "protection": "Unknown", "free_mb": None}
    files = {f"{PLUGINS}\\Microsoft.Azure.Security.AzureDiskEncryption": {"folder": True}} if managed else {}
    return {"volumes": {drive: volume}, "files": files}


def _expired(number: int) -> Json:
    return {"subject": CRP, "thumbprint": f"{number}" * 40, "until": "2026-01-31"}


FAULTS: Mapping[str, Json] = {
    "agent-stopped": {"services": {"WindowsAzureGuestAgent": {"state": "Stopped"}, "RdAgent": {"state": "Stopped"}}},
    "agent-disabled": {
        "services": {"WindowsAzureGuestAgent": {"state": "Stopped", "start": "Disabled"}},
    },
    "agent-hung": {"services": {"RdAgent": {"hung": True}}},
    "agent-outdated": {"agent": {"version": "2.5.1198.709"}},
    "antivirus-blocks": {
        "events": {"faulting": 4},
        "files": {f"{VERSION}\\HandlerManifest.json": None},
    },
    "applocker-blocks": {"events": {"app_control": ["AppLocker: 3 in 7 days"]}},
    "bitlocker-locked": _locked("D:", managed=False),
    "bitlocker-managed": _locked("E:", managed=True),
    "com-plus-damaged": {"services": {"COMSysApp": {"state": "Stopped", "hangs": "for good"}}},
    "com-plus-hung": {"services": {"COMSysApp": {"state": "Stopped", "hangs": UNTIL_RESTART}}},
    "com-plus-heap": {"needs": {"heap": 4096}, "in_force": {"heap": "1024,20480,768"}},
    "com-plus-stopped": {"services": {"COMSysApp": {"state": "Stopped"}}},
    "crp-certificates": {"certificates": {"Cert:\\LocalMachine\\My": [_expired(1), _expired(2)]}},
    "defender-managed": {"defender": {"managed": True}, "events": {"faulting": 2}},
    "defender-policy": {
        "registry": {MERGE_POLICY[0]: {MERGE_POLICY[1]: {"type": "DWord", "value": 1}}},
        "events": {"faulting": 2},
    },
    "defender-absent": {"services": {"WinDefend": None}, "events": {"faulting": 2}},
    "defender-passive": {
        "defender": {"mode": "Passive Mode", "state": "off"},
        "antivirus": ["Symantec"],
        "events": {"faulting": 2},
    },
    "defender-scans": {"events": {"faulting": 2}},
    "desktop-proxy": {"proxy": {"LOCALSYSTEM": "http://proxy.contoso.local:8080"}},
    "gac-storage": {
        "files": {f"{GAC}\\v4.0_3.0.2.0__31bf3856ad364e35\\Microsoft.WindowsAzure.Storage.dll": {"size": 610304}}
    },
    "iaasvmprovider-disabled": {"services": {"IaaSVmProvider": {"start": "Disabled"}}},
    "installer-disabled": {
        "services": {"msiserver": {"start": "Disabled"}},
        "files": {RUNTIME: None},
    },
    "installer-unregistered": {"installer": {"registered": False}, "files": {RUNTIME: None}},
    "machinekeys-closed": {"acl": {MACHINE_KEYS: [{"sid": "S-1-5-32-544", "rights": ["FullControl"]}]}},
    "manifest-missing": {"files": {f"{VERSION}\\HandlerManifest.json": None}},
    "msdtc-account": {"services": {"MSDTC": {"state": "Stopped", "account": "CONTOSO\\svc-dtc"}}},
    "msdtc-local-system": {"services": {"MSDTC": {"account": "LocalSystem"}}},
    "msdtc-damaged": {
        "services": {"MSDTC": {"state": "Stopped", "hangs": "for good"}, "COMSysApp": {"state": "Stopped"}},
    },
    "msdtc-disabled": {"services": {"MSDTC": {"state": "Stopped", "start": "Disabled"}}},
    "msdtc-missing": {"services": {"MSDTC": None}},
    "msdtc-stopped": {"services": {"MSDTC": {"state": "Stopped"}}},
    "reboot-pending": {"reboot_pending": ["ComponentBasedServicing", "WindowsUpdate"]},
    "snapshots-slow": {"needs": {"host_snapshot": True}, "events": {"vss_timeouts": 5}},
    "static-address": {"interfaces": {"Ethernet": {"dhcp": False}}},
    "strong-crypto-off": _NO_CRYPTO,
    "vcredist-missing": {"files": {RUNTIME: None}},
    "vcredist-restart": {"files": {RUNTIME: None}, "installer": {"asks_for_restart": True}},
    "vss-disabled": {"services": {"VSS": {"start": "Disabled"}}},
    "vss-hung": {"services": {"VSS": {"state": "Running", "hung": True}}, "events": {"vss_timeouts": 3}},
    "vss-writer-failed": _writer("System Writer"),
    "vss-writer-stuck": _writer("System Writer", "[9] Failed", TIMED_OUT, stuck=True),
    "cluster-node": {"services": {"ClusSvc": SERVICE}},
    "domain-controller": {"services": {"NTDS": SERVICE}},
    "sql-server": {"services": {"MSSQLSERVER": SERVICE}},
    "vss-writer-sql": {
        "services": {
            "SQLWriter": {"state": "Running", "start": "Automatic", "account": "LocalSystem", "needs": []},
            "MSSQLSERVER": {
                "state": "Running", "start": "Automatic", "account": "LocalSystem", "needs": [],
            },
        },
        "writers": {
            "SqlServerWriter": {
                "state": "[8] Failed", "error": "Non-retryable error", "service": "SQLWriter", "stuck": False,
            }
        },
    },
    "wireserver-blocked": {"network": {"wireserver": {"80": False, "443": False, "32526": False}}},
}  # fmt: skip
"""Patches for :func:`simulator.guest.windows.broken`, by name."""


def _running(name: str) -> Callable[[Machine], bool]:
    return lambda machine: (machine.service(name) or {"state": ""})["state"] == "Running"


def _msdtc_bad(machine: Machine) -> bool:
    service = machine.service("MSDTC")
    return service is None or service["state"] != "Running" or service["account"].lower() != NETWORK_SERVICE.lower()


def _vss_bad(machine: Machine) -> bool:
    service = machine.service("VSS")
    return service is None or service["start"] == "Disabled" or bool(service.get("hung"))


def _heap_short(machine: Machine) -> bool:
    sizes = machine.state["in_force"]["heap"].split(",")
    return len(sizes) < 3 or int(sizes[2]) < machine.state["needs"]["heap"]


def _certificates_bad(machine: Machine) -> bool:
    return any(expired(machine, one) for store in machine.state["certificates"].values() for one in store)


def _slow(machine: Machine) -> bool:
    wanted = {"SnapshotMethod": "firstHostThenGuest", "CalculateSnapshotTimeFromHost": "True"}
    found = {name: (machine.value(BCDR[1], name) or {}).get("value") for name in wanted}
    return bool(machine.state["needs"]["host_snapshot"]) and found != wanted


TROUBLES: Mapping[str, Callable[[Machine], bool]] = {
    "ExtensionInstallationFailedMDTC": _msdtc_bad,
    "ExtensionSnapshotFailedCOM": lambda machine: not _running("COMSysApp")(machine),
    "ExtensionInstallProviderCOMMemoryQuotaReached": _heap_short,
    "ExtensionFailedVssServiceInBadState": _vss_bad,
    "ExtensionFailedVssWriterInBadState": lambda machine: not _vss_bad(machine) and bool(unstable(machine)),
    "ExtensionConfigParsingFailure": lambda machine: machine_keys(machine) != "default" or _certificates_bad(machine),
    "ExtensionSnapshotFailedNoSecureNetwork": lambda machine: not machine.state["in_force"]["strong_crypto"],
    "ExtensionVCRedistInstallationFailure": lambda machine: machine.file(RUNTIME) is None,
    "ExtensionFailedTimeoutVMNetworkUnresponsive": _slow,
    "ExtensionFailedTimeoutDelayInNetwork": lambda machine: bool(machine.state["proxy"]["LOCALSYSTEM"]),
    "ExtensionSnapshotBitlockerError": lambda machine: any(
        one["bitlocker"] == "Locked" for one in machine.state["volumes"].values()
    ),
    "ExtensionCommandExecFailure": lambda machine: machine.file(GAC) is not None,
    "ExtensionOperationFailed": lambda machine: manifest(machine) is False,
}
"""When a backup of the machine fails with which error, whatever it is that broke it."""


def troubles(machine: Machine) -> Iterable[str]:
    """Yield the errors with which a backup of a machine in this state would fail."""
    return (code for code, holds in TROUBLES.items() if holds(machine))
