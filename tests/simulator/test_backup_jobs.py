"""On-demand backups, jobs and recovery points on the wire."""

from __future__ import annotations

from datetime import timedelta

import pytest
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from backup_wire import ON_DEMAND, azure, raw


def test_an_on_demand_backup_of_a_healthy_vm_is_in_the_vault_after_twenty_minutes():
    with azure("healthy") as az:
        began = az.world.clock.now
        status = az.trigger()
        job = az.finished(status.properties.job_id)
        assert job.status == "Completed"
        assert job.is_user_triggered
        assert job.end_time - job.start_time == timedelta(minutes=20)
        assert job.start_time == began
        assert [task.status for task in job.extended_info.tasks_list] == ["Completed", "Completed"]
        assert job.error_details is None
        newest = az.recovery_points()[0].properties
        assert newest.recovery_point_time - job.start_time == timedelta(minutes=5)
        tiers = {tier.type: tier.status for tier in newest.recovery_point_tier_details}
        assert tiers == {"InstantRP": "Valid", "HardenedRP": "Valid"}


def test_a_recovery_point_is_instant_only_until_the_transfer_ends():
    with azure("healthy") as az:
        az.trigger()
        az.advance(minutes=10)
        newest = az.recovery_points()[0].properties
        assert [tier.type for tier in newest.recovery_point_tier_details] == ["InstantRP"]


def test_a_restore_point_bears_the_time_of_its_recovery_point():
    with azure("healthy") as az:
        az.back_up()
        newest, point = az.restore_points[-1], az.recovery_points()[0].properties
        assert newest.name == point.recovery_point_time.strftime("AzureBackup_%Y%m%d_%H%M%S")
        assert abs(newest.time_created - point.recovery_point_time) < timedelta(minutes=1)


def test_the_answer_to_a_trigger_names_status_and_result_at_the_item_with_raw_semicolons():
    with azure("healthy") as az:
        response = az.backup.backups.trigger(*az.path, ON_DEMAND, cls=raw)
        status = response.headers["Azure-AsyncOperation"]
        assert status.startswith(f"{az.ready['endpoint']}/Subscriptions/")
        assert "/protectedItems/VM;iaasvmcontainerv2;rg-web;web-01/operationsStatus/" in status
        assert response.headers["Retry-After"] == "1"
        operation = response.headers["Location"].split("?")[0].rsplit("/", 1)[-1]
        assert az.backup.protected_item_operation_statuses.get(*az.path, operation).status == "InProgress"
        assert az.backup.protected_item_operation_statuses.get(*az.path, operation).properties.job_id
        done = az.backup.protected_item_operation_results.get(*az.path, operation, cls=raw)
        assert done.status_code == 204


def test_a_job_in_progress_lets_five_minutes_pass_for_each_look():
    with azure("healthy") as az:
        job_id = az.trigger().properties.job_id
        before = az.world.clock.now
        assert az.job(job_id).status == "InProgress"
        assert az.world.clock.now - before == timedelta(minutes=5)
        az.finished(job_id)
        before = az.world.clock.now
        az.job(job_id)
        assert az.world.clock.now == before


def test_a_second_backup_of_the_same_item_fails_as_an_operation_while_one_runs():
    with azure("healthy") as az:
        az.trigger()
        status = az.trigger()
        assert status.status == "Failed"
        assert status.error.code == "UserErrorBackupOperationInProgress"
        assert len(az.jobs("status eq 'InProgress'")) == 1


def test_the_tenth_on_demand_backup_in_a_day_is_refused_and_allowed_again_a_day_later():
    with azure("healthy") as az:
        for _ in range(9):
            assert az.trigger().status == "Succeeded"
            az.advance(minutes=30)
        with pytest.raises(HttpResponseError) as caught:
            az.trigger()
        assert caught.value.error.code == "CloudDosAbsoluteLimitReached"
        az.advance(hours=24)
        assert az.trigger().status == "Succeeded"


def test_an_expiry_in_the_past_is_refused_and_one_in_the_future_is_kept():
    with azure("healthy") as az:
        with pytest.raises(HttpResponseError, match="past"):
            az.trigger(recoveryPointExpiryTimeInUTC="2020-01-01T00:00:00Z")
        az.finished(az.trigger(recoveryPointExpiryTimeInUTC="2026-04-01T00:00:00Z").properties.job_id)
        assert az.recovery_points()[0].properties.recovery_point_properties.expiry_time.startswith("2026-04-01")


