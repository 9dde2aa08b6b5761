"""Jobs in progress: which one is meant, what can be cancelled, and what happens when cancelling fails."""

from __future__ import annotations

from datetime import timedelta

import pytest

from arm.errors import UsageError
from remediate.engine.model import Verdict
from remediate.remediation import Accepted

from ..drill import YES, Drill
from ..engine.test_faults import finish_from
from .test_every_error import run

BUSY = "UserErrorBackupOperationInProgress"
CANCEL = {"choose": "cancel"}


def jobs(world: Drill):
    (vault, *_) = world.simulator.world.recoveryservices.vaults.values()
    return {job.operation: job for job in vault.jobs.values() if job.running}


def diagnosed(world: Drill, error: str, inputs: dict[str, str] | None = None):
    return world.remediation(read_only=True).plan(error, world.vm(), inputs)


@pytest.mark.parametrize(
    ("scenario", "why"),
    [
        ("backup-in-progress", "its phase is 'Transfer data to vault'"),
        ("cancel-restore", "a Restore job cannot be cancelled"),
    ],
)
def test_what_cannot_be_cancelled_is_refused_beforehand_with_the_job_and_the_reason(drill, scenario, why):
    world = drill(scenario)
    (job,) = jobs(world).values()
    report = diagnosed(world, BUSY, CANCEL)
    assert report.stand.verdict is Verdict.REFUSED
    assert f"the job {job.name} cannot be cancelled: {why}" in report.stand.reason
    assert world.writes == []


def test_of_several_jobs_the_one_to_cancel_has_to_be_named(drill):
    world = drill("cancel-backup-and-restore")
    report = diagnosed(world, BUSY, CANCEL)
    assert report.stand.verdict is Verdict.NEEDS_CHOICE
    assert all(job.name in report.stand.reason for job in jobs(world).values())
    named = {**CANCEL, "job": jobs(world)["Backup"].name.upper()}
    report = diagnosed(world, BUSY, named)
    assert report.stand.verdict is Verdict.PLANNED
    assert report.plan.changes[0].target.endswith(jobs(world)["Backup"].name)


def test_waiting_for_several_jobs_needs_no_name(drill):
    world = drill("cancel-backup-and-restore")
    assert diagnosed(world, BUSY).stand.verdict is Verdict.PLANNED


def test_a_job_that_is_named_and_has_ended_is_said_to_have_ended(drill):
    world = drill("cancel-ended")
    (vault,) = world.simulator.world.recoveryservices.vaults.values()
    last = max(vault.jobs.values(), key=lambda job: job.started)
    report = diagnosed(world, "JobNotInProgress", {"job": last.name})
    assert report.stand.verdict is Verdict.NOTHING_TO_DO
    (cause,) = [cause for cause in report.diagnosis.causes if cause.name == "job-has-ended"]
    assert cause.evidence == (f"Backup job {last.name} ended at 2026-03-02T02:20:00Z: Completed",)


def test_a_job_that_the_vault_does_not_know_is_said_to_be_unknown(drill):
    report = diagnosed(drill("cancel-ended"), "JobNotInProgress", {"job": "no-such-job"})
    assert ("job", "the vault knows no job 'no-such-job'") in [
        (one.label, one.value) for one in report.diagnosis.findings
    ]


def test_the_job_that_is_named_among_several_is_the_one_that_is_explained(drill):
    world = drill("cancel-backup-and-restore")
    report = diagnosed(world, "JobCancelNotSupported", {"job": jobs(world)["Restore"].name})
    assert report.stand.verdict is Verdict.PLANNED
    assert "a Restore job cannot be cancelled" in report.diagnosis.reason


def test_a_cancellation_that_azure_refuses_leads_to_waiting_for_the_job(drill):
    world = drill("cancel-fails")
    case = {"error": "JobNotInProgress", "inputs": CANCEL, "accept": "approve"}
    report = run(world, case, case)
    assert report.stand.verdict is Verdict.FIXED
    assert "failed to cancel the job" in report.sent[0].detail
    assert [one.rsplit("/", 1)[-1] for one in world.effects] == ["backup"]


def test_a_backup_that_cannot_be_cancelled_any_more_when_its_turn_comes_is_waited_for(drill):
    world = drill("backup-in-progress-snapshot")
    digest = diagnosed(world, BUSY, CANCEL).plan.digest
    job = jobs(world)["Backup"]
    job.tasks[0].status, job.tasks[1].status = "Completed", "InProgress"
    report = world.repair(Accepted(approve=digest), BUSY, CANCEL)
    assert report.stand.verdict is Verdict.REFUSED
    assert "cannot be cancelled" in report.stand.reason
    assert world.writes == []


