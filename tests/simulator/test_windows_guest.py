"""The guest of a simulated Windows VM: it interprets the tables of scripts, and is as stubborn as Windows."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import timedelta

import pytest
from windows_drill import ask, canon, compose, guest, work_off

from simulator.clock import START
from simulator.guest.windows_faults import FAULTS, TROUBLES, troubles
from simulator.guest.windows_programs import RUNTIME

MSDTC = {"kind": "service", "name": "MSDTC", "start": "Automatic", "account": "NT AUTHORITY\\NetworkService",
         "state": "Running", "restart": "changed"}  # fmt: skip
COM = {"kind": "service", "name": "COMSysApp", "state": "Running"}
CRYPTO = [
    {"kind": "registry", "key": f"HKLM\\SOFTWARE\\{part}Microsoft\\.NETFramework\\v*", "name": "SchUseStrongCrypto",
     "type": "DWord", "value": 1}
    for part in ("", "WOW6432Node\\")
]  # fmt: skip
AGENT = {"kind": "service", "name": "WindowsAzureGuestAgent", "state": "Running", "restart": "always"}
VCREDIST = {
    "kind": "command",
    "file": "C:\\Packages\\Plugins\\Microsoft.Azure.RecoveryServices.VMSnapshot\\*\\vcredist2013_x64*",
    "arguments": ["/install", "/quiet", "/norestart"],
    "exit_codes": [0, 3010],
    "signer": "Microsoft Corporation",
}
WRITERS = {"kind": "writer_services", "services": {"System Writer": "CryptSvc"}, "never": ["SqlServerWriter"]}
HANDLERS = "HKLM\\SOFTWARE\\Microsoft\\WindowsAzure\\HandlerState"


CASES = {
    "account": ("msdtc-local-system", [MSDTC, COM]),
    "stopped": ("com-plus-stopped", [COM]),
    "disabled": ("msdtc-disabled", [MSDTC]),
    "value": (
        None,
        [{"kind": "registry", "key": "HKLM\\SOFTWARE\\New\\Below", "name": "A", "type": "String", "value": "b"}],
    ),
    "wildcard": ("strong-crypto-off", CRYPTO),
    "part": (
        None,
        [{"kind": "registry", "key": "HKLM\\System\\CurrentControlSet\\Control\\Session Manager\\SubSystems",
          "name": "Windows", "type": "ExpandString", "part": "SharedSection", "value": "1024,20480,4096"}],
    ),
    "key": (
        None,
        [{"kind": "registry_delete",
          "key": f"{HANDLERS}\\Microsoft.Azure.RecoveryServices.VMSnapshot_*"}],
    ),
    "rename": (
        "gac-storage",
        [{"kind": "rename", "suffix": ".old",
          "path": "%SystemRoot%\\Microsoft.NET\\assembly\\GAC_MSIL\\Microsoft.WindowsAzure.Storage"}],
    ),
    "acl": (
        "machinekeys-closed",
        [{"kind": "acl", "path": "%ProgramData%\\Microsoft\\Crypto\\RSA\\MachineKeys",
          "rules": [{"sid": "S-1-1-0", "rights": ["Read", "Write"]},
                    {"sid": "S-1-5-32-544", "rights": ["FullControl"]}]}],
    ),
    "exclusion": (
        "defender-scans",
        [{"kind": "defender_exclusion", "path": "C:\\Packages\\Plugins\\Microsoft.Azure.RecoveryServices.VMSnapshot"}],
    ),
    "dhcp": ("static-address", [{"kind": "dhcp"}]),
    "proxy": ("desktop-proxy", [{"kind": "proxy", "account": "LOCALSYSTEM", "value": "NO_PROXY"}]),
    "unzip": (
        "manifest-missing",
        [{"kind": "unzip", "entry": "HandlerManifest.json",
          "archive": "C:\\Packages\\Plugins\\Microsoft.Azure.RecoveryServices.VMSnapshot\\*\\*.zip"}],
    ),
}  # fmt: skip
"""What is broken, and the items that mend it and can be taken back."""


@pytest.mark.parametrize("case", CASES)
def test_an_item_is_needed_then_applied_then_not_needed_and_can_be_taken_back_to_the_last_byte(case):
    fault, table = CASES[case]
    machine = guest(*([fault] if fault else []))
    before = canon(machine)
    seen = ask(machine, compose(table, "check"))
    assert (seen["needed"], seen["applied"], canon(machine)) == (True, False, before)
    done = ask(machine, compose(table))
    assert (done["needed"], done["applied"], bool(done["changed"])) == (True, True, True)
    after = canon(machine)
    assert after != before
    again = ask(machine, compose(table))
    assert (again["needed"], again["applied"], again["changed"]) == (False, True, [])
    assert canon(machine) == after
    assert ask(machine, compose(table, "undo"))["applied"] is True
    assert canon(machine) == before


@pytest.mark.parametrize("case", CASES)
def test_taking_back_what_was_never_done_says_so_and_changes_nothing(case):
    fault, table = CASES[case]
    machine = guest(*([fault] if fault else []))
    before = canon(machine)
    answer = ask(machine, compose(table, "undo"), code=1)
    assert (answer["applied"], canon(machine)) == (False, before)
    assert answer["error"]


def test_a_healthy_machine_fails_no_backup_and_needs_nothing():
    assert list(troubles(guest().machine)) == []
    for table in ([MSDTC, COM], CRYPTO, [WRITERS], [{"kind": "dhcp"}]):
        assert ask(guest(), compose(table, "check"))["needed"] is False


def test_every_trouble_can_be_brought_about():
    seen = {code for fault in FAULTS for code in troubles(guest(fault).machine)}
    assert seen == set(TROUBLES)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (compose([{"kind": "format_disk", "drive": "C:"}]), "no such kind: format_disk"),
        (compose([{"kind": "detached", "after": 1, "items": [{"kind": "no"}]}], "check"), "no such kind: no"),
        (compose([{**COM, "when": "nearly:x"}]), "no such condition: nearly:x"),
        ("Get-Service", "does not set $ScriptAction"),
        (
            "$ScriptAction = 'a'\n$ScriptVerb = 'apply'\n$ScriptParameters = @{}\n$ScriptTable = '[{'\n",
            "cannot be read",
        ),
        ("$ScriptAction = $(evil)\n$ScriptVerb = 'apply'\n$ScriptParameters = @{}\n$ScriptTable = '[]'\n", "no string"),
    ],
)
def test_a_script_that_cannot_be_interpreted_fails_and_changes_nothing(text, words):
    machine = guest()
    before = canon(machine)
    result = machine.run(text, 60)
    assert result.exit_code == 1
    assert words in result.stderr + result.stdout
    assert canon(machine) == before


def test_a_program_of_which_nothing_is_known_fails():
    item = {"kind": "command", "file": "%SystemRoot%\\System32\\netsh.exe", "arguments": ["wlan"], "exit_codes": [0]}
    assert "does not know what" in ask(guest(), compose([item]), code=1)["error"]


def test_a_service_with_an_account_that_may_not_log_on_does_not_start():
    answer = ask(guest("msdtc-account"), compose([{"kind": "service", "name": "MSDTC", "state": "Running"}]), code=1)
    assert "1069" in answer["error"]


def test_com_plus_does_not_start_while_the_transaction_coordinator_cannot():
    machine = guest("com-plus-stopped", "msdtc-disabled")
    assert "1068" in ask(machine, compose([COM]), code=1)["error"]
    assert ask(machine, compose([MSDTC, COM]))["applied"] is True


def test_a_disabled_service_does_not_start():
    assert "1058" in ask(guest("msdtc-disabled"), compose([{**COM, "name": "MSDTC"}]), code=1)["error"]


@pytest.mark.parametrize(("fault", "code"), [("installer-disabled", "1058"), ("installer-unregistered", "1601")])
def test_nothing_is_installed_while_windows_installer_does_not_work(fault, code):
    machine = guest(fault)
    assert code in ask(machine, compose([VCREDIST]), code=1)["error"]
    assert machine.machine.file(RUNTIME) is None


def test_an_installation_may_ask_for_a_restart():
    machine = guest("vcredist-restart")
    assert ask(machine, compose([VCREDIST]))["applied"] is True
    assert machine.state["reboot_pending"] == ["PendingFileRenameOperations"]
    assert machine.machine.file(RUNTIME) is None
    machine.boot()
    assert list(troubles(machine.machine)) == []
    assert machine.state["reboot_pending"] == []


def test_a_program_with_another_signature_is_not_run():
    machine = guest("vcredist-missing")
    for path, file in machine.state["files"].items():
        if "vcredist" in path:
            file["signer"] = "Somebody"
    assert "not by Microsoft Corporation" in ask(machine, compose([VCREDIST]), code=3)["refused"]
    assert machine.machine.file(RUNTIME) is None


def test_a_writer_is_stable_once_its_service_was_restarted():
    machine = guest("vss-writer-failed")
    assert ask(machine, compose([WRITERS]))["applied"] is True
    assert list(troubles(machine.machine)) == []


def test_a_writer_that_is_stuck_stays_so_until_the_machine_restarts():
    machine = guest("vss-writer-stuck")
    answer = ask(machine, compose([WRITERS]), code=1)
    assert (answer["applied"], answer["error"]) == (False, "it was changed, and yet it is not as it has to be")
    assert list(troubles(machine.machine)) == ["ExtensionFailedVssWriterInBadState"]
    machine.boot()
    assert list(troubles(machine.machine)) == []


def test_a_writer_that_must_not_be_touched_is_left_alone():
    machine = guest("vss-writer-sql")
    before = canon(machine)
    assert ask(machine, compose([WRITERS]))["changed"] == []
    assert canon(machine) == before


@pytest.mark.parametrize("restart", ["agent", "machine"])
def test_strong_cryptography_is_in_force_only_after_a_restart(restart):
    machine = guest("strong-crypto-off")
    ask(machine, compose(CRYPTO))
    assert list(troubles(machine.machine)) == ["ExtensionSnapshotFailedNoSecureNetwork"]
    if restart == "agent":
        ask(machine, compose([AGENT]))
    else:
        machine.boot()
    assert list(troubles(machine.machine)) == []


def test_the_desktop_heap_is_in_force_only_after_a_restart():
    machine = guest("com-plus-heap")
    ask(machine, compose(CASES["part"][1]))
    assert list(troubles(machine.machine)) == ["ExtensionInstallProviderCOMMemoryQuotaReached"]
    machine.boot()
    assert list(troubles(machine.machine)) == []


def test_what_is_handed_over_is_done_when_it_is_due_and_not_before():
    machine = guest("strong-crypto-off")
    answer = ask(machine, compose([*CRYPTO, {"kind": "detached", "after": 30, "items": [AGENT]}]))
    assert (answer["applied"], answer["pending"]) == (True, "agent restart")
    due = machine.later(START)
    assert due == START + timedelta(seconds=30)
    assert machine.later(due - timedelta(seconds=1)) == due
    assert list(troubles(machine.machine)) != []
    machine.at = due
    assert machine.later(due) is None
    assert list(troubles(machine.machine)) == []
    result = ask(machine, compose([], "check"))["found"]["result"]
    assert (result["ok"], result["detail"], result["at"]) == (True, "done", int(due.timestamp()))


def test_what_fails_after_it_was_handed_over_is_found_by_a_later_check():
    machine = guest("com-plus-damaged")
    ask(machine, compose([{"kind": "detached", "after": 5, "items": [COM]}]))
    machine.later(machine.later(START))
    result = ask(machine, compose([COM], "check"))["found"]["result"]
    assert result["ok"] is False
    assert "1053" in result["detail"]


def test_services_start_with_the_machine_as_their_start_mode_says():
    machine = guest("com-plus-stopped", "vss-hung")
    machine.boot()
    assert list(troubles(machine.machine)) == []
    machine = guest("agent-disabled")
    machine.boot()
    assert not machine.agent_reports()
    assert guest().agent_reports()


def test_a_start_mode_that_was_only_written_to_the_registry_counts_from_the_next_start_of_the_machine():
    machine = guest("installer-disabled")
    key = "HKLM\\SYSTEM\\CurrentControlSet\\Services\\Msiserver"
    ask(machine, compose([{"kind": "registry", "key": key, "name": "Start", "type": "DWord", "value": 3}]))
    assert machine.state["services"]["msiserver"]["start"] == "Disabled"
    machine.boot()
    assert machine.state["services"]["msiserver"]["start"] == "Manual"


def test_defender_that_a_policy_manages_ignores_exclusions():
    answer = ask(guest("defender-managed"), compose(CASES["exclusion"][1]), code=1)
    assert (answer["needed"], answer["applied"]) == (True, False)


def test_powershell_before_5_is_refused():
    machine = guest()
    machine.state["os"]["powershell"] = "4.0"
    assert "5 is needed" in ask(machine, compose([COM]), code=3)["refused"]


def test_a_second_repair_keeps_what_was_before_the_first():
    machine = guest("com-plus-stopped", "msdtc-local-system")
    before = deepcopy(machine.state)
    ask(machine, compose([MSDTC, COM]))
    machine.machine.stop("COMSysApp")
    ask(machine, compose([MSDTC, COM]))
    ask(machine, compose([MSDTC, COM], "undo"))
    assert machine.state == before


def test_an_answer_is_never_longer_than_what_azure_keeps():
    machine = guest()
    for number in range(300):
        machine.state["registry"][f"HKLM\\SOFTWARE\\Microsoft\\.NETFramework\\v4.0.{number}"] = {}
    result = machine.run(compose([], "check", "check_guest_windows"), 60)
    assert len(result.stdout) <= 3900
    assert json.loads(result.stdout)["cut"] is True


@pytest.mark.parametrize("fault", ["agent-stopped", "agent-hung", "wireserver-blocked"])
def test_an_agent_that_does_not_work_or_reach_the_platform_does_not_report(fault):
    assert not guest(fault).agent_reports()


@pytest.mark.parametrize("fault", ["agent-stopped", "agent-hung"])
def test_an_agent_reports_again_once_the_machine_has_restarted(fault):
    machine = guest(fault)
    machine.boot()
    assert machine.agent_reports()


def test_an_account_whose_password_nobody_knows_cannot_be_put_back():
    machine = guest("msdtc-account")
    ask(machine, compose([MSDTC]))
    after = canon(machine)
    assert "password" in ask(machine, compose([MSDTC], "undo"), code=3)["refused"]
    assert canon(machine) == after


def test_a_task_that_falls_due_while_the_machine_restarts_is_missed():
    machine = guest("com-plus-stopped", "strong-crypto-off")
    ask(machine, compose([{"kind": "detached", "after": 30, "items": CRYPTO}]))
    due = machine.later(START)
    machine.boot()
    assert machine.later(due) is None
    assert ask(machine, compose(CRYPTO, "check"))["needed"] is True


def test_a_task_that_waits_is_not_handed_over_twice():
    machine = guest("strong-crypto-off")
    table = [{"kind": "detached", "after": 30, "items": [*CRYPTO, AGENT]}]
    ask(machine, compose(table))
    before = canon(machine)
    again = ask(machine, compose(table))
    assert (again["needed"], again["applied"], again["pending"]) == (False, True, "agent restart")
    assert canon(machine) == before


def test_what_somebody_else_has_changed_since_is_not_put_back():
    machine = guest()
    table = CASES["value"][1]
    ask(machine, compose(table))
    machine.machine.set_value("HKLM\\SOFTWARE\\New\\Below", "A", "String", "theirs")
    before = canon(machine)
    assert "somebody else" in ask(machine, compose(table, "undo"), code=3)["refused"]
    assert canon(machine) == before


def test_a_service_on_which_others_depend_is_not_stopped():
    machine = guest()
    before = canon(machine)
    item = {"kind": "service", "name": "RpcSs", "state": "Running", "restart": "always"}
    assert "depends on RpcSs" in ask(machine, compose([item]), code=3)["refused"]
    services = json.loads(before)["services"]
    assert machine.state["services"] == services


def test_a_service_on_which_others_depend_is_restarted_with_those_that_the_item_names():
    machine = guest()
    item = {"kind": "service", "name": "EventSystem", "state": "Running", "restart": "always"}
    answer = ask(machine, compose([{**item, "dependents": ["SENS", "COMSysApp"]}]))
    assert answer["changed"][0]["after"] == "restarted, with COMSysApp, with SENS"
    assert list(troubles(machine.machine)) == []


def test_a_machine_that_must_not_be_touched_is_refused_but_only_when_there_is_something_to_do():
    refuse = {"kind": "refuse", "when": "running:ClusSvc,EventLog", "why": "a drill"}
    machine = guest("com-plus-stopped")
    before = canon(machine)
    assert ask(machine, compose([refuse, COM], "check"))["found"]["refuses"] == ["a drill"]
    assert ask(machine, compose([refuse, COM]), code=3)["refused"] == "a drill"
    assert canon(machine) == before
    assert ask(guest(), compose([refuse, COM]))["applied"] is True


def test_writers_are_left_alone_while_a_snapshot_is_made():
    machine = guest("vss-writer-failed")
    machine.state["writers"]["ASR Writer"].update(state="[3] Waiting for freeze", error="No error")
    before = canon(machine)
    assert "ASR Writer" in ask(machine, compose([WRITERS]), code=3)["refused"]
    assert canon(machine) == before


def test_services_that_have_to_run_are_started_though_something_before_failed():
    machine = guest("com-plus-stopped")
    broken_item = {"kind": "command", "file": "%SystemRoot%\\System32\\no.exe", "arguments": [], "exit_codes": [0]}
    assert "there is no" in ask(machine, compose([broken_item, COM]), code=1)["error"]
    assert machine.state["services"]["COMSysApp"]["state"] == "Running"


def test_a_download_needs_names_to_be_resolved_and_is_signed():
    item = {"kind": "download", "url": "https://go.microsoft.com/fwlink/?LinkID=394789", "to": "agent.msi",
            "signer": "Microsoft Corporation"}  # fmt: skip
    install = {"kind": "command", "file": "%SystemRoot%\\System32\\msiexec.exe", "exit_codes": [0],
               "arguments": ["/i", "%RECORD%\\agent.msi", "/quiet"]}  # fmt: skip
    machine = guest("agent-outdated")
    assert ask(machine, compose([item, install]))["applied"] is True
    assert machine.state["agent"]["version"] == "2.7.41491.1175"
    machine = guest("agent-outdated")
    machine.state["network"]["dns"] = False
    assert "No such host" in ask(machine, compose([item, install]), code=1)["error"]
    assert machine.state["agent"]["version"] == "2.5.1198.709"


def test_work_that_a_task_has_just_done_is_not_handed_over_again_at_once_but_later_it_is():
    machine = guest()
    table = [{"kind": "detached", "after": 30, "items": [AGENT]}]
    ask(machine, compose(table))
    work_off(machine)
    assert ask(machine, compose(table, "check"))["needed"] is False
    machine.at += timedelta(seconds=900)
    assert ask(machine, compose(table, "check"))["needed"] is True


def test_an_agent_makes_a_certificate_of_its_own_when_it_starts_without_one():
    machine = guest()
    machine.state["certificates"] = {}
    ask(machine, compose([AGENT]))
    (made,) = machine.state["certificates"]["Cert:\\LocalMachine\\My"]
    assert made["until"] > "2027"
