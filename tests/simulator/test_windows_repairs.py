"""What repairs inside Windows leave alone, refuse, or tell of: each on a simulated machine that tempts them."""

from __future__ import annotations

from windows_drill import ask, canon, guest

from actions.guest.scripts import APPLY, CHECK, find_script, scripts
from simulator.clock import START

CRP = "CN=Windows Azure CRP Certificate Generator"
STORE = "Cert:\\LocalMachine\\My"
KEYS = "C:\\ProgramData\\Microsoft\\Crypto\\RSA\\MachineKeys"
POLICY = "HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows Defender"
VERSIONS = "C:\\Packages\\Plugins\\Microsoft.Azure.RecoveryServices.VMSnapshot"
INSTALLER = "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Installer\\InProgress"


def apply(machine, action, code=0):
    return ask(machine, find_script(action).text(APPLY), code)


def work_off(machine):
    due = machine.later(START)
    while due is not None:
        due = machine.later(due)


def test_the_agent_is_restarted_only_after_the_script_has_ended():
    machine = guest("agent-hung")
    told = apply(machine, "restart_guest_agent_windows")
    assert (told["applied"], told["pending"], machine.agent_reports()) == (True, "agent restart", False)
    work_off(machine)
    assert machine.agent_reports()
    assert ask(machine, find_script("restart_guest_agent_windows").text(CHECK))["found"]["result"]["ok"] is True


def test_an_agent_that_is_not_installed_is_not_restarted():
    machine = guest()
    del machine.state["services"]["WindowsAzureGuestAgent"]
    assert "not installed" in apply(machine, "restart_guest_agent_windows", 3)["refused"]
    assert machine.state["tasks"] == []


def test_a_disabled_agent_stays_disabled_and_the_result_says_so():
    machine = guest("agent-disabled")
    apply(machine, "restart_guest_agent_windows")
    work_off(machine)
    result = ask(machine, find_script("restart_guest_agent_windows").text(CHECK))["found"]["result"]
    assert (result["ok"], "disabled" in result["detail"]) == (False, True)
    assert machine.state["services"]["WindowsAzureGuestAgent"]["start"] == "Disabled"


def test_strong_cryptography_is_set_in_both_views_for_versions_that_are_there_and_makes_no_key():
    machine = guest("strong-crypto-off")
    before = set(machine.state["registry"])
    told = apply(machine, "set_strong_crypto")
    assert told["pending"] == "agent restart"
    assert {one["what"] for one in told["changed"]} == {
        f"HKLM\\SOFTWARE\\{view}Microsoft\\.NETFramework\\v4.0.30319\\SchUseStrongCrypto"
        for view in ("", "WOW6432Node\\")
    }
    assert set(machine.state["registry"]) == before


def test_a_runtime_installer_that_is_not_signed_by_microsoft_is_not_run():
    machine = guest("vcredist-missing")
    machine.state["files"][f"{VERSIONS}\\1.0.81.0\\vcredist2013_x64.exe"]["signer"] = "Contoso Ltd"
    assert "signed by" in apply(machine, "install_vcredist", 3)["refused"]
    assert "C:\\Windows\\System32\\msvcr120.dll" not in machine.state["files"]


def test_the_runtime_comes_from_the_newest_version_of_the_extension():
    machine = guest("vcredist-missing")
    file = machine.state["files"][f"{VERSIONS}\\1.0.81.0\\vcredist2013_x64.exe"]
    machine.state["files"][f"{VERSIONS}\\1.0.9.0\\vcredist2013_x64.exe"] = dict(file)
    (change,) = apply(machine, "install_vcredist")["changed"]
    assert change["what"].startswith(f"{VERSIONS}\\1.0.81.0\\")


def test_a_runtime_that_asks_for_a_restart_is_told_as_pending():
    assert apply(guest("vcredist-restart"), "install_vcredist")["pending"] == "reboot"


def test_windows_installer_is_registered_again_and_its_start_type_before_is_told():
    machine = guest("installer-disabled", "installer-unregistered")
    told = apply(machine, "repair_windows_installer")
    assert told["changed"][0]["before"] == "Stopped/Disabled/LocalSystem"
    assert machine.state["services"]["msiserver"]["start"] == "Manual"
    assert machine.state["installer"]["registered"] is True


def test_windows_installer_is_left_alone_while_something_is_being_installed():
    machine = guest("installer-disabled")
    machine.state["registry"][INSTALLER] = {}
    before = canon(machine)
    assert "installation" in apply(machine, "repair_windows_installer", 3)["refused"]
    assert canon(machine) == before


def test_only_the_folder_of_the_keys_gets_other_permissions():
    machine = guest("machinekeys-closed")
    machine.state["acl"][f"{KEYS}\\f686aace6942fb7f7ceb231212eef4a4_x"] = [{"sid": "S-1-5-18", "rights": ["Read"]}]
    apply(machine, "reset_machinekeys_acl")
    assert machine.state["acl"][f"{KEYS}\\f686aace6942fb7f7ceb231212eef4a4_x"] == [
        {"sid": "S-1-5-18", "rights": ["Read"]}
    ]


def test_the_default_of_the_keys_folder_is_the_one_that_the_look_compares_with():
    (seen,) = (item for item in scripts()["check_guest_windows"].table if item.get("as") == "machinekeys")
    (item,) = scripts()["reset_machinekeys_acl"].table
    assert (item["path"], item["rules"]) == (seen["path"], seen["rules"])


def test_certificates_of_a_subject_that_only_resembles_stay():
    machine = guest("crp-certificates")
    alike = {"subject": f"{CRP}, O=Contoso", "thumbprint": "A" * 40, "until": "2026-01-31", "expired": True}
    machine.state["certificates"][STORE].append(alike)
    told = apply(machine, "delete_crp_certificates")
    assert machine.state["certificates"][STORE] == [alike]
    assert all(one["what"].startswith(f"{CRP} ") for one in told["changed"])


def test_exclusions_that_a_policy_manages_are_refused():
    machine = guest("defender-scans")
    machine.state["registry"][POLICY] = {"DisableLocalAdminMerge": {"type": "DWord", "value": 1}}
    before = canon(machine)
    assert "policy" in apply(machine, "add_defender_exclusions", 3)["refused"]
    assert canon(machine) == before


def test_an_exclusion_that_defender_does_not_take_is_told_as_a_failure():
    told = apply(guest("defender-managed"), "add_defender_exclusions", 1)
    assert told["applied"] is False
    assert "not as it has to be" in told["error"]


def test_defender_leaves_exactly_the_two_folders_of_the_extension_alone():
    machine = guest("defender-scans")
    apply(machine, "add_defender_exclusions")
    assert machine.state["defender"]["exclusions"] == [
        VERSIONS,
        "C:\\WindowsAzure\\Logs\\Plugins\\Microsoft.Azure.RecoveryServices.VMSnapshot",
    ]


def test_the_snapshot_provider_starts_with_windows_and_at_once():
    machine = guest("iaasvmprovider-disabled")
    apply(machine, "enable_iaasvmprovider_service")
    service = machine.state["services"]["IaaSVmProvider"]
    assert (service["start"], service["state"]) == ("Automatic", "Running")