def test_a_request_of_another_kind_is_refused():
    with azure("healthy") as az, pytest.raises(HttpResponseError):
        az.trigger(objectType="AzureFileShareBackupRequest")


def test_a_failed_job_gives_number_text_and_advice_and_its_name_in_the_dynamic_message_only():
    with azure() as az:
        newest = az.jobs("operation eq 'Backup' and status eq 'Failed'")[0]
        assert newest.properties.extended_info is None
        assert newest.properties.error_details is None
        job = az.job(newest.name)
        [error] = job.error_details
        assert isinstance(error.error_code, int)
        assert error.error_string == "The Restore Point collection max limit has reached."
        assert "UserError" not in error.error_string + error.error_title
        assert error.recommendations
        assert az.code_of(job) == "UserErrorRpCollectionLimitReached"
        assert [task.status for task in job.extended_info.tasks_list] == ["Failed", "NotStarted"]
        assert job.start_time.isoformat() == "2026-03-02T02:00:00+00:00"


def test_a_localized_job_has_portuguese_text_and_no_symbolic_name():
    with azure("rp-collection-limit-localized") as az:
        job = az.job(az.jobs()[0].name)
        assert job.error_details[0].error_string == "O limite máximo de recolha do Ponto de Restauração atingiu."
        assert az.code_of(job) is None


def test_jobs_are_filtered_by_operation_status_and_kind():
    with azure() as az:
        assert (
            len(az.jobs("status eq 'Failed' and operation eq 'Backup' and backupManagementType eq 'AzureIaasVM'")) == 4
        )
        assert az.jobs("operation eq 'Restore'") == []
        assert az.jobs("backupManagementType eq 'AzureStorage'") == []
        with pytest.raises(HttpResponseError):
            az.jobs("status ne 'Failed'")


def test_jobs_are_filtered_by_start_with_a_twelve_hour_clock():
    with azure() as az:
        found = az.jobs("startTime eq '2026-03-01 01:59:59 AM' and endTime eq '2026-03-02 02:00:00 AM'")
        assert [job.properties.start_time.day for job in found] == [2, 1]
        assert az.jobs("startTime eq '2026-03-01 02:00:00 PM' and endTime eq '2026-03-02 01:00:00 AM'") == []
        with pytest.raises(HttpResponseError):
            az.jobs("startTime eq '2026-03-01T02:00:00Z'")


def test_jobs_come_newest_first_in_pages_that_the_client_follows():
    with azure() as az:
        az.world.page_size = 5
        jobs = az.jobs()
        starts = [job.properties.start_time for job in jobs]
        assert len({job.name for job in jobs}) == 14
        assert starts == sorted(starts, reverse=True)
        assert sum("backupJobs" in one["path"] for one in az.sim.requests) == 3


def test_a_job_that_does_not_exist_is_404():
    with azure() as az, pytest.raises(ResourceNotFoundError):
        az.job("11111111-1111-4111-8111-111111111111")


def test_a_backup_can_be_cancelled_before_its_transfer():
    with azure("healthy") as az:
        job_id = az.trigger().properties.job_id
        response = az.backup.job_cancellations.trigger(*az.at, job_id, cls=raw)
        assert response.status_code == 202
        assert "Azure-AsyncOperation" not in response.headers
        operation = response.headers["Location"].split("?")[0].rsplit("/", 1)[-1]
        statuses = [
            az.backup.job_operation_results.get(*az.at, job_id, operation, cls=raw).status_code for _ in range(2)
        ]
        assert statuses == [202, 204]
        assert az.job(job_id).status == "Cancelled"
        az.advance(hours=1)
        assert len(az.recovery_points()) == 22


def test_a_backup_cannot_be_cancelled_while_it_transfers_data():
    with azure("healthy") as az:
        job_id = az.trigger().properties.job_id
        az.advance(minutes=10)
        assert az.job(job_id).actions_info == []
        with pytest.raises(HttpResponseError) as caught:
            az.backup.job_cancellations.trigger(*az.at, job_id)
        assert caught.value.status_code == 400
        assert "The job isn't in a cancelable state" in caught.value.message


