"""The facts of a VM, read from a simulated Azure over a real socket."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from arm.errors import AzureError, BadResponse, NotFound
from arm.facts.backup import Job, RecoveryPoint, parse_job, read_item, read_jobs, read_policy, read_protection, vault_of
from arm.facts.collect import VmFacts
from arm.facts.compute import Extension, read_collection, read_vm
from arm.facts.graph import VmReference
from arm.facts.locks import Lock, read_lock
from arm.ids import covers, same

VAULT = "/subscriptions/s/resourceGroups/g/providers/Microsoft.RecoveryServices/vaults/v"


def lock(level: str, scope: str = "/subscriptions/s/resourceGroups/rg") -> Lock:
    return Lock(f"{scope}/providers/Microsoft.Authorization/locks/x", "x", level, None, ())


def reads(world) -> int:
    return len(world.simulator.requests)


def test_a_machine_is_read_with_its_instance_view(drill):
    world = drill("vm-stopped")
    vm = world.facts().vm()
    assert (vm.name, vm.os_type, vm.location) == ("web-01", "Linux", "westeurope")
    assert (vm.power_state, vm.tags["env"]) == ("deallocated", "prod")
    assert same(vm.id, world.vm_id)


def test_what_azure_does_not_say_of_a_machine_is_unknown_and_no_error(azure, session_at):
    vm_id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v"
    azure.says({"id": vm_id})
    vm = read_vm(session_at(azure.endpoint), vm_id)
    assert (vm.name, vm.power_state, vm.agent_status, dict(vm.tags)) == ("v", "unknown", "", {})


def test_an_answer_about_another_machine_is_not_taken_for_an_answer(azure, session_at):
    vm_id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v"
    azure.says({"id": vm_id + "2", "name": "v2"})
    with pytest.raises(BadResponse, match="the answer is about"):
        read_vm(session_at(azure.endpoint), vm_id)


def test_an_answer_of_a_shape_that_nobody_documented_is_told_and_no_crash(azure, session_at):
    vm_id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v"
    azure.says({"value": [{"properties": {"source": {"id": vm_id}}}]})
    with pytest.raises(BadResponse, match="about collections is not of the documented shape"):
        VmFacts(session_at(azure.endpoint), VmReference(vm_id)).collections()


def test_a_machine_that_is_running_with_a_ready_agent_says_so(drill):
    vm = drill().facts().vm()
    assert (vm.power_state, vm.agent_status) == ("running", "Ready")


def test_the_backup_extension_is_told_by_publisher_and_type_and_not_by_its_name(drill):
    (extension,) = drill("extension-failed").facts().extensions()
    assert extension.is_vmsnapshot
    assert extension.provisioning_state == "Failed"
    named = Extension("id", "VMSnapshotLinux", "Contoso", "VMSnapshotLinux", "Succeeded")
    other = Extension("id", "MyBackup", "MICROSOFT.AZURE.RECOVERYSERVICES", "vmsnapshot", "Succeeded")
    assert not named.is_vmsnapshot
    assert other.is_vmsnapshot


def test_collections_are_found_by_the_vm_they_were_made_from_over_all_groups(drill):
    first, second = drill("rp-collection-limit-two-collections").facts().collections()
    assert {first.group, second.group} == {"AzureBackupRG_westeurope_1", "AzureBackupRG_westeurope_2"}
    assert len(first.points) + len(second.points) == 18


def test_a_collection_gives_its_restore_points_oldest_first(drill):
    (collection,) = drill().facts().collections()
    times = [point.created for point in collection.points]
    assert times == sorted(times)
    assert len(times) == 18
    assert collection.made_by_backup
    assert {point.provisioning_state for point in collection.points} == {"Succeeded"}


def test_a_restore_point_without_a_time_comes_last(azure, session_at):
    points = [
        {"name": "b", "properties": {}},
        {"name": "c", "properties": {"timeCreated": "2026-01-02T00:00:00Z"}},
        {"name": "d", "properties": {"timeCreated": "2026-01-01T00:00:00Z"}},
    ]
    azure.says({"properties": {"restorePoints": [*points, {"name": "a"}]}})
    one = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/restorePointCollections/c"
    found = read_collection(session_at(azure.endpoint), one)
    assert [point.name for point in found.points] == ["d", "c", "a", "b"]
    assert (found.name, found.group) == ("c", "g")


def test_a_collection_somebody_made_by_hand_is_known_as_such(drill):
    made = {one.name: one.made_by_backup for one in drill("rp-collection-limit-user-collection").facts().collections()}
    assert sorted(made.values()) == [False, True]
    assert made["my-golden-images"] is False


def test_another_vm_of_the_same_name_has_its_own_collections_and_jobs(drill):
    world = drill("duplicate-name")
    other = VmFacts(world.session(), type(world.vm())(world.vm_id.replace("rg-web", "rg-shop")))
    ours = world.facts()
    assert {one.source_id for one in ours.collections()} == {world.vm_id}
    assert not {one.id for one in ours.collections()} & {one.id for one in other.collections()}
    assert len(ours.collections()[0].points) == 18
    assert ours.last_failed_job() is not None
    assert other.last_failed_job() is None
    assert not {job.id for job in ours.recent_jobs()} & {job.id for job in other.recent_jobs()}


def test_a_machine_recreated_under_its_name_has_another_unique_id_than_its_old_restore_points(drill):
    facts = drill("rp-collection-limit-recreated-vm").facts()
    (collection,) = facts.collections()
    assert {point.vm_unique_id for point in collection.points} != {facts.vm().unique_id}


def test_a_deleted_machine_is_found_in_its_vault_all_the_same(drill):
    world = drill("vm-deleted")
    facts = world.facts()
    assert facts.vm_or_none() is None
    with pytest.raises(NotFound):
        facts.vm()
    assert same(facts.item().source_resource_id, world.vm_id)
    assert facts.recovery_points()
    assert len(facts.collections()) == 1


def test_a_deleted_machine_that_no_vault_knows_is_not_protected(drill):
    world = drill("unprotected")
    world.simulator.world.compute.vms.clear()
    facts = world.facts()
    assert facts.protection().item_id == ""
    assert facts.item() is None


def test_a_machine_without_backup_has_no_facts_about_it_and_nothing_is_asked_in_vain(drill):
    world = drill("unprotected")
    facts = world.facts()
    assert facts.protection().vault_id == ""
    asked = reads(world)
    assert (facts.item(), facts.policy(), facts.last_failed_job()) == (None, None, None)
    assert facts.running_jobs() == facts.recent_jobs() == facts.recovery_points() == facts.resource_guards() == ()
    assert reads(world) == asked


def test_a_stopped_item_has_no_policy(drill):
    facts = drill("protection-stopped").facts()
    assert facts.item().state == "ProtectionStopped"
    assert facts.policy() is None


def test_the_groups_of_the_service_are_known_by_name_and_by_the_policys_own_prefix(drill):
    facts = drill("rp-collection-limit-custom-group").facts()
    assert facts.made_by_backup("AzureBackupRG_westeurope_1")
    assert facts.made_by_backup("AZUREBACKUPRG_WestEurope_12")
    assert facts.made_by_backup("Contoso-Snapshots-1")
    assert not facts.made_by_backup("contoso-snapshots-")
    assert not facts.made_by_backup("contoso-snapshots-1-mine")
    assert not facts.made_by_backup("rg-web")


def test_a_group_is_not_the_services_only_because_its_name_begins_like_one(drill):
    facts = drill().facts()
    assert not facts.made_by_backup("AzureBackupRG_westeurope_1_mine")
    assert not facts.made_by_backup("AzureBackupRG_westeurope")
    assert not facts.made_by_backup("rg-AzureBackupRG_westeurope_1")


def test_a_vm_without_policy_has_only_the_services_own_groups(drill):
    facts = drill("protection-stopped").facts()
    assert facts.made_by_backup("AzureBackupRG_westeurope_1")
    assert not facts.made_by_backup("contoso-snapshots-1")


def test_the_last_failed_job_tells_its_error_and_the_symbolic_code(drill):
    job = drill().facts().last_failed_job()
    assert (job.operation, job.status, job.running) == ("Backup", "Failed", False)
    assert job.errors[0].title or job.errors[0].text
    assert "UserErrorRpCollectionLimitReached" in job.dynamic_message
    assert job.started < job.ended


def test_a_failure_of_last_week_is_found_too(drill):
    world = drill()
    services = world.simulator.world.recoveryservices
    services.service.unschedule(services.item_of(world.vm_id))
    world.pass_time(timedelta(days=6))
    facts = world.facts()
    assert facts.recent_jobs() == ()
    assert facts.last_failed_job().errors
    world.pass_time(timedelta(days=30))
    assert world.facts().last_failed_job() is None


def test_a_running_job_is_in_progress_however_old(drill):
    world = drill("rp-collection-limit-restore-running")
    (job,) = world.facts().running_jobs()
    assert (job.operation, job.running) == ("Restore", True)
    assert job.started < world.simulator.world.clock.now


def test_the_newest_job_comes_first(drill):
    jobs = drill().facts().recent_jobs()
    assert [job.started for job in jobs] == sorted((job.started for job in jobs), reverse=True)


def test_a_recovery_point_counts_as_in_the_vault_only_with_a_valid_copy_there(drill):
    facts = drill("rp-collection-limit-snapshot-only").facts()
    assert [point.in_vault for point in facts.recovery_points()].count(False) == 6
    assert RecoveryPoint("i", "n", None, (("ArchivedRP", "Valid"),)).in_vault
    assert not RecoveryPoint("i", "n", None, (("HardenedRP", "Deleted"), ("InstantRP", "Valid"))).in_vault
    assert not RecoveryPoint("i", "n", None, ()).in_vault


@pytest.mark.parametrize(
    ("answer", "protected"),
    [
        ({"protectionStatus": "Protected"}, True),
        ({"protectionStatus": "ProtectionFailed"}, True),
        ({"protectionStatus": "NOTPROTECTED"}, False),
        ({"vaultId": ""}, False),
        ({"fabricName": None}, False),
        ({"protectedItemName": ""}, False),
    ],
)
def test_a_machine_is_protected_only_where_azure_names_vault_and_item(azure, session_at, answer, protected):
    names = {"vaultId": VAULT, "fabricName": "Azure", "containerName": "c", "protectedItemName": "i"}
    azure.says({**names, **answer})
    vm_id = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v"
    found = read_protection(session_at(azure.endpoint), vm_id, "westeurope")
    item = f"{VAULT}/backupFabrics/Azure/protectionContainers/c/protectedItems/i"
    assert (found.vault_id, found.item_id) == ((VAULT, item) if protected else ("", ""))


def test_an_item_is_read_from_the_older_form_of_its_answer_too(azure, session_at):
    azure.says({"id": "/i", "properties": {"virtualMachineId": "/vm", "lastBackupStatus": "Failed"}})
    azure.says({"properties": {"sourceResourceId": "/new", "virtualMachineId": "/old"}})
    session = session_at(azure.endpoint)
    first, second = read_item(session, "/asked"), read_item(session, "/asked")
    assert (first.id, first.source_resource_id, first.last_backup_status) == ("/i", "/vm", "Failed")
    assert (second.id, second.source_resource_id, second.last_backup_status) == ("/asked", "/new", "")


@pytest.mark.parametrize("prefix", ["", "IaasVMContainer;", "IAASVMCONTAINER;"])
def test_a_job_is_told_to_be_ours_however_its_container_is_written(azure, session_at, prefix):
    item = (
        f"{VAULT}/backupFabrics/Azure/protectionContainers/IaasVMContainer;iaasvmcontainerv2;RG;vm/protectedItems/VM;x"
    )
    names = [f"{prefix}IaasVMContainerV2;rg;VM", f"{prefix}iaasvmcontainerv2;rg;vm2", "", None]
    azure.says({"value": [{"name": str(name), "properties": {"containerName": name}} for name in names]})
    assert [job.name for job in read_jobs(session_at(azure.endpoint), item)] == [names[0]]


def test_jobs_are_narrowed_by_time_only_when_both_ends_are_given(azure, session_at):
    azure.says({"value": []})
    session, at = session_at(azure.endpoint), datetime(2026, 3, 2, 15, tzinfo=timezone.utc)
    item = f"{VAULT}/backupFabrics/Azure/protectionContainers/c/protectedItems/i"
    read_jobs(session, item, since=at)
    read_jobs(session, item, until=at)
    read_jobs(session, item, since=at, until=at)
    assert ["startTime" in path for _, path, _ in azure.asked] == [False, False, True]


def test_azures_never_is_no_time_of_a_job():
    job = parse_job({"properties": {"startTime": "0001-01-01T00:00:00Z", "endTime": None, "errorDetails": None}})
    assert (job.started, job.ended, job.errors, job.running) == (None, None, (), False)


def test_a_job_error_without_a_number_keeps_its_texts():
    entry = {"errorDetails": [{"errorCode": "n/a", "errorString": "text", "recommendations": ["do"]}, {}]}
    first, second = parse_job({"properties": entry}).errors
    assert (first.code, first.text, first.recommendations) == (None, "text", ("do",))
    assert (second.title, second.text, second.recommendations) == ("", "", ())


@pytest.mark.parametrize(("status", "running"), [("InProgress", True), ("Cancelling", True), ("Completed", False)])
def test_a_job_runs_until_it_has_ended(status, running):
    assert Job("i", "n", "Backup", status, None, None, False, (), "").running is running


def test_the_resource_guard_of_a_vault_is_seen_with_what_it_protects(drill):
    (guard,) = drill("rp-collection-limit-resource-guard").facts().resource_guards()
    assert guard.operations
    assert "backupResourceGuardProxies" in guard.proxy_id
    assert drill().facts().resource_guards() == ()


def test_the_immutability_of_a_vault_is_seen(drill):
    assert drill("rp-collection-limit-immutable").facts().immutability() == "Locked"
    assert drill().facts().immutability() == "Disabled"


def test_the_policy_tells_where_restore_points_are_kept(drill):
    policy = drill("rp-collection-limit-custom-group").facts().policy()
    assert (policy.name, policy.group_prefix) == ("daily", "contoso-snapshots-")
    assert isinstance(policy.instant_retention_days, int)


def test_the_vault_of_an_item_is_found_in_any_case():
    vault = "/subscriptions/s/resourceGroups/g/providers/Microsoft.RecoveryServices/vaults/v"
    assert vault_of(f"{vault}/BACKUPFABRICS/Azure/x") == vault


def test_every_lock_of_the_subscription_is_read_and_those_in_the_way_are_told(drill):
    world = drill("rp-collection-limit-two-locks")
    facts = world.facts()
    assert len(facts.locks()) == 2
    (collection,) = facts.collections()
    assert len(facts.locks_in_the_way("DELETE", collection.id)) == 2
    assert [one.on_subscription for one in facts.locks_in_the_way("DELETE", world.vm_id)] == [True]
    assert facts.locks_in_the_way("POST", world.vm_id) == ()


@pytest.mark.parametrize(
    ("level", "refused"),
    [
        ("CanNotDelete", "DELETE"),
        ("cannotdelete", "DELETE"),
        ("ReadOnly", "DELETE PUT PATCH POST"),
        ("NotSpecified", ""),
    ],
)
def test_a_lock_refuses_what_its_level_says_at_and_below_its_scope(level, refused):
    one = lock(level)
    below = one.scope + "/providers/Microsoft.Compute/virtualMachines/vm"
    for method in ("GET", "DELETE", "PUT", "PATCH", "POST"):
        assert one.blocks(method, below) is (method in refused.split())
        assert not one.blocks(method, one.scope + "x")
    assert covers(one.scope, below)


def test_a_lock_of_a_level_that_is_new_to_us_is_respected_as_the_strictest():
    assert lock("Sealed").blocks("POST", "/subscriptions/s/resourceGroups/rg")


def test_a_lock_is_put_back_from_what_was_read_of_it(drill):
    world = drill()
    (one,) = world.facts().locks()
    known = next(iter(world.simulator.world.authorization.locks.values()))
    assert one.body() == {"properties": {"level": known.level, "notes": known.notes}}
    world.simulator.world.authorization.add_lock(known.scope, known.name, "ReadOnly", None, [{"applicationId": "a"}])
    again = read_lock(world.session(), one.id)
    assert again.body() == {"properties": {"level": "ReadOnly", "owners": [{"applicationId": "a"}]}}


def test_a_lock_that_does_not_exist_is_none(drill):
    world = drill()
    assert read_lock(world.session(), world.facts().locks()[0].id + "x") is None


def test_each_fact_is_read_once_until_it_is_asked_for_afresh(drill):
    world = drill()
    facts = world.facts()
    facts.prefetch("vm", "item", "collections", "locks", "recent_jobs", "last_failed_job")
    asked = reads(world)
    for _ in range(3):
        facts.prefetch("vm", "item", "collections", "locks", "recent_jobs", "last_failed_job")
    assert reads(world) == asked
    facts.refresh()
    facts.vm()
    assert reads(world) == asked + 1


def test_an_error_of_one_fact_shows_when_that_fact_is_asked_for_and_not_before(drill):
    world = drill()
    world.fault("status", status=400, path="/extensions$", times=None)
    facts = world.facts()
    facts.prefetch("extensions", "vm")
    assert facts.vm().name == "web-01"
    with pytest.raises(AzureError):
        facts.extensions()


def test_reading_every_fact_changes_nothing(drill):
    world = drill()
    facts = world.facts()
    facts.prefetch("vm", "extensions", "policy", "resource_guards", "immutability", "recovery_points", "running_jobs")
    assert facts.azure_now == world.simulator.world.clock.now
    assert world.writes == []


def test_an_answer_with_null_where_an_object_is_expected_is_not_a_crash(azure, session_at):
    session, one = session_at(azure.endpoint), "/subscriptions/s/resourceGroups/g/providers/A/b/c"
    azure.says({"id": one, "name": None, "properties": None, "tags": None})
    assert read_vm(session, one).power_state == "unknown"
    assert read_collection(session, one).points == ()
    assert read_item(session, one).state == ""
    assert read_policy(session, one).group_prefix == ""


@pytest.mark.unjudged("a list that holds an entry twice is wrong on purpose")
@pytest.mark.parametrize("size", [1, 50])
def test_an_entry_that_a_list_holds_twice_counts_once(drill, size):
    world = drill("rp-collection-limit-two-collections")
    world.simulator.world.page_size = size
    world.fault("page_duplicate", path="restorePointCollections$", times=None)
    assert len(world.facts().collections()) == 2
