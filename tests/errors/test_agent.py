"""Agent and backup extension: what is found, what only the guest shows, what is chosen, what is never done."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from remediate.engine.model import Verdict
from remediate.remediation import Accepted
from runbooks.inside import install_agent, restart_agent
from simulator.scenarios.stage import Scenario

from ..drill import Drill
from ..engine.test_faults import finish_from
from .test_every_error import run

UNAVAILABLE = "UserErrorGuestAgentStatusUnavailable"
SNAPSHOT_STATUS = "GuestAgentSnapshotTaskStatusError"
RECOVERY_EXTENSION = "RecoveryServicesExtensionOperationFailed"
VMSNAPSHOT = "ExtensionOperationFailedForManagedDisks"
INTERNAL = "BackUpOperationFailed"
OFFLINE = "AzureVmOffline"
NO_NETWORK = "ExtensionSnapshotFailedNoNetwork"


def machine(world: Drill):
    return world.simulator.world.compute.vms[world.vm_id.lower()]


def diagnosed(world: Drill, error: str, choice: str = ""):
    return world.remediation(read_only=True).plan(error, world.vm(), {"choose": choice} if choice else None)


def cause(report, name: str):
    return next(one for one in report.diagnosis.causes if one.name == name)


def carried_out(world: Drill, error: str, choice: str = ""):
    """Carry it out as an operator does who approves what the plan shows."""
    case = {"error": error, "accept": "approve", "inputs": {"choose": choice} if choice else {}}
    return run(world, case, case)


def test_the_first_cause_that_is_found_explains_the_later_ones(drill):
    world = drill("agent-stopped")
    machine(world).extensions["vmsnapshotlinux"].provisioning_state = "Failed"
    report = diagnosed(world, UNAVAILABLE)
    assert [one.name for one in report.diagnosis.causes if one.standing.value == "found"] == ["agent-not-ready"]
    explained = cause(report, "backup-extension-failed")
    assert explained.standing.value == "possible"
    assert explained.against[0].endswith("which explains it")


def test_the_agent_is_looked_at_even_though_the_last_backup_failed_with_another_error(drill):
    world = drill("vm-selinux")
    assert diagnosed(world, UNAVAILABLE).stand.verdict is Verdict.REFUSED
    machine(world).agent = "NotReady"
    assert diagnosed(world, UNAVAILABLE).stand.verdict is Verdict.NEEDS_CHOICE


def test_nothing_is_asked_about_the_agent_of_a_vm_whose_protection_is_stopped(drill):
    world = drill("protection-stopped")
    machine(world).agent = "NotReady"
    assert diagnosed(world, UNAVAILABLE).stand.verdict is Verdict.REFUSED


def test_somebody_elses_failed_extension_is_named_and_never_removed(drill):
    world = drill("agent-back")
    machine(world).extensions |= machine(drill("other-extension-failed")).extensions
    report = diagnosed(world, UNAVAILABLE)
    assert report.stand.verdict is Verdict.NEEDS_HUMAN
    assert "install-agent" in report.stand.next_step
    assert "never removed here" in report.stand.next_step


def test_a_restart_that_does_not_bring_the_agent_back_ends_not_fixed_and_says_what_is_left(drill):
    world = drill("agent-stopped")
    report = carried_out(world, UNAVAILABLE, "restart-vm")
    assert report.stand.verdict is Verdict.NOT_FIXED
    assert "after the VM's start; that has not ended after 20 min" in report.stand.reason
    assert "systemctl restart walinuxagent" in report.stand.next_step
    assert [one.rsplit("/", 1)[-1] for one in world.effects] == ["restart"]


def test_a_restart_is_announced_with_its_approval_before_the_backup(drill):
    report = diagnosed(drill("agent-hung"), UNAVAILABLE, "restart-vm")
    assert report.stand.verdict is Verdict.PLANNED
    assert [(change.operation, change.impact.value) for change in report.plan.changes] == [
        ("virtual_machines.restart", "disruptive"),
        ("backups.trigger", "none"),
    ]


def test_when_the_agent_is_not_the_cause_a_restart_is_offered_and_repairs_a_wrong_state(drill):
    world = drill("agent-ready-still-failing")
    assert carried_out(world, UNAVAILABLE).stand.verdict is Verdict.NOT_FIXED
    report = diagnosed(world, UNAVAILABLE)
    assert report.stand.verdict is Verdict.NEEDS_CHOICE
    assert "which a restart resets" in report.stand.reason
    assert carried_out(world, UNAVAILABLE, "restart-vm").stand.verdict is Verdict.FIXED


@pytest.mark.parametrize("error", [SNAPSHOT_STATUS, VMSNAPSHOT, INTERNAL, NO_NETWORK])
def test_a_vm_whose_agent_reports_is_never_powered_off_as_one_that_was_shut_down_from_inside(drill, error):
    scenario = {
        SNAPSHOT_STATUS: "snapshot-status-unknown",
        VMSNAPSHOT: "vmsnapshot-broken",
        INTERNAL: "internal-error-extension",
        NO_NETWORK: "no-network-dhcp",
    }[error]
    world = drill(scenario)
    report = carried_out(world, error, "stop-vm")
    assert report.stand.verdict is Verdict.REFUSED
    assert "was not shut down from inside" in report.stand.reason
    assert world.writes == []


@pytest.mark.parametrize(("error", "choice"), [(UNAVAILABLE, "restart-vm"), (INTERNAL, "stop-vm")])
def test_a_vm_that_was_made_without_an_agent_is_not_restarted_or_powered_off_for_one(drill, error, choice):
    world = drill("agent-hung" if error == UNAVAILABLE else "internal-error-agent-hung")
    machine(world).agent, machine(world).provision_agent = "Missing", False
    machine(world).os_type = "Windows"
    report = carried_out(world, error, choice)
    assert report.stand.verdict is Verdict.REFUSED
    assert "a restart brings none" in report.stand.reason
    assert report.stand.next_step.startswith("In the VM, as administrator, install the latest MSI")
    assert world.writes == []


def test_the_extension_of_a_vm_that_is_off_stays_and_its_disks_are_backed_up(drill):
    world = drill("snapshot-status-extension")
    machine(world).power_state = "deallocated"
    world.simulator.world.recoveryservices.item_of(world.vm_id).obstacles.clear()
    report = carried_out(world, SNAPSHOT_STATUS, "reinstall-extension")
    assert report.stand.verdict is Verdict.FIXED
    assert [one.rsplit("/", 1)[-1] for one in world.effects] == ["backup"]


def test_a_change_of_the_vm_by_the_platform_is_waited_for(drill):
    world = drill("vmsnapshot-passing")
    vm = machine(world)
    vm.provisioning_state = "Updating"
    world.simulator.world.clock.call_later(
        timedelta(minutes=30), lambda: setattr(vm, "provisioning_state", "Succeeded")
    )
    report = world.repair(code=VMSNAPSHOT)
    assert report.stand.verdict is Verdict.PENDING
    assert world.writes == []
    assert finish_from(world, report).stand.verdict is Verdict.FIXED


def another_error(stage):
    """Let a backup that is tried again fail with another error than the last night's."""
    stage.web_server().vault_points(20, newest=3).points(2, newest=stage.night(1)).failed(VMSNAPSHOT, nights=1)
    stage.fails_while(NO_NETWORK, lambda: True)


