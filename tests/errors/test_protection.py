"""What the cases of the family protection cannot say: what is not proven, what is asked, and what is taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from arm.clouds import CLOUDS
from arm.errors import Forbidden, UsageError
from arm.facts.collect import VmFacts
from arm.facts.graph import VmReference
from remediate.engine.model import Verdict
from remediate.remediation import Accepted
from runbooks.model import Situation
from runbooks.registry import find
from simulator.services.inventory.keyvault import BACKUP_OBJECT_ID

GONE, INACTIVE = "BCMV2VMNotFound", "UserErrorBcmDatasourceNotPresent"
KEY_VAULT, WRAPPER = "UserErrorKeyVaultPermissionsNotConfigured", "UserErrorCrpReportedUserError"
STOP = {"choose": "stop-protection"}
PRINCIPAL = {"principal-id": BACKUP_OBJECT_ID}


def plan(world, code, arguments=None):
    return world.remediation(read_only=True).plan(code, world.vm(), arguments or {})


def approved(world, code, arguments=None):
    digest = plan(world, code, arguments).plan.digest
    return world.repair(Accepted(approve=digest), code, arguments)


def findings(report):
    return {finding.label: finding.value for finding in report.diagnosis.findings}


@pytest.mark.parametrize("arguments", [{}, STOP])
@pytest.mark.parametrize("denied", ["/permissions", None])
def test_what_this_identity_cannot_see_is_not_taken_for_gone(drill, arguments, denied):
    world = drill("vm-deleted")
    if denied:
        world.fault("deny", path=denied, times=None)
    else:
        allowed = {"Microsoft.Authorization/*", "Microsoft.RecoveryServices/*", "Microsoft.Compute/restore*/read"}
        world.simulator.world.authorization.granted = allowed
        world.fault("status", status=404, code="ResourceNotFound", path="/virtualMachines/web-01$", times=None)
    report = plan(world, GONE, arguments)
    assert (report.stand.verdict, report.stand.refusal.guard) == (Verdict.REFUSED, "diagnosis")
    assert "not proven that the VM is gone" in report.stand.reason
    assert not [cause for cause in report.diagnosis.causes if cause.standing.value == "found"]
    assert world.writes == []


def test_what_cannot_be_read_at_all_is_an_error_and_no_deletion(drill):
    world = drill("vm-deleted")
    world.simulator.world.authorization.denied = {"Microsoft.Compute/virtualMachines/read"}
    with pytest.raises(Forbidden, match="virtualMachines/read"):
        plan(world, GONE)
    assert world.writes == []


def test_a_vm_that_was_moved_is_never_stopped_whatever_is_chosen(drill):
    world = drill("vm-moved")
    report = plan(world, GONE, STOP)
    assert report.stand.verdict is Verdict.NEEDS_HUMAN
    assert "rg-new" in report.stand.reason
    assert "enable-for-vm" in report.stand.next_step


def test_a_machine_that_resource_graph_still_shows_but_is_gone_is_no_sighting(drill):
    world = drill("vm-perhaps-moved")
    world.fault("status", status=404, code="ResourceNotFound", path="rg-shop/.*/virtualMachines/web-01$", times=None)
    assert plan(world, GONE).stand.verdict is Verdict.PLANNED


def test_a_vm_that_comes_back_before_its_protection_is_stopped_keeps_it(drill):
    world = drill("vm-deleted")
    digest = plan(world, GONE).plan.digest
    world.simulator.world.compute.add_vm("web-01", "rg-web")
    report = world.repair(Accepted(approve=digest), GONE)
    assert report.stand.verdict is Verdict.REFUSED
    assert "something has changed since" in report.stand.reason
    assert world.writes == []


def test_a_proof_that_does_not_hold_any_more_ends_the_run(drill):
    world = drill("vm-deleted")
    facts = VmFacts(world.session(read_only=True), VmReference(world.vm_id))
    assert facts.vm_or_none() is None
    stop = find(GONE).step("stop_protection")
    assert next(iter(stop.effects(Situation.at_first(facts)))).operation == "protected_items.stop"
    old = world.simulator.world.compute.collections
    unique = next(point.vm_unique_id for one in old.values() for point in one.points.values())
    world.simulator.world.compute.add_vm("web-01", "rg-new", vm_id=unique)
    facts.refresh()
    assert "may have been moved" in next(iter(stop.effects(Situation.at_first(facts)))).reason


def test_a_vm_that_is_gone_without_a_failed_backup_is_for_a_human(drill):
    world = drill("healthy")
    del world.simulator.world.compute.vms[world.vm_id.lower()]
    report = plan(world, GONE)
    assert report.stand.verdict is Verdict.NEEDS_HUMAN
    assert "stop_protection_retain_data" in report.stand.next_step


def test_a_vm_that_is_gone_and_was_never_protected_has_nothing_to_stop(drill):
    world = drill("unprotected")
    del world.simulator.world.compute.vms[world.vm_id.lower()]
    assert plan(world, GONE).stand.verdict is Verdict.REFUSED


def test_a_vm_that_is_gone_and_failed_otherwise_before_is_refused(drill):
    world = drill("rp-collection-limit")
    del world.simulator.world.compute.vms[world.vm_id.lower()]
    report = plan(world, GONE)
    assert report.stand.verdict is Verdict.REFUSED
    assert "UserErrorRpCollectionLimitReached" in report.stand.reason


@pytest.mark.parametrize(
    ("scenario", "verdict", "says"),
    [
        ("healthy", Verdict.NOTHING_TO_DO, "the VM exists"),
        ("protection-stopped", Verdict.NEEDS_HUMAN, "UserErrorBcmDatasourceNotPresent"),
        ("protection-deleted", Verdict.NEEDS_HUMAN, "UserErrorBcmDatasourceNotPresent"),
        ("unprotected", Verdict.NEEDS_HUMAN, "enable-for-vm"),
        ("rp-collection-limit", Verdict.REFUSED, "remediate UserErrorRpCollectionLimitReached"),
    ],
)
def test_a_vm_that_exists_is_never_stopped(drill, scenario, verdict, says):
    report = plan(drill(scenario), GONE, STOP)
    assert report.stand.verdict is verdict
    assert says in f"{report.stand.reason} {report.stand.next_step}"


def test_in_an_immutable_vault_backups_of_a_vm_that_is_gone_are_suspended(drill):
    world = drill("vm-deleted-immutable")
    assert approved(world, GONE).stand.verdict is Verdict.APPLIED
    assert world.facts().item().state == "BackupsSuspended"
    assert len(world.facts().recovery_points()) == 22


def test_resuming_shows_what_the_policy_lets_expire(drill):
    report = plan(drill("protection-deleted"), INACTIVE, {"policy": "daily"})
    assert findings(report)["policy"] == "daily (daily points are kept 15 days)"
    assert "of 10 recovery points are older" in findings(report)["recovery points that expire on resuming"]


def test_without_a_known_policy_the_operator_is_asked_which(drill):
    report = plan(drill("protection-stopped"), INACTIVE)
    assert report.stand.verdict is Verdict.NEEDS_CHOICE
    assert "--input policy=NAME" in report.stand.next_step
    assert "daily (daily points are kept 30 days)" in report.stand.next_step


def test_a_policy_that_the_vault_has_not_is_answered_with_those_it_has(drill):
    with pytest.raises(UsageError, match="no policy 'weekly'") as caught:
        plan(drill("protection-stopped"), INACTIVE, {"policy": "weekly"})
    assert caught.value.candidates == ("daily",)


@pytest.mark.parametrize(
    ("scenario", "verdict", "says"),
    [
        ("healthy", Verdict.NOTHING_TO_DO, "protected in vault vault-weu"),
        ("unprotected", Verdict.NEEDS_HUMAN, "enable-for-vm"),
        ("vm-deleted", Verdict.REFUSED, "remediate BCMV2VMNotFound"),
        ("rp-collection-limit", Verdict.REFUSED, "remediate UserErrorRpCollectionLimitReached"),
    ],
)
def test_what_is_active_or_no_case_of_it_is_not_resumed(drill, scenario, verdict, says):
    world = drill(scenario)
    report = plan(world, INACTIVE)
    assert report.stand.verdict is verdict
    assert says in f"{report.stand.reason} {report.stand.next_step}"


def test_an_item_whose_set_up_has_failed_is_for_a_human(drill):
    world = drill("protection-resumed")
    (vault,) = world.simulator.world.recoveryservices.vaults.values()
    next(iter(vault.items.values())).state = "Invalid"
    assert plan(world, INACTIVE).stand.verdict is Verdict.NEEDS_HUMAN


def granted(world):
    vault = next(one for one in world.simulator.world.inventory.resources.values() if one.name == "kv-web")
    return {entry["objectId"]: entry["permissions"] for entry in vault.properties["accessPolicies"]}


def repaired(world, arguments):
    """Carry the chain out to its end; a permission is given time to spread in between."""
    report = approved(world, KEY_VAULT, arguments)
    assert report.stand.verdict is Verdict.PENDING
    world.pass_time(timedelta(minutes=11))
    return world.resume(report.run.id)


def test_a_grant_adds_what_is_missing_and_its_undo_takes_exactly_that_away(drill):
    world = drill("key-vault-half-granted")
    before = granted(world)
    report = repaired(world, PRINCIPAL)
    assert report.stand.verdict is Verdict.FIXED
    assert granted(world)[BACKUP_OBJECT_ID]["keys"] == ["get", "list", "backup"]
    undo = world.remediation().undo(report.run.id, accepted=Accepted(yes=True))
    assert undo.stand.verdict is Verdict.NEEDS_APPROVAL
    undo = world.remediation().undo(report.run.id, accepted=Accepted(approve=undo.plan.digest))
    assert undo.stand.verdict is Verdict.APPLIED
    assert granted(world) == before
    again = world.remediation().undo(report.run.id, accepted=Accepted(yes=True))
    assert again.stand.verdict is Verdict.NOTHING_TO_DO


def test_a_role_that_was_given_is_taken_away_by_undo(drill):
    world = drill("key-vault-roles")
    roles = world.simulator.world.authorization.roles
    before = set(roles.assignments)
    report = repaired(world, PRINCIPAL)
    assert len(roles.assignments) == len(before) + 1
    undo = world.remediation().undo(report.run.id, accepted=Accepted(yes=True))
    undo = world.remediation().undo(report.run.id, accepted=Accepted(approve=undo.plan.digest))
    assert (undo.stand.verdict, set(roles.assignments)) == (Verdict.APPLIED, before)
    again = world.remediation().undo(report.run.id, accepted=Accepted(yes=True))
    assert again.stand.verdict is Verdict.NOTHING_TO_DO


def test_a_back_up_can_be_chosen_where_somebody_has_every_permission_already(drill):
    world = drill("key-vault-granted")
    asked = plan(world, KEY_VAULT)
    assert asked.stand.verdict is Verdict.NEEDS_CHOICE
    assert f"If it is {BACKUP_OBJECT_ID} in kv-web" in asked.stand.next_step
    report = plan(world, KEY_VAULT, {"choose": "back-up"})
    assert [change.operation for change in report.plan.changes] == ["backups.trigger"]


@pytest.mark.parametrize(
    ("cloud", "look_up"),
    [
        ("public", "az ad sp show --id 262044b1-e2ce-469f-a196-69ab7ada62d3"),
        ("usgovernment", "az ad sp show --id ff281ffe-705c-4f53-9f37-a40e6f2c68f3"),
        ("china", 'az ad sp list --display-name "Backup Management Service"'),
    ],
)
def test_who_the_service_is_in_this_tenant_is_asked_and_never_guessed(drill, cloud, look_up):
    world = drill("key-vault-policy")
    session = world.session(read_only=True)
    session.cloud = CLOUDS[cloud]
    facts = VmFacts(session, world.vm())
    facts.vm()
    found = find(KEY_VAULT).diagnose(Situation.at_first(facts))
    assert look_up in found.next_step


def test_what_is_no_object_id_is_refused(drill):
    with pytest.raises(UsageError, match="no object id"):
        plan(drill("key-vault-policy"), KEY_VAULT, {"principal-id": "Backup Management Service"})


def test_a_key_vault_that_is_gone_is_for_a_human(drill):
    world = drill("key-vault-policy")
    world.simulator.world.inventory.remove(f"{world.vm_id.split('/Microsoft.Compute')[0].lower()}/microsoft.keyvault/")
    report = plan(world, KEY_VAULT, PRINCIPAL)
    assert report.stand.verdict is Verdict.NEEDS_HUMAN
    assert "az keyvault recover --name kv-web" in report.stand.next_step


def test_disks_without_keys_in_a_key_vault_are_for_a_human(drill):
    world = drill("key-vault-policy")
    vm = world.simulator.world.compute.vms[world.vm_id.lower()]
    for disk in (vm.os_disk, *vm.data_disks):
        disk.properties.pop("encryptionSettingsCollection")
    assert plan(world, KEY_VAULT, PRINCIPAL).stand.verdict is Verdict.NEEDS_HUMAN


def test_the_errors_runbook_is_named_for_what_a_wrapper_holds(drill):
    world = drill("crp-wrapped-limit")
    report = plan(world, WRAPPER)
    assert f"remediate UserErrorRpCollectionLimitReached --vm {world.vm_id}" in report.stand.next_step
    assert plan(world, "UserErrorRpCollectionLimitReached").stand.verdict is Verdict.PLANNED


def test_an_unknown_inner_error_is_given_in_the_jobs_own_words_with_what_support_asks_for(drill):
    report = plan(drill("crp-wrapped-unknown"), WRAPPER)
    assert "DiskLedgerMismatch" in findings(report)["the job's own words"]
    assert findings(report)["activity id"] in report.stand.next_step
    assert "restorePoints/write Failed" in findings(report)["activity log"]


@pytest.mark.parametrize(
    ("scenario", "verdict"),
    [
        ("healthy", Verdict.NOTHING_TO_DO),
        ("unprotected", Verdict.REFUSED),
        ("vm-deleted", Verdict.REFUSED),
        ("rp-collection-limit", Verdict.REFUSED),
    ],
)
def test_what_is_no_wrapper_is_not_taken_for_one(drill, scenario, verdict):
    assert plan(drill(scenario), WRAPPER).stand.verdict is verdict
