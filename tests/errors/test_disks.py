"""What the cases of the family disks cannot say: exact sizes, which disks are left out, and how that is taken back."""

from __future__ import annotations

import pytest

from arm.errors import UsageError
from remediate.engine.model import Verdict
from remediate.remediation import Accepted
from simulator.services.inventory.state import machine_disks

SIZE, SSD, QUOTA = (
    "UserErrorUnsupportedDiskSize",
    "UserErrorStandardSSDNotSupported",
    "UserErrorBCMPremiumStorageQuotaError",
)
EXCLUDE = {"choose": "exclude-disks"}


def plan(world, code=SIZE, arguments=None):
    return world.remediation(read_only=True).plan(code, world.vm(), arguments or {})


def approved(world, code=SIZE, arguments=None):
    return world.repair(Accepted(approve=plan(world, code, arguments).plan.digest), code, arguments)


def findings(report):
    return {finding.label: finding.value for finding in report.diagnosis.findings}


def machine(world):
    return world.simulator.world.compute.vms[world.vm_id.lower()]


def item(world):
    return world.simulator.world.recoveryservices.item_of(world.vm_id)


def shown(world):
    return (item(world).luns, item(world).only_luns)


def test_the_size_the_excess_and_how_to_split_it_are_said_exactly(drill):
    report = plan(drill("disk-too-large"))
    assert report.stand.verdict is Verdict.NEEDS_CHOICE
    assert "web-01-data-2 (LUN 2) has 40960 GiB, 8192 GiB more than 32768" in report.stand.reason
    assert "attach 2 new disks of 20480 GiB" in report.stand.next_step
    assert "az vm disk detach --resource-group rg-web --vm-name web-01 --name web-01-data-2" in report.stand.next_step
    assert "--choose exclude-disks" in report.stand.next_step
    assert "restored: no new VM" in findings(report)["would NOT be protected"]


def test_the_plan_names_what_is_not_protected_any_more(drill):
    report = plan(drill("disk-too-large"), SIZE, EXCLUDE)
    (change, _) = report.plan.changes
    assert change.summary.startswith("leave web-01-data-2 (LUN 2, 40960 GiB) out of the backup")
    assert "NOT protected" in change.summary
    assert change.impact.value == "destructive"


def test_to_leave_a_disk_out_is_never_done_for_a_mere_yes(drill):
    world = drill("disk-too-large")
    assert world.repair(Accepted(yes=True), SIZE, EXCLUDE).stand.verdict is Verdict.NEEDS_APPROVAL
    assert world.writes == []


@pytest.mark.parametrize(
    ("scenario", "before", "after"),
    [
        ("disk-too-large", (None, False), ((2,), False)),
        ("disk-too-large-half-excluded", ((1,), False), ((1, 2), False)),
        ("disk-too-large-included", ((0, 2), True), ((0,), True)),
    ],
)
def test_an_undo_puts_the_former_list_back(drill, scenario, before, after):
    world = drill(scenario)
    assert shown(world) == before
    policy = item(world).policy
    report = approved(world, SIZE, EXCLUDE)
    assert report.stand.verdict is Verdict.FIXED
    assert (shown(world), item(world).policy) == (after, policy)
    undone = world.remediation().undo(report.run.id, accepted=Accepted(yes=True))
    assert undone.stand.verdict is Verdict.NEEDS_APPROVAL
    undone = world.remediation().undo(report.run.id, accepted=Accepted(approve=undone.plan.digest))
    assert undone.stand.verdict is Verdict.APPLIED
    assert shown(world) == before


def test_an_undo_takes_back_nothing_that_somebody_else_has_changed(drill):
    world = drill("disk-too-large")
    report = approved(world, SIZE, EXCLUDE)
    item(world).luns = None
    undone = world.remediation().undo(report.run.id, accepted=Accepted(yes=True))
    assert undone.stand.verdict is Verdict.NOTHING_TO_DO


