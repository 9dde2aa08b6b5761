"""A run waits for what ends by itself, and never for ever; and what is not idempotent is never sent twice blindly."""

from __future__ import annotations

from datetime import timedelta

import pytest

from arm.errors import CredentialsRejected
from guards import Consent
from remediate.engine.model import Verdict
from remediate.engine.plan import make_plan
from remediate.remediation import Accepted
from runbooks.model import Situation
from runbooks.registry import find

from ..drill import YES, Drill
from .test_drive import somebody_backs_up
from .test_faults import finish_from

BUSY = "UserErrorBackupOperationInProgress"
FAILED = "UserErrorVmProvisioningStateFailed"
RESTART = {"method": "POST", "path": "/restart$"}


def machine(world: Drill):
    return world.simulator.world.compute.vms[world.vm_id.lower()]


def plan_of(world: Drill, code: str, inputs: dict[str, str] | None = None, first: int = 0):
    runbook, facts = find(code), world.facts()
    facts.vm()
    names = [step.name for step in runbook.steps][first:]
    return make_plan(runbook, names, Situation.at_first(facts, inputs), Consent(yes=True))


def test_a_job_in_progress_refuses_no_change_that_comes_only_after_a_wait(drill):
    plan = plan_of(drill("backup-in-progress"), BUSY)
    assert [change.operation for change in plan.changes] == ["backups.trigger"]
    assert plan.refusals == ()


def test_a_job_in_progress_refuses_a_change_that_no_wait_is_before(drill):
    plan = plan_of(drill("backup-in-progress"), BUSY, first=2)
    assert [refusal.guard for refusal in plan.refusals] == ["job-in-progress"]


def test_what_does_not_pass_by_itself_refuses_a_change_behind_a_wait_too(drill):
    world = drill("backup-in-progress")
    machine(world).tags["backup-remediation"] = "off"
    assert [refusal.guard for refusal in plan_of(world, BUSY).refusals] == ["opt-out"]


def test_a_cancellation_is_let_through_while_its_job_is_in_progress_and_the_backup_comes_after_it(drill):
    plan = plan_of(drill("backup-in-progress-snapshot"), BUSY, {"choose": "cancel"})
    assert [change.operation for change in plan.changes] == ["jobs.cancel", "backups.trigger"]
    assert plan.refusals == ()


def test_a_run_that_waits_is_parked_until_azure_may_have_finished(drill):
    world = drill("vm-updating")
    report = world.repair(code=FAILED)
    assert report.stand.verdict is Verdict.PENDING
    assert "the platform is changing the VM: provisioning state Updating" in report.stand.reason
    assert report.stand.until - world.simulator.world.clock.now <= timedelta(minutes=10)
    assert world.writes == []


def test_a_wait_has_an_end_and_the_run_says_what_it_has_waited_for(drill):
    world = drill("vm-updating")
    report = world.repair(code=FAILED)
    world.pass_time(timedelta(hours=7))
    machine(world).provisioning_state = "Updating"
    report = world.resume(report.run.id)
    assert report.stand.verdict is Verdict.NOT_FIXED
    assert "has not ended after 6 h" in report.stand.reason
    assert "activity log" in report.stand.next_step
    assert world.writes == []
    assert world.journal().open_runs() == []


def test_a_run_that_only_waited_until_its_error_was_gone_has_had_nothing_to_do(drill):
    world = drill("cancel-nearly-done")
    report = finish_from(world, world.repair(code="JobNotCancelable"))
    assert report.stand.verdict is Verdict.NOTHING_TO_DO
    assert report.stand.reason == "no job is in progress, and the last backup is good"
    assert world.writes == []


def test_a_backup_that_somebody_else_began_while_the_run_waited_is_its_proof_once_it_has_ended(drill):
    world = drill("vm-updating")
    report = world.repair(code=FAILED)
    world.pass_time(timedelta(hours=2))
    somebody_backs_up(world)
    world.pass_time(timedelta(minutes=10))
    report = world.resume(report.run.id)
    assert report.stand.verdict is Verdict.PENDING
    report = finish_from(world, report)
    assert report.stand.verdict is Verdict.FIXED
    assert world.writes == []


