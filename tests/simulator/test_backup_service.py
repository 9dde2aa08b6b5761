"""The backup service acting by itself on the virtual clock."""

from __future__ import annotations

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError
from backup_wire import azure

LIMIT = "UserErrorRpCollectionLimitReached"


def test_a_healthy_vm_is_backed_up_every_night_and_its_expired_restore_points_go():
    with azure("healthy") as az:
        az.advance(days=10)
        jobs = az.jobs("operation eq 'Backup' and startTime eq '2026-03-02 03:00:00 AM'")
        assert [job.properties.status for job in jobs] == ["Completed"] * 10
        assert len(az.restore_points) <= 4
        times = [point.properties.recovery_point_time for point in az.recovery_points()]
        assert max(times) - min(times) <= (az.world.clock.now - min(times))
        assert len(times) <= 31


def test_under_a_lock_nothing_gets_better_by_waiting():
    with azure() as az:
        az.advance(days=7)
        assert len(az.restore_points) == 18
        assert {job.properties.status for job in az.jobs("startTime eq '2026-03-02 03:00:00 AM'")} == {"Failed"}


def test_without_a_backup_the_removal_of_the_lock_alone_cleans_nothing_up():
    with azure() as az:
        az.unlock()
        az.advance(hours=20)
        assert len(az.restore_points) == 18


def test_after_the_lock_the_first_backup_fails_the_clean_up_takes_hours_and_then_a_backup_succeeds():
    with azure() as az:
        az.unlock()
        assert az.code_of(az.back_up()) == LIMIT
        assert len(az.restore_points) == 18
        az.advance(hours=2)
        assert az.code_of(az.back_up()) == LIMIT
        az.advance(hours=1)
        assert len(az.restore_points) == 1
        assert az.back_up().status == "Completed"
        assert len(az.restore_points) == 2


def test_after_the_lock_the_next_scheduled_backups_repair_it_too():
    with azure() as az:
        az.unlock()
        az.advance(days=2)
        newest, before = az.jobs()[:2]
        assert (newest.properties.status, before.properties.status) == ("Completed", "Failed")


def test_a_lock_put_back_during_the_clean_up_stops_it():
    with azure() as az:
        lock = next(iter(az.world.authorization.locks.values()))
        az.unlock()
        az.back_up()
        az.world.authorization.add_lock(lock.scope, lock.name, lock.level)
        az.advance(hours=4)
        assert len(az.restore_points) == 18


def test_a_backup_under_the_lock_starts_no_clean_up_for_later():
    with azure() as az:
        az.back_up()
        az.unlock()
        az.advance(hours=4)
        assert len(az.restore_points) == 18


def test_the_clean_up_keeps_points_whose_data_is_not_in_the_vault():
    with azure("rp-collection-limit-snapshot-only") as az:
        az.item.clean_up_broken = False
        az.unlock()
        az.back_up()
        az.advance(hours=3)
        assert len(az.restore_points) == 7


def test_restore_points_deleted_by_hand_make_room_at_once():
    with azure("rp-collection-limit-cleanup-stuck") as az:
        az.unlock()
        az.back_up()
        az.advance(hours=12)
        assert len(az.restore_points) == 18
        collection = next(iter(az.world.compute.collections.values()))
        oldest = next(iter(collection.points.values()))
        az.compute.restore_points.begin_delete(collection.group, collection.name, oldest.name).result()
        assert az.back_up().status == "Completed"
        assert len(az.restore_points) == 18


def test_after_the_deletion_of_its_collection_the_next_backup_makes_a_new_one():
    with azure("rp-collection-limit-points-stuck") as az:
        az.unlock()
        [collection] = az.world.compute.collections.values()
        name = next(iter(collection.points.values())).name
        with pytest.raises(HttpResponseError, match="VMRestorePointInternalError"):
            az.compute.restore_points.begin_delete(collection.group, collection.name, name).result()
        az.compute.restore_point_collections.begin_delete(collection.group, collection.name).result()
        assert az.back_up().status == "Completed"
        [new] = az.world.compute.collections.values()
        assert new.id != collection.id
        assert new.group == "AzureBackupRG_westeurope_1"
        assert new.name.startswith("AzureBackup_web-01_")