def test_what_is_left_out_is_said_at_every_run_of_any_runbook(drill):
    world = drill("disk-too-large")
    assert approved(world, SIZE, EXCLUDE).stand.verdict is Verdict.FIXED
    for code in (SIZE, SSD, "UserErrorRpCollectionLimitReached"):
        said = findings(plan(world, code))["NOT protected"]
        assert said.startswith("web-01-data-2 (LUN 2, 40960 GiB)")


def test_an_os_disk_cannot_be_left_out(drill):
    world = drill("disk-too-large")
    machine(world).os_disk.size_gb = 33000
    report = plan(world, SIZE, EXCLUDE)
    assert report.stand.verdict is Verdict.NEEDS_HUMAN
    assert "the OS disk cannot be left out of a backup: web-01-os (OS disk) has 33000 GiB" in report.stand.reason
    assert "at most 32768 GiB" in report.stand.next_step


def test_encrypted_disks_under_a_standard_policy_are_not_left_out(drill):
    report = plan(drill("disk-encrypted-too-large"), SIZE, EXCLUDE)
    assert report.stand.verdict is Verdict.NEEDS_HUMAN
    assert "cannot be left out under the Standard policy daily" in report.stand.reason
    assert "attach 2 new disks of 4096 GiB" in report.stand.next_step


def test_an_encrypted_disk_under_an_enhanced_policy_can_be_left_out(drill):
    world = drill("disk-encrypted-too-large")
    item(world).policy.policy_type = "V2"
    assert approved(world, SIZE, EXCLUDE).stand.verdict is Verdict.FIXED
    assert shown(world) == ((2,), False)


def test_disks_that_are_too_large_together_are_for_a_human_to_choose(drill):
    world = drill("disk-too-large")
    vm = machine(world)
    vm.data_disks = [disk for disk in vm.data_disks if disk.lun in (0, 1)]
    large = [
        type(disk)(f"large-{lun}", f"{disk.id}-{lun}", 32768, lun) for lun in range(2, 11) for disk in [vm.os_disk]
    ]
    vm.data_disks += large
    assert "GiB more than 262144" in plan(world).stand.reason
    chosen = plan(world, SIZE, EXCLUDE)
    assert chosen.stand.verdict is Verdict.NEEDS_CHOICE
    assert "--input luns=LUN,LUN" in chosen.stand.next_step
    assert plan(world, SIZE, {**EXCLUDE, "luns": "0"}).stand.verdict is Verdict.NEEDS_CHOICE
    assert plan(world, SIZE, {**EXCLUDE, "luns": "9,10"}).stand.verdict is Verdict.PLANNED


@pytest.mark.parametrize("luns", ["7", "-1", "two"])
def test_luns_that_no_data_disk_has_are_refused(drill, luns):
    with pytest.raises(UsageError, match="luns"):
        plan(drill("disk-too-large"), SIZE, {**EXCLUDE, "luns": luns})


@pytest.mark.parametrize("change", ["detach", "shrink"])
def test_a_disk_that_is_not_too_large_any_more_is_just_backed_up(drill, change):
    world = drill("disk-too-large")
    vm = machine(world)
    (large,) = (disk for disk in vm.data_disks if disk.lun == 2)
    if change == "detach":
        vm.data_disks.remove(large)
    else:
        large.size_gb = 32767
    assert world.repair(Accepted(yes=True), SIZE, EXCLUDE).stand.verdict is Verdict.FIXED
    assert len(world.effects) == 1


def test_a_vm_without_backup_is_told_how_to_enable_it_without_the_disk(drill):
    world = drill("disk-too-large-unprotected")
    report = plan(world)
    assert "web-01-data-2 (LUN 2) has 40960 GiB" in report.stand.reason
    assert "--disk-list-setting exclude --diskslist 2" in report.stand.next_step
    machine(world).data_disks.pop()
    report = plan(world)
    assert report.stand.verdict is Verdict.NEEDS_HUMAN
    assert report.stand.next_step.startswith("Enable backup: az backup protection enable-for-vm")