def test_a_run_that_has_waited_also_waits_for_a_job_that_somebody_starts_meanwhile(drill):
    world = drill("vm-updating")
    report = world.repair(YES, "UserErrorVmProvisioningStateFailed")
    assert report.stand.verdict is Verdict.PENDING
    world.pass_time(timedelta(hours=2))
    simulated = world.simulator.world.recoveryservices
    job = simulated.service.add_job(simulated.item_of(world.vm_id), "Restore")
    report = world.resume(report.run.id)
    assert (report.stand.verdict, report.stand.refusal.guard) == (Verdict.PENDING, "job-in-progress")
    simulated.service.complete(job)
    report = finish_from(world, report)
    assert report.stand.verdict is Verdict.FIXED


def restart(world: Drill):
    digest = world.repair(code="action:restart_vm").plan.digest
    return world.repair(Accepted(approve=digest), code="action:restart_vm")


@pytest.mark.parametrize("kind", ["reset_after", "no_headers"])
def test_a_restart_whose_answer_is_lost_is_found_by_the_time_of_the_vms_state(drill, kind):
    world = drill("healthy")
    world.fault(kind, **RESTART)
    report = restart(world)
    assert report.stand.verdict is Verdict.APPLIED
    assert len(world.effects) == 1


def test_a_restart_that_azure_does_not_show_is_never_sent_again(drill):
    world = drill("healthy")
    world.fault("reset_before", **RESTART)
    report = restart(world)
    assert report.stand.verdict is Verdict.NOT_FIXED
    assert "it cannot be told whether it took effect" in report.stand.reason
    assert len(world.writes) == 1


def without_times(world: Drill) -> None:
    """Let Azure say nothing of when the VM's state has last changed."""
    machine(world).time_created = None


def test_a_restart_that_nobody_can_tell_of_is_never_sent_again(drill):
    world = drill("healthy")
    without_times(world)
    world.fault("reset_before", **RESTART)
    report = restart(world)
    assert report.stand.verdict is Verdict.NOT_FIXED
    assert "it cannot be told whether it took effect" in report.stand.reason
    assert len(world.writes) == 1


def test_a_restart_that_azure_calls_done_and_nobody_can_tell_of_is_not_called_done(drill):
    world = drill("healthy")
    without_times(world)
    world.fault("operation_lies", **RESTART)
    report = restart(world)
    assert report.stand.verdict is Verdict.NOT_FIXED
    assert "it cannot be told whether it took effect" in report.stand.reason


def test_a_restart_cut_off_by_a_crash_is_not_sent_again_when_nobody_can_tell_of_it(drill, monkeypatch):
    world = drill("healthy")
    without_times(world)
    monkeypatch.setenv("IDENTITY_ENDPOINT", world.server.ready["token_url"])
    monkeypatch.setenv("IDENTITY_HEADER", "x")
    world.sign_in = True
    world.fault("expire_tokens", **RESTART)
    with pytest.raises(CredentialsRejected):
        restart(world)
    (run,) = world.journal().open_runs()
    report = world.resume(run.id, YES)
    assert report.stand.verdict is Verdict.NOT_FIXED
    assert "it cannot be told whether it took effect" in report.stand.reason
    assert world.effects == []


def test_a_power_off_is_undone_by_a_start(drill):
    world = drill("healthy")
    digest = world.repair(code="action:stop_vm").plan.digest
    report = world.repair(Accepted(approve=digest), code="action:stop_vm")
    assert (report.stand.verdict, machine(world).power_state) == (Verdict.APPLIED, "stopped")
    undo = world.remediation().undo(report.run.id, accepted=YES)
    assert undo.stand.verdict is Verdict.NEEDS_APPROVAL
    undo = world.remediation().undo(report.run.id, accepted=Accepted(approve=undo.plan.digest))
    assert (undo.stand.verdict, machine(world).power_state) == (Verdict.APPLIED, "running")