def parked_for_a_minute(world: Drill):
    """A run that waits for the job's transitory state to pass before it cancels."""
    digest = diagnosed(world, "JobNotInProgress", CANCEL).plan.digest
    report = world.repair(Accepted(approve=digest), "JobNotInProgress", CANCEL)
    assert report.stand.verdict is Verdict.PENDING
    assert "transitory state" in report.stand.reason
    world.pass_time(timedelta(minutes=1))
    return report


def test_a_job_that_reaches_its_transfer_while_a_minute_passes_is_waited_for(drill):
    world = drill("cancel-between-states")
    report = parked_for_a_minute(world)
    job = jobs(world)["Backup"]
    job.tasks[0].status, job.tasks[1].status = "Completed", "InProgress"
    report = world.resume(report.run.id)
    assert report.stand.verdict is Verdict.PENDING
    assert "Transfer data to vault InProgress" in report.stand.reason
    assert world.writes == []


def test_a_job_that_ends_while_a_minute_passes_needs_no_cancellation(drill):
    world = drill("cancel-between-states")
    report = parked_for_a_minute(world)
    world.pass_time(timedelta(hours=6))
    report = finish_from(world, world.resume(report.run.id))
    assert report.stand.verdict is Verdict.FIXED
    assert [one.rsplit("/", 1)[-1] for one in world.effects] == ["backup"]


def test_a_second_cancellation_of_a_job_past_its_snapshot_is_refused_beforehand(drill):
    report = diagnosed(drill("cancel-in-transfer"), "JobNotInProgress", CANCEL)
    assert report.stand.verdict is Verdict.REFUSED
    assert "its phase is 'Transfer data to vault'" in report.stand.reason


def test_a_job_that_is_being_cancelled_already_is_not_cancelled_again(drill):
    world = drill("backup-in-progress-snapshot")
    jobs(world)["Backup"].status = "Cancelling"
    report = diagnosed(world, BUSY, CANCEL)
    assert report.stand.verdict is Verdict.REFUSED
    assert "it is being cancelled already" in report.stand.reason


def test_a_failure_long_ago_without_any_backup_since_leaves_a_backup_missing(drill):
    world = drill("backup-in-progress-ended")
    services = world.simulator.world.recoveryservices
    services.service.unschedule(services.item_of(world.vm_id))
    world.pass_time(timedelta(days=3))
    report = diagnosed(world, "JobNotInProgress")
    assert report.diagnosis.reason.endswith("no recovery point is newer than the last failed backup")


def test_a_job_in_the_vault_before_can_be_cancelled_too(drill):
    world = drill("backup-in-progress-old-vault")
    *_, old = world.simulator.world.recoveryservices.vaults.values()
    (job,) = old.jobs.values()
    job.tasks[0].status, job.tasks[1].status = "InProgress", "NotStarted"
    case = {"error": BUSY, "inputs": CANCEL, "accept": "approve"}
    report = run(world, case, case)
    assert report.stand.verdict is Verdict.FIXED
    assert "/vaults/vault-old/" in world.effects[0]
    assert job.status == "Cancelled"


def test_overlapping_backups_are_named_with_their_duration_and_the_interval(drill):
    report = diagnosed(drill("backup-in-progress-overlap"), BUSY)
    causes = {cause.name: cause for cause in report.diagnosis.causes}
    assert causes["backups-overlap"].standing.value == "possible"
    assert causes["backups-overlap"].evidence == (
        "the job goes on since 1 d 1 h",
        "backups are scheduled every 1 d",
    )


def test_how_long_backups_take_is_held_against_their_interval(drill):
    report = diagnosed(drill("backup-in-progress"), BUSY)
    found = {one.label: one.value for one in report.diagnosis.findings}
    assert found["duration of backups"] == "20 min on average of 1; scheduled every 1 d"


def test_a_choice_that_an_error_does_not_have_is_a_mistake(drill):
    with pytest.raises(UsageError, match="has no choice 'cancel'"):
        diagnosed(drill("cancel-restore"), "JobCancelNotSupported", CANCEL)


@pytest.mark.parametrize("inputs", [{"job": "nope"}, {"job": "nope", "choose": "cancel"}])
def test_a_job_that_is_not_in_progress_is_not_taken_for_the_one_that_is(drill, inputs):
    world = drill("backup-in-progress-snapshot")
    report = world.repair(YES, "UserErrorBackupOperationInProgress", inputs)
    assert report.stand.verdict is Verdict.REFUSED
    assert report.stand.reason.startswith("the job nope is not in progress; in progress: Backup job ")
    assert world.writes == []