def test_a_new_collection_goes_into_the_policys_own_group():
    with azure("rp-collection-limit-custom-group") as az:
        az.unlock()
        [collection] = az.world.compute.collections.values()
        az.compute.restore_point_collections.begin_delete(collection.group, collection.name).result()
        az.back_up()
        [new] = az.world.compute.collections.values()
        assert new.group == "contoso-snapshots-1"


def test_restore_points_of_all_collections_count():
    with azure("rp-collection-limit-two-collections") as az:
        sizes = sorted(len(collection.points) for collection in az.world.compute.collections.values())
        assert sizes == [8, 10]
        assert az.code_of(az.back_up()) == LIMIT


def test_a_read_only_lock_also_stops_new_restore_points():
    with azure("healthy") as az:
        collection = next(iter(az.world.compute.collections.values()))
        az.world.authorization.add_lock(az.world.resources.group_id(collection.group), "frozen", "ReadOnly")
        assert az.code_of(az.back_up()) == "UserErrorResourceIsInLockedState"


def test_a_read_only_lock_on_the_vaults_group_refuses_the_trigger():
    with azure("healthy") as az:
        az.world.authorization.add_lock(az.world.resources.group_id("rg-web"), "frozen", "ReadOnly")
        with pytest.raises(ResourceExistsError) as caught:
            az.trigger()
        assert caught.value.error.code == "ScopeLocked"


def test_a_vm_whose_agent_is_not_ready_fails_with_that_error_once_there_is_room():
    with azure("rp-collection-limit-other-error") as az:
        az.unlock()
        assert az.code_of(az.back_up()) == LIMIT
        az.advance(hours=3)
        assert az.code_of(az.back_up()) == "UserErrorGuestAgentStatusUnavailable"
        az.vm.agent = "Ready"
        assert az.back_up().status == "Completed"


def test_a_deallocated_vm_is_backed_up_without_its_agent():
    with azure("vm-stopped") as az:
        az.unlock()
        az.back_up()
        az.advance(hours=3)
        assert az.back_up().status == "Completed"


def test_a_failed_extension_fails_the_backup_until_it_is_removed_and_the_next_backup_installs_it_again():
    with azure("extension-failed") as az:
        assert az.compute.virtual_machines.get("rg-web", "web-01").provisioning_state == "Failed"
        assert az.code_of(az.back_up()) == "UserErrorVmProvisioningStateFailed"
        az.compute.virtual_machine_extensions.begin_delete("rg-web", "web-01", "VMSnapshotLinux").result()
        assert az.back_up().status == "Completed"
        extension = az.compute.virtual_machine_extensions.get("rg-web", "web-01", "VMSnapshotLinux")
        assert extension.provisioning_state == "Succeeded"
        assert extension.publisher == "Microsoft.Azure.RecoveryServices"


def test_a_deleted_vm_fails_its_backups_and_keeps_its_recovery_points():
    with azure("vm-deleted") as az:
        assert az.code_of(az.back_up()) == "BCMV2VMNotFound"
        assert len(az.recovery_points()) == 22


def test_a_running_backup_ends_by_itself_with_the_error():
    with azure("rp-collection-limit-job-running") as az:
        [running] = az.jobs("status eq 'InProgress'")
        assert az.trigger().error.code == "UserErrorBackupOperationInProgress"
        az.advance(minutes=40)
        assert az.code_of(az.job(running.name)) == LIMIT


def test_a_running_restore_does_not_hinder_a_backup_and_ends_well():
    with azure("rp-collection-limit-restore-running") as az:
        [running] = az.jobs("operation eq 'Restore' and status eq 'InProgress'")
        assert az.trigger().status == "Succeeded"
        az.advance(hours=2)
        assert az.job(running.name).status == "Completed"


def test_with_several_backups_a_day_the_clean_up_takes_what_has_expired():
    with azure("rp-collection-limit-no-lock") as az:
        assert az.code_of(az.back_up()) == LIMIT
        az.advance(hours=3)
        assert 0 < 18 - len(az.restore_points) < 6
        assert az.back_up().status == "Completed"


def test_a_drill_tells_what_the_service_holds():
    with azure() as az:
        [told] = az.world.recoveryservices.describe()
        [item] = told["items"]
        assert item["state"] == "Protected"
        assert len(item["recovery_points"]) == 23
        assert told["jobs"][-1]["error"] == LIMIT
