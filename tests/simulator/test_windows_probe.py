"""What the scripts that only look find in a simulated Windows machine."""

from __future__ import annotations

import pytest
from windows_drill import ask, canon, compose, guest

from simulator.guest.windows_faults import FAULTS

GUEST_KEYS = """
os_version powershell services agent_version dotnet_release writers writers_total strong_crypto_missing
machinekeys crp_certificates crp_expired vcredist reboot_pending dhcp wireserver proxy dns disk_free_mb cpu_percent
memory_percent faulting vss_timeouts defender defender_missing antivirus app_control bitlocker ade sql vss_copy_backup
vss_full_backup cluster domain_controller time_synced logs bcdr msi_start vmsnapshot_versions manifest gac_storage heap
"""
SERVICES = ["WindowsAzureGuestAgent", "RdAgent", "VSS", "COMSysApp", "MSDTC", "IaaSVmProvider", "msiserver"]
PLUGIN = "C:\\Packages\\Plugins\\Microsoft.Azure.RecoveryServices.VMSnapshot"


def found(*faults: str, action: str = "check_guest_windows") -> dict:
    machine = guest(*faults)
    before = canon(machine)
    answer = ask(machine, compose([], "check", action))
    assert (answer["needed"], answer["applied"], answer["cut"], canon(machine)) == (False, True, False, before)
    return answer["found"]


def test_the_probe_finds_exactly_what_is_agreed():
    assert sorted(found()) == sorted(GUEST_KEYS.split())
    assert list(found()["services"]) == SERVICES
    assert sorted(found(action="check_bitlocker_windows")) == ["ade", "bitlocker"]


def test_a_healthy_machine_looks_healthy():
    seen = found()
    nothing = {"writers", "strong_crypto_missing", "reboot_pending",  "antivirus", "app_control",
               "bitlocker", "sql"}  # fmt: skip
    assert {name for name, value in seen.items() if value == []} == nothing
    assert seen["services"]["MSDTC"] == "Running/Automatic/NT AUTHORITY\\NetworkService"
    assert (seen["os_version"], seen["dotnet_release"], seen["vcredist"]) == ("10.0.20348", 528449, "12.0.40660")
    assert (seen["machinekeys"], seen["manifest"], seen["msi_start"]) == ("default", True, 3)
    assert seen["heap"] == "1024,20480,768"


SHOWN = {
    "agent-disabled": ("services", "WindowsAzureGuestAgent", "Stopped/Disabled/LocalSystem"),
    "agent-outdated": ("agent_version", "2.5.1198.709"),
    "applocker-blocks": ("app_control", ["AppLocker: 3 in 7 days"]),
    "bitlocker-locked": ("bitlocker", ["D: Locked"]),
    "bitlocker-managed": ("ade", True),
    "com-plus-stopped": ("services", "COMSysApp", "Stopped/Manual/LocalSystem"),
    "crp-certificates": ("crp_expired", 2),
    "defender-scans": ("faulting", 2),
    "desktop-proxy": ("proxy", "http://proxy.contoso.local:8080"),
    "gac-storage": ("gac_storage", True),
    "installer-disabled": ("msi_start", 4),
    "machinekeys-closed": ("machinekeys", "changed: True: S-1-5-32-544 2032127 Allow None"),
    "manifest-missing": ("manifest", False),
    "msdtc-account": ("services", "MSDTC", "Stopped/Automatic/CONTOSO\\svc-dtc"),
    "msdtc-missing": ("services", "MSDTC", "missing"),
    "reboot-pending": ("reboot_pending", ["ComponentBasedServicing", "WindowsUpdate"]),
    "snapshots-slow": ("vss_timeouts", 5),
    "static-address": ("dhcp", "Ethernet", False),
    "strong-crypto-off": ("strong_crypto_missing", 0, "HKLM\\SOFTWARE\\Microsoft\\.NETFramework\\v4.0.30319"),
    "vcredist-missing": ("vcredist", ""),
    "vss-writer-failed": ("writers", ["System Writer: [8] Failed: Retryable error"]),
    "vss-writer-sql": ("sql", ["MSSQLSERVER"]),
    "wireserver-blocked": ("wireserver", "32526", False),
}


@pytest.mark.parametrize("fault", SHOWN)
def test_what_is_broken_is_found(fault):
    *way, value = SHOWN[fault]
    seen = found(fault)
    for step in way:
        seen = seen[step]
    assert seen == value


INVISIBLE = {"agent-hung", "com-plus-heap", "installer-unregistered"}
"""Broken all the same: a service that runs and hangs, how much heap is needed, an installer that is not registered."""


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_shows_but_for_those_that_nobody_can_see_from_outside(fault):
    healthy = found()
    differs = {name for name, value in found(fault).items() if value != healthy[name]}
    if fault in INVISIBLE:
        assert not differs & {"heap", "msi_start"}
    else:
        assert differs


def test_what_windows_does_not_say_is_unknown():
    machine = guest()
    del machine.state["registry"]["HKLM\\SOFTWARE\\Microsoft\\NET Framework Setup\\NDP\\v4\\Full"]
    machine.state["network"]["time_synced"] = None
    seen = ask(machine, compose([], "check", "check_guest_windows"))["found"]
    assert (seen["dotnet_release"], seen["time_synced"]) == (0, None)  # 0: there is no .NET Framework 4.5 or newer