@pytest.mark.parametrize(
    ("scenario", "message"),
    [
        ("cancel-restore", "Cancellation isn't supported for this job type"),
        ("cancel-in-transfer", "The job isn't in a cancelable state"),
        ("cancel-between-states", "Backup can't cancel the job because it isn't in progress"),
        ("cancel-fails", "Backup failed to cancel the job"),
    ],
)
def test_a_job_refuses_to_be_cancelled_with_the_documented_message(scenario, message):
    with azure(scenario) as az, pytest.raises(HttpResponseError, match=message) as caught:
        az.backup.job_cancellations.trigger(*az.at, az.jobs()[0].name)
    assert caught.value.status_code == 400


def test_a_job_between_two_states_can_be_cancelled_a_minute_later():
    with azure("cancel-between-states") as az:
        az.advance(minutes=1)
        az.backup.job_cancellations.trigger(*az.at, az.jobs()[0].name)
        assert az.jobs()[0].properties.status == "Cancelling"


@pytest.mark.parametrize(("scenario", "brought"), [("backup-in-progress", 0), ("backup-in-progress-snapshot", 1)])
def test_a_backup_in_progress_has_its_recovery_point_or_brings_it(scenario, brought):
    with azure(scenario) as az:
        before = len(az.recovery_points())
        (running,) = [job for job in az.jobs() if job.properties.status == "InProgress"]
        assert running.properties.actions_info == (["Cancellable"] if brought else [])
        az.advance(hours=10)
        assert az.job(running.name).status == "Completed"
        assert len(az.recovery_points()) - before == brought


def test_recovery_points_are_filtered_by_date_and_come_newest_first():
    with azure("healthy") as az:
        points = az.recovery_points("startDate eq '2026-02-28 12:00:00 AM' and endDate eq '2026-03-01 11:59:59 PM'")
        assert [point.properties.recovery_point_time.day for point in points] == [1, 28]


def test_a_recovery_point_can_be_got_and_a_missing_one_is_404():
    with azure("healthy") as az:
        [first, *_] = az.recovery_points()
        got = az.backup.recovery_points.get(*az.path, first.name)
        assert got.properties.recovery_point_time == first.properties.recovery_point_time
        with pytest.raises(ResourceNotFoundError):
            az.backup.recovery_points.get(*az.path, "1")


def test_the_instant_tier_of_a_recovery_point_is_deleted_with_its_restore_point():
    with azure("rp-collection-limit-snapshot-only") as az:
        az.unlock()
        collection = next(iter(az.world.compute.collections.values()))
        oldest = next(iter(collection.points.values()))
        az.compute.restore_points.begin_delete(collection.group, collection.name, oldest.name).result()
        lost = [
            point
            for point in az.recovery_points()
            if [(tier.type, tier.status) for tier in point.properties.recovery_point_tier_details]
            == [("InstantRP", "Deleted")]
        ]
        assert len(lost) == 1


def test_a_fault_that_fails_the_operation_of_a_backup_leaves_no_job():
    with azure("healthy") as az:
        from simulator.faults import Fault

        az.sim.faults.active.append(
            Fault.parse({"kind": "operation_fails", "code": "CloudInternalError", "message": "m", "method": "POST"})
        )
        before = len(az.jobs())
        assert az.trigger().error.code == "CloudInternalError"
        assert len(az.jobs()) == before
        az.advance(hours=1)
        assert len(az.recovery_points()) == 22


def test_the_result_of_a_failed_operation_is_its_error():
    with azure("healthy") as az:
        az.trigger()
        response = az.backup.backups.trigger(*az.path, ON_DEMAND, cls=raw)
        operation = response.headers["Location"].split("?")[0].rsplit("/", 1)[-1]
        az.advance(minutes=1)
        with pytest.raises(HttpResponseError) as caught:
            az.backup.protected_item_operation_results.get(*az.path, operation)
        assert caught.value.error.code == "UserErrorBackupOperationInProgress"


def test_a_time_that_is_none_is_refused():
    with azure("healthy") as az, pytest.raises(HttpResponseError, match="ISO 8601"):
        az.trigger(recoveryPointExpiryTimeInUTC="tomorrow")