def test_a_vm_that_is_gone_is_refused(drill):
    world = drill("disk-too-large-unprotected")
    del world.simulator.world.compute.vms[world.vm_id.lower()]
    assert plan(world).stand.verdict is Verdict.REFUSED


def test_a_disk_excluded_after_the_plan_was_approved_is_not_excluded_again(drill):
    world = drill("disk-too-large")
    digest = plan(world, SIZE, EXCLUDE).plan.digest
    item(world).luns = (2,)
    report = world.repair(Accepted(approve=digest), SIZE, EXCLUDE)
    assert report.stand.verdict is Verdict.REFUSED, report.stand
    assert not [one for one in world.effects if one.startswith("PUT")]


def test_the_action_refuses_to_leave_out_disks_of_an_encrypted_vm_under_a_standard_policy(drill):
    world = drill("disk-encrypted-too-large")
    with pytest.raises(UsageError, match="Standard policy"):
        world.remediation(read_only=True).plan("action:exclude_disks", world.vm(), {"luns": "2"})


def test_a_standard_ssd_that_is_refused_again_is_a_case_for_support(drill):
    world = drill("standard-ssd-refused")
    assert world.repair(Accepted(yes=True), SSD).stand.verdict is Verdict.NOT_FIXED
    report = plan(world, SSD)
    assert report.stand.verdict is Verdict.NEEDS_HUMAN
    assert "activity id" in report.stand.next_step
    assert findings(report)["Standard SSD"].startswith("web-01-data-2 (LUN 2) has 256 GiB of 32768 GiB, StandardSSD")
    item(world).obstacles.clear()
    assert world.repair(Accepted(yes=True), SSD, {"choose": "back-up"}).stand.verdict is Verdict.FIXED


def test_an_unprotected_vm_with_a_standard_ssd_is_told_to_enable_backup(drill):
    world = drill("unprotected")
    report = plan(world, SSD)
    assert report.stand.verdict is Verdict.NEEDS_HUMAN
    assert "enable-for-vm" in report.stand.next_step
    assert findings(report)["Standard SSD"] == "no disk that is backed up is one"


def test_the_room_that_a_copy_of_premium_disks_needs_is_said_exactly(drill):
    report = plan(drill("premium-account-full"), QUOTA)
    assert "premiumweu (Premium_LRS) holds web-01-os, web-01-data-0, web-01-data-2" in report.stand.reason
    assert "Keep 1182 GiB free" in report.stand.next_step
    assert "az vm convert --resource-group rg-web --name web-01" in report.stand.next_step


def test_no_room_after_all_does_not_count_as_fixed(drill):
    world = drill("premium-account-full")
    assert world.repair(Accepted(yes=True), QUOTA, {"choose": "back-up"}).stand.verdict is Verdict.NOT_FIXED
    assert plan(world, QUOTA).stand.verdict is Verdict.NEEDS_HUMAN


@pytest.mark.parametrize("disks", ["standard", "managed"])
def test_where_nothing_is_copied_inside_an_account_it_is_just_backed_up(drill, disks):
    world = drill("premium-account-full")
    if disks == "standard":
        for account in world.simulator.world.inventory.of_type("Microsoft.Storage/storageAccounts"):
            account.sku["name"] = "Standard_LRS"
    else:
        for disk in machine_disks(machine(world)):
            disk.id, disk.vhd = f"{world.vm_id.rpartition('/virtualMachines/')[0]}/disks/{disk.name}", ""
    report = plan(world, QUOTA)
    assert report.stand.verdict is Verdict.PLANNED
    assert [cause.standing.value for cause in report.diagnosis.causes] == ["ruled out"]


def test_an_account_of_another_subscription_may_be_the_one_that_is_full(drill):
    world = drill("premium-account-full")
    world.simulator.world.inventory.resources.clear()
    report = plan(world, QUOTA)
    assert report.stand.verdict is Verdict.NEEDS_HUMAN
    assert "not seen in this subscription" in report.stand.reason
