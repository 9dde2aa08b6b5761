"""How a job ends: Failed only when somebody must look; and what it does with runs that are parked."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from arm.errors import AzureError, RemediationError
from remediate.automation import backup, resume
from remediate.automation.door import COMPLETED, FAILED, run_job
from remediate.automation.settings import Settings
from remediate.automation.sweep import failed_jobs
from remediate.engine.execute import Parked
from tests.drill import CODE, Accepted, Drill


class Account:
    """A job of this process against a drill's Azure."""

    def __init__(self, drill: Drill) -> None:
        self.drill = drill
        self.out = io.StringIO()
        self.variables: dict[str, object] = {}
        self.environment = {"REMEDIATE_ARM_ENDPOINT": drill.endpoint}

    def settings(self) -> Settings:
        return Settings(self.environment, self.variables.__getitem__)

    def repairing(self) -> Account:
        self.variables |= {"REMEDIATE_MODE": "repair", "REMEDIATE_STATE": str(self.drill.state)}
        return self

    def run(self, job: Any, *words: str) -> int:
        self.out = io.StringIO()
        status: int = job.main(["x", *words], self.settings(), self.out)
        return status

    @property
    def said(self) -> str:
        return self.out.getvalue()


@pytest.fixture
def account(drill: Callable[..., Drill]) -> Callable[..., Account]:
    return lambda scenario="rp-collection-limit": Account(drill(scenario))


def test_a_bug_is_told_as_an_error_and_fails_the_job(account):
    def bug(_job):
        raise ZeroDivisionError("never")

    azure = account()
    assert run_job(bug, azure.settings(), azure.out) == FAILED
    assert "ERROR: internal error at test_jobs.py:" in azure.said
    assert "ZeroDivisionError: never" in azure.said


def test_a_deadline_before_anything_was_begun_is_no_failure(account):
    def late(job):
        raise job.deadline.parked()

    azure = account()
    assert run_job(late, azure.settings(), azure.out) == COMPLETED
    assert "WARNING: the job's time is over" in azure.said


@pytest.mark.parametrize(("code", "status"), [("LeaseLost", COMPLETED), ("Throttled", FAILED)])
def test_that_another_job_is_at_it_is_no_failure(account, code, status):
    def fails(_job):
        error = RemediationError("it is so", "Wait.")
        error.code = code
        raise error

    azure = account()
    assert run_job(fails, azure.settings(), azure.out) == status


def test_candidates_are_told(account):
    def fails(_job):
        raise AzureError("which?", "Say which.", ["this", "that"])

    azure = account()
    assert run_job(fails, azure.settings(), azure.out) == FAILED
    assert "         this\n         that\n  next:  Say which.\n" in azure.said


def test_a_machine_that_does_not_exist_fails_the_job(account):
    azure = account()
    assert azure.run(backup, "web-99") == FAILED
    assert "ERROR: VmNotFound" in azure.said


def test_a_text_that_means_no_error_fails_the_job(account):
    azure = account()
    assert azure.run(backup, "UserErrorOfNobody", "web-01") == FAILED
    assert azure.drill.writes == []


def test_a_wrong_parameter_is_refused_before_azure_is_asked(account):
    azure = account()
    assert azure.run(backup, "--force") == FAILED
    assert azure.drill.simulator.requests == []


def test_in_plan_mode_a_job_that_asks_for_a_repair_changes_nothing(account):
    azure = account()
    assert azure.run(backup, "UserErrorRpCollectionLimitReached", "web-01", "false") == COMPLETED
    assert "Planned" in azure.said
    assert azure.drill.writes == []


def test_a_run_that_needs_an_approval_fails_one_job_and_not_every_one_after_it(account):
    azure = account("rp-collection-limit-cleanup-stuck").repairing()
    azure.variables["REMEDIATE_SWEEP_HOURS"] = 0
    azure.drill.repair()
    statuses = []
    for _ in range(8):
        azure.drill.pass_time(timedelta(hours=5))
        statuses.append(azure.run(resume))
        if "WARNING: UserErrorRpCollectionLimitReached" in azure.said:
            break
    assert statuses[-2:] == [FAILED, COMPLETED]
    assert "NeedsApproval" in azure.said


def test_in_plan_mode_a_run_that_owes_nothing_is_left_alone(account):
    azure = account().repairing()
    azure.drill.repair()
    azure.variables |= {"REMEDIATE_MODE": "plan", "REMEDIATE_SWEEP_HOURS": 0}
    writes = azure.drill.writes
    assert azure.run(resume) == COMPLETED
    assert "does not go on as long as REMEDIATE_MODE is plan" in azure.said
    assert azure.drill.writes == writes


def test_in_plan_mode_a_lock_on_loan_fails_the_job(account):
    azure = account("rp-collection-limit-subscription-lock").repairing()
    plan = azure.drill.remediation(read_only=True).plan(CODE, azure.drill.vm()).plan
    azure.drill.repair(Accepted(approve=plan.digest))
    azure.variables |= {"REMEDIATE_MODE": "plan", "REMEDIATE_SWEEP_HOURS": 0}
    assert azure.run(resume) == FAILED
    assert "it owes: the lock" in azure.said


def test_a_deadline_leaves_the_rest_for_the_next_job(account):
    azure = account().repairing()
    azure.drill.repair()
    out = io.StringIO()

    def late(job):
        job.deadline.stop()
        return resume._resume(job, [])

    assert run_job(late, azure.settings(), out) == COMPLETED
    assert "the job was told to stop; 1 of 1 runs are left for the next job" in out.getvalue()
    assert "the sweep" not in out.getvalue()


def test_an_error_of_one_run_does_not_keep_the_others_from_going_on(account):
    azure = account().repairing()
    azure.drill.repair()
    azure.drill.fault("status", status=500, path="/virtualMachines/", times=None)
    azure.variables["REMEDIATE_SWEEP_HOURS"] = 0
    assert azure.run(resume) == FAILED
    assert "ERROR: AzureUnavailable: run " in azure.said


def test_the_sweep_sees_the_newest_failure_of_each_machine_within_its_time(account):
    azure = account()
    session = azure.drill.session(read_only=True)
    found = list(failed_jobs(session, 24))
    assert [row["properties"]["entityFriendlyName"] for row in found] == ["web-01"]
    azure.drill.pass_time(timedelta(days=3))
    assert [row for row in failed_jobs(session, 24) if row["name"] == found[0]["name"]] == []


def test_the_sweep_can_be_turned_off(account):
    azure = account()
    azure.variables["REMEDIATE_SWEEP_HOURS"] = "0"
    assert azure.run(resume, "surplus") == COMPLETED
    assert azure.drill.simulator.requests == []
    assert "takes no parameters" in azure.said


def test_parked_is_no_error_that_others_could_catch_by_the_way():
    assert not issubclass(Parked, RemediationError)