def test_a_retry_that_fails_with_another_error_ends_the_run_before_anything_is_uninstalled(drill):
    world = drill(Scenario("another-error", VMSNAPSHOT, "x.", another_error))
    report = carried_out(world, VMSNAPSHOT)
    assert report.stand.verdict is Verdict.NOT_FIXED
    assert [one.rsplit("/", 1)[-1] for one in world.effects] == ["backup"]


@pytest.mark.parametrize(
    ("scenario", "error"), [("vmsnapshot-lasting", VMSNAPSHOT), ("internal-error-policy", INTERNAL)]
)
def test_what_cannot_be_repaired_from_outside_goes_to_support_with_the_jobs_activity_id(drill, scenario, error):
    world = drill(scenario)
    carried_out(world, error)
    report = diagnosed(world, error)
    assert report.stand.verdict is Verdict.NEEDS_HUMAN
    assert world.facts().last_failed_job().activity_id in report.stand.next_step


def test_after_a_choice_one_failed_backup_ends_the_run_without_a_new_installation(drill):
    world = drill("vmsnapshot-broken")
    report = carried_out(world, VMSNAPSHOT, "back-up")
    assert report.stand.verdict is Verdict.NOT_FIXED
    assert [one.rsplit("/", 1)[-1] for one in world.effects] == ["backup"]


