"""The state of a VM: what is waited for, what is cleared, what only a human repairs."""

from __future__ import annotations

from datetime import timedelta

from remediate.engine.model import Verdict

from ..drill import Drill
from ..engine.test_faults import finish_from
from . import human

FAILED = "UserErrorVmProvisioningStateFailed"
NOT_DESIRABLE = "UserErrorVmNotInDesirableState"
BUSY = "ExtensionOperationInProgress"
COPY = "CopyingVHDsFromBackUpVaultTakingLongTime"
BACK_UP = {"choose": "back-up"}


def machine(world: Drill):
    return world.simulator.world.compute.vms[world.vm_id.lower()]


def diagnosed(world: Drill, error: str, inputs: dict[str, str] | None = None):
    return world.remediation(read_only=True).plan(error, world.vm(), inputs)


def cause(report, name: str):
    return next(one for one in report.diagnosis.causes if one.name == name)


def test_a_failed_extension_of_somebody_else_is_named_with_its_own_message(drill):
    report = diagnosed(drill("other-extension-failed"), FAILED)
    (said,) = cause(report, "other-extension-failed").evidence
    assert said.startswith("install-agent (Microsoft.Azure.Extensions.CustomScript) Failed: Enable failed")
    assert "never removed here" in report.stand.next_step


def test_two_failed_extensions_are_first_a_matter_for_the_owner_of_the_other_one(drill):
    world = drill("other-extension-failed")
    machine(world).extensions["vmsnapshotlinux"].provisioning_state = "Failed"
    report = diagnosed(world, FAILED)
    assert report.stand.verdict is Verdict.NEEDS_HUMAN
    assert cause(report, "other-extension-failed").standing.value == "found"
    assert cause(report, "backup-extension-failed").standing.value == "possible"


def test_a_failed_extension_of_a_vm_that_is_still_being_changed_is_looked_at_when_that_has_ended(drill):
    world = drill("other-extension-failed")
    machine(world).provisioning_state = "Updating"
    for error in (FAILED,):
        report = diagnosed(world, error)
        assert report.stand.verdict is Verdict.PLANNED
        assert cause(report, "vm-in-transition").standing.value == "found"


def test_a_state_that_has_passed_needs_only_a_backup(drill):
    world = drill("vm-updating")
    world.pass_time(timedelta(hours=2))
    report = diagnosed(world, FAILED)
    assert report.diagnosis.reason.startswith("the state has passed: provisioning state Succeeded")
    assert [change.operation for change in report.plan.changes] == ["backups.trigger"]


def test_a_stopped_agent_of_a_windows_vm_is_restarted_by_its_own_commands(drill):
    world = drill("vm-provisioned-agent-stopped")
    machine(world).os_type = "Windows"
    assert "Restart-Service WindowsAzureGuestAgent" in diagnosed(world, FAILED).stand.next_step


def test_an_agent_that_is_silent_under_a_failed_state_is_only_a_possible_cause(drill):
    world = drill("vm-failed-state")
    machine(world).agent = "NotReady"
    report = diagnosed(world, FAILED)
    assert cause(report, "failed-state").standing.value == "found"
    assert cause(report, "agent-not-running").standing.value == "possible"


def test_the_platforms_own_words_for_a_failed_state_are_shown(drill):
    report = diagnosed(drill("vm-failed-state"), FAILED)
    assert "Allocation failed." in report.diagnosis.reason
    assert "since 2026-02-28T14:00:00Z" in report.diagnosis.reason


def test_without_any_agent_a_vm_that_runs_is_no_matter_of_its_state(drill):
    world = drill("vm-selinux")
    machine(world).agent = "Missing"
    report = diagnosed(world, NOT_DESIRABLE)
    assert report.stand.verdict is Verdict.NEEDS_HUMAN
    assert cause(report, "agent-absent").standing.value == "found"
    assert report.stand.next_step.startswith("Install the VM agent")


def test_selinux_is_suspected_only_on_linux(drill):
    world = drill("vm-selinux")
    machine(world).os_type = "Windows"
    report = diagnosed(world, NOT_DESIRABLE)
    assert cause(report, "agent-path-blocked").standing.value == "ruled out"
    assert report.stand.verdict is Verdict.PLANNED


def test_selinux_is_not_suspected_after_a_single_failure(drill):
    world = drill("vm-starting")
    world.pass_time(timedelta(hours=1))
    report = diagnosed(world, NOT_DESIRABLE)
    assert cause(report, "agent-path-blocked").against == ("only one backup failed: a state that has passed",)
    assert report.stand.verdict is Verdict.PLANNED


def test_a_backup_that_is_asked_for_while_selinux_still_blocks_is_not_called_fixed(drill):
    world = drill("vm-selinux")
    report = finish_from(world, world.repair(code=NOT_DESIRABLE, arguments=BACK_UP))
    assert report.stand.verdict is Verdict.NOT_FIXED
    assert "VM is not in a state that allows backups" in report.stand.reason


def test_somebody_elses_failed_extension_is_no_matter_of_a_reapply_either(drill):
    world = drill("vm-not-desirable-failed")
    other = drill("other-extension-failed")
    machine(world).extensions |= machine(other).extensions
    report = diagnosed(world, NOT_DESIRABLE)
    assert report.stand.verdict is Verdict.NEEDS_HUMAN
    assert "the extension install-agent failed" in report.stand.reason


def test_an_extension_that_is_being_installed_is_what_is_at_work_on_the_vm(drill):
    world = drill("vm-changed-during-backup")
    world.pass_time(timedelta(hours=1))
    machine(world).extensions["vmsnapshotlinux"].provisioning_state = "Updating"
    evidence = cause(diagnosed(world, BUSY), "vm-changed").evidence
    assert evidence == ("VMSnapshotLinux (Microsoft.Azure.RecoveryServices.VMSnapshotLinux) Updating",)


def test_what_was_at_work_and_has_ended_needs_only_a_backup(drill):
    world = drill("vm-changed-during-backup")
    world.pass_time(timedelta(hours=1))
    report = diagnosed(world, BUSY)
    assert report.diagnosis.reason == "what was at work on the VM has ended"
    assert report.stand.verdict is Verdict.PLANNED


def test_retries_of_a_slow_copy_are_spaced_and_the_plan_announces_them(drill):
    world = drill("vhd-copy-slow")
    plan = diagnosed(world, COPY).plan
    assert [(step.name, len(step.changes), bool(step.wait or step.only_if)) for step in plan.steps] == [
        ("first_attempt", 1, False),
        ("first_pause", 0, True),
        ("second_attempt", 0, True),
        ("second_pause", 0, True),
        ("back_up", 0, True),
    ]
    report = world.repair(code=COPY)
    assert report.stand.verdict is Verdict.PENDING
    assert report.stand.until - report.sent[0].at == timedelta(minutes=20)


def test_after_three_failed_attempts_other_hours_are_advised_and_one_more_attempt_can_be_asked_for(drill):
    world = drill("vhd-copy-throttled")
    finish_from(world, world.repair(code=COPY))
    report = diagnosed(world, COPY)
    assert report.stand.verdict is Verdict.NEEDS_HUMAN
    assert "Move the VM to a policy that runs at another hour" in report.stand.next_step
    assert cause(report, "transient").standing.value == "ruled out"
    assert "the policy daily backs up at 02:00 UTC" in cause(report, "throttled").evidence
    human.makes_room_for_the_copy(world)
    report = finish_from(world, world.repair(code=COPY, arguments=BACK_UP))
    assert report.stand.verdict is Verdict.FIXED
    assert len(world.effects) == 4
