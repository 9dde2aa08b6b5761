"""Errors inside the VM: what the advice says, and that a choice is no way round the proof."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from remediate.engine.model import Verdict
from remediate.remediation import Accepted
from runbooks.agent import BACK as BACK_UP_NOW
from runbooks.agent import REINSTALL, RESTART
from runbooks.classify import classify
from runbooks.registry import find

from ..drill import YES

ERRORS = Path(__file__).parents[2] / "runbooks" / "errors"
INSIDE = {
    "com-plus-stopped": "extension_snapshot_failed_com",
    "msdtc-stopped": "extension_installation_failed_mdtc",
    "vss-writer-failed": "extension_failed_vss_writer_in_bad_state",
    "machinekeys-closed": "extension_config_parsing_failure",
    "strong-crypto-off": "extension_snapshot_failed_no_secure_network",
    "vcredist-missing": "extension_vc_redist_installation_failure",
    "fsfreeze-failed": "user_error_fs_freeze_failed",
    "bitlocker-locked": "extension_snapshot_bitlocker_error",
}


def code_of(world) -> str:
    return str(world.server.ready["code"])


@pytest.mark.parametrize("scenario", INSIDE)
def test_where_no_script_can_run_the_advice_names_every_documented_step(drill, scenario):
    world = drill(scenario)
    (vm,) = world.simulator.world.compute.vms.values()
    vm.agent = "NotReady"
    report = world.repair(YES, code_of(world))
    steps = json.loads((ERRORS / INSIDE[scenario] / "guest.json").read_text(encoding="utf-8"))["steps"]
    for step in steps:
        for text in (step["what"], *step["commands"], step["caution"]):
            assert text in report.stand.next_step
    assert world.writes == []


@pytest.mark.parametrize("scenario", INSIDE)
def test_a_backup_that_is_chosen_before_the_guest_is_repaired_fails_with_the_same_error(drill, scenario):
    world = drill(scenario)
    report = world.repair(YES, code_of(world), {"choose": BACK_UP_NOW})
    assert report.stand.verdict is Verdict.NOT_FIXED
    assert classify(report.stand.reason).entry.id == code_of(world)


@pytest.mark.parametrize("scenario", ["com-plus-hung", "vss-writer-hung", "vcredist-restart-pending"])
def test_a_restart_that_is_chosen_still_needs_an_approval(drill, scenario):
    world = drill(scenario)
    report = world.repair(YES, code_of(world), {"choose": RESTART})
    assert report.stand.verdict is Verdict.NEEDS_APPROVAL
    assert "disruptive" in report.stand.reason
    assert world.writes == []


def test_the_extension_is_not_uninstalled_while_the_agent_does_not_answer(drill):
    world = drill("com-plus-agent-silent")
    report = world.repair(YES, code_of(world), {"choose": REINSTALL})
    assert report.stand.refusal.guard == "agent-ready"
    assert world.writes == []


def test_an_error_of_windows_is_refused_on_linux(drill):
    world = drill("com-plus-stopped")
    (vm,) = world.simulator.world.compute.vms.values()
    vm.os_type = "Linux"
    report = world.repair(YES, code_of(world))
    assert report.stand.verdict is Verdict.REFUSED
    assert "is an error of Windows, and the VM runs Linux" in report.stand.reason


def test_a_sql_server_in_the_vm_is_told_before_services_are_restarted(drill):
    world = drill("vss-writer-failed")
    vm = next(iter(world.simulator.world.compute.vms.values()))
    body = {"virtualMachineResourceId": vm.id, "provisioningState": "Succeeded"}
    kind = "Microsoft.SqlVirtualMachine/sqlVirtualMachines"
    world.simulator.world.inventory.add(kind, vm.group, vm.name, body, location=vm.location)
    report = world.repair(YES, code_of(world))
    assert "SQL Server" in [one.label for one in report.findings]


@pytest.mark.parametrize("folder", INSIDE.values())
def test_every_way_on_is_a_choice_that_the_runbook_tells(folder):
    data = json.loads((ERRORS / folder / "guest.json").read_text(encoding="utf-8"))
    entry = json.loads((ERRORS / folder / "entry.json").read_text(encoding="utf-8"))
    assert list(find(entry["id"]).choices) == data["ways"]
    assert BACK_UP_NOW in data["ways"]


def test_azure_disk_encryption_is_never_advised_away(drill):
    world = drill("bitlocker-managed")
    report = world.repair(YES, code_of(world))
    assert report.stand.verdict is Verdict.NEEDS_HUMAN
    assert "never turn Azure Disk Encryption off" in report.stand.next_step
    assert "manage-bde -off" not in report.stand.next_step


def test_azure_disk_encryption_is_not_advised_away_after_a_backup_that_failed_either(drill):
    world = drill("bitlocker-managed")
    report = world.repair(YES, code_of(world), {"choose": BACK_UP_NOW})
    assert report.stand.verdict is Verdict.NOT_FIXED
    assert "manage-bde -off" not in report.stand.next_step


def test_an_error_of_windows_is_refused_on_linux_with_azure_disk_encryption_too(drill):
    world = drill("bitlocker-managed")
    (vm,) = world.simulator.world.compute.vms.values()
    vm.os_type = "Linux"
    assert world.repair(Accepted(), code_of(world)).stand.verdict is Verdict.REFUSED


def test_a_silent_agent_is_named_first_on_a_vm_with_azure_disk_encryption(drill):
    world = drill("bitlocker-managed")
    (vm,) = world.simulator.world.compute.vms.values()
    vm.agent = "NotReady"
    report = world.repair(Accepted(), code_of(world))
    standing = {cause.name: cause.standing.value for cause in report.causes}
    assert standing["agent-not-ready"] == "found"
    assert standing["azure-disk-encryption"] == "possible"
    assert "Repair the agent first" in report.stand.next_step
    assert "manage-bde -off" not in report.stand.next_step