def test_an_agent_between_the_two_minima_is_updated_before_a_retry_unless_a_human_says_so(drill):
    world = drill("recovery-extension-agent-outdated")
    machine(world).agent_version = "2.7.41491.901"
    report = diagnosed(world, RECOVERY_EXTENSION)
    assert report.stand.verdict is Verdict.NEEDS_HUMAN
    assert cause(report, "agent-outdated").standing.value == "possible"
    assert (
        "2.6.1198.718 or later for Azure Backup, 2.7.41491.911 or later for the Azure platform"
        in report.stand.next_step
    )
    assert carried_out(world, RECOVERY_EXTENSION, "back-up").stand.verdict is Verdict.FIXED


def test_a_vm_that_is_off_at_its_first_backup_may_be_backed_up_as_it_is_and_is_not_started_for_it(drill):
    world = drill("first-backup-vm-off")
    world.simulator.world.recoveryservices.item_of(world.vm_id).obstacles.clear()
    report = carried_out(world, OFFLINE, "back-up")
    assert report.stand.verdict is Verdict.FIXED
    assert machine(world).power_state == "deallocated"


def test_a_start_is_asked_for_with_what_it_costs(drill):
    world = drill("first-backup-vm-off")
    report = world.repair(code=OFFLINE, arguments={"choose": "start-vm"})
    assert report.stand.verdict is Verdict.NEEDS_APPROVAL
    assert "costs again" in report.diagnosis.reason
    assert world.writes == []


def test_a_vm_whose_first_backup_has_not_run_yet_is_looked_at_all_the_same(drill):
    world = drill("first-backup-no-agent")
    item = world.simulator.world.recoveryservices.item_of(world.vm_id)
    item.vault.jobs.clear()
    assert diagnosed(world, OFFLINE).stand.verdict is Verdict.NEEDS_HUMAN
    assert diagnosed(drill("healthy"), OFFLINE).stand.verdict is Verdict.NOTHING_TO_DO


def test_enabling_backup_is_advised_once_nothing_keeps_it_from_being_enabled(drill):
    world = drill("no-agent-unprotected")
    before = diagnosed(world, OFFLINE).stand.next_step
    assert before.index("allowExtensionOperations=true") < before.index("az backup protection enable-for-vm")
    machine(world).agent, machine(world).extension_operations = "Ready", True
    report = diagnosed(world, OFFLINE)
    assert report.stand.verdict is Verdict.NEEDS_HUMAN
    assert report.stand.next_step.startswith("Enable backup: az backup protection enable-for-vm")


@pytest.mark.parametrize("error", [OFFLINE, "VmAgentNotPresent"])
def test_a_vm_that_is_being_changed_is_not_said_to_be_fit_for_backup_while_it_has_no_agent(drill, error):
    world = drill("no-agent-unprotected")
    machine(world).provisioning_state = "Updating"
    report = diagnosed(world, error)
    assert report.stand.verdict is Verdict.NEEDS_HUMAN
    assert report.stand.reason.startswith("no VM agent is installed")


def test_a_vm_that_is_off_and_forbids_extensions_is_allowed_them_before_backup_is_enabled(drill):
    world = drill("no-agent-unprotected")
    machine(world).power_state = "deallocated"
    step = diagnosed(world, OFFLINE).stand.next_step
    assert step.index("allowExtensionOperations=true") < step.index("az backup protection enable-for-vm")


def test_a_vm_that_is_off_needs_its_owners_word_before_backup_is_enabled(drill):
    world = drill("no-agent-unprotected")
    machine(world).power_state, machine(world).extension_operations = "deallocated", True
    report = diagnosed(world, OFFLINE)
    assert "is deallocated" in report.stand.reason
    assert report.stand.next_step.startswith("Ask the owner of web-01 whether it may run")
    assert world.writes == []


def test_a_command_in_an_advice_can_be_pasted_as_it_stands(drill):
    step = diagnosed(drill("first-backup-no-extensions"), OFFLINE).stand.next_step
    assert ": az vm update --subscription " in step


def test_a_deleted_vm_behind_an_internal_error_can_be_handled_by_the_runbook_that_is_named(drill):
    world = drill("internal-error-vm-deleted")
    report = world.repair(code=INTERNAL)
    assert "remediate BCMV2VMNotFound" in report.stand.next_step
    assert diagnosed(world, "BCMV2VMNotFound").stand.verdict is Verdict.PLANNED


def test_a_move_between_policies_counts_only_from_standard_to_enhanced(drill):
    world = drill("internal-error-policy")
    (vault,) = world.simulator.world.recoveryservices.vaults.values()
    assert cause(diagnosed(world, INTERNAL), "policy-migrated").standing.value == "found"
    for policy in vault.policies.values():
        policy.policy_type = "V2"
    assert cause(diagnosed(world, INTERNAL), "policy-migrated").standing.value == "ruled out"
    for job in vault.jobs.values():
        job.policy_name = "enhanced"
    assert cause(diagnosed(world, INTERNAL), "policy-migrated").standing.value == "ruled out"
    for job in vault.jobs.values():
        job.policy_name = ""
    assert cause(diagnosed(world, INTERNAL), "policy-migrated").standing.value == "possible"
    vault.jobs = {name: job for name, job in vault.jobs.items() if job.status == "Failed"}
    assert cause(diagnosed(world, INTERNAL), "policy-migrated").standing.value == "possible"


def test_a_lock_outside_the_services_own_groups_is_lent_and_needs_an_approval(drill):
    world = drill("internal-error-lock")
    locks = world.simulator.world.authorization.locks
    locks.clear()
    subscription = f"/subscriptions/{world.simulator.world.subscription}"
    world.simulator.world.authorization.add_lock(subscription, "all", "CanNotDelete", "")
    report = world.repair(Accepted(yes=True), INTERNAL)
    assert report.stand.verdict is Verdict.NEEDS_APPROVAL
    report = carried_out(world, INTERNAL)
    assert report.stand.verdict is Verdict.FIXED
    assert [lock.name for lock in locks.values()] == ["all"]


def test_the_address_is_kept_in_azure_before_dhcp_is_touched_in_the_guest(drill):
    world = drill("no-network-dhcp")
    step = diagnosed(world, NO_NETWORK).stand.next_step
    assert step.index("--private-ip-address 10.0.0.4") < step.index("source=dhcp")
    nic = world.simulator.world.inventory.find(machine(world).nics[0])
    nic.properties["ipConfigurations"][0]["properties"]["privateIPAllocationMethod"] = "Static"
    assert "az network nic" not in diagnosed(world, NO_NETWORK).stand.next_step


def test_a_security_rule_is_no_cause_where_the_agent_is_supported(drill):
    world = drill("no-network-old-agent")
    machine(world).agent_version = "2.9.1.1"
    report = diagnosed(world, NO_NETWORK)
    assert cause(report, "outbound-blocked").standing.value == "ruled out"
    assert report.stand.verdict is Verdict.NEEDS_CHOICE


@pytest.mark.parametrize(
    ("publisher", "package", "service"),
    [
        ("Canonical", "apt-get install walinuxagent", "systemctl restart walinuxagent"),
        ("Debian", "apt-get install waagent", "systemctl restart walinuxagent"),
        ("SUSE", "zypper -n install python-azure-agent", "systemctl restart waagent"),
        ("RedHat", "yum install WALinuxAgent", "systemctl restart waagent"),
        ("Oracle", "yum install WALinuxAgent", "systemctl restart waagent"),
        ("somebody", "from the distribution's own repository", "walinuxagent on Ubuntu and Debian"),
    ],
)
def test_commands_are_those_of_the_vms_own_distribution(drill, publisher, package, service):
    vm = replace(drill("agent-stopped").facts().vm(), os_name="", image={"publisher": publisher})
    for text in (install_agent(vm), restart_agent(vm)):
        assert package in text
        assert service in text
        assert "MSI" not in text


def test_commands_for_windows_name_no_linux_package(drill):
    vm = drill("agent-hung").facts().vm()
    for text in (install_agent(vm), restart_agent(vm)):
        assert "https://go.microsoft.com/fwlink/?LinkID=394789" in text
        assert "waagent" not in text.lower().replace("windowsazureguestagent", "")
