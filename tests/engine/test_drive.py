"""What a run does when the world moves while it is under way."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta

import pytest

from arm.errors import CredentialsRejected, Forbidden, UsageError
from remediate.engine.model import Verdict
from remediate.journal.model import LeaseLost, Run
from remediate.journal.sqlite import SqliteJournal
from remediate.remediation import Accepted, Remediation
from simulator.services.identity.tokens import Tokens

from ..drill import CODE, YES, Drill
from .test_faults import finish, finish_from
from .test_scenarios import locks_of


def protected(world: Drill):
    return world.simulator.world.recoveryservices.item_of(world.vm_id)


def somebody_backs_up(world: Drill) -> None:
    world.simulator.world.recoveryservices.back_up_now(protected(world), None)


def parked(world: Drill):
    """A run that waits for the clean-up, six hours later."""
    report = world.repair()
    assert report.stand.verdict is Verdict.PENDING
    world.pass_time(timedelta(hours=6))
    return report


def approved(world: Drill):
    digest = world.repair().plan.digest
    return world.repair(Accepted(approve=digest))


def test_a_backup_that_somebody_else_runs_is_waited_for(drill):
    world = drill()
    run = parked(world).run.id
    somebody_backs_up(world)
    report = world.resume(run)
    assert report.stand.verdict is Verdict.PENDING
    assert report.stand.refusal.guard == "job-in-progress"
    assert len(world.effects) == 2


def test_a_backup_of_somebody_else_is_proof_enough_and_no_other_is_started(drill):
    world = drill()
    run = parked(world).run.id
    somebody_backs_up(world)
    world.pass_time(timedelta(hours=1))
    report = world.resume(run)
    assert report.stand.verdict is Verdict.FIXED
    assert report.stand.proof.job
    assert len(world.effects) == 2


def test_a_completed_backup_without_a_new_recovery_point_is_not_called_fixed(drill):
    world = drill()
    run = parked(world).run.id
    world.fault("stale", path="recoveryPoints$", times=None)
    report = world.resume(run)
    assert report.stand.verdict is Verdict.PENDING
    assert "recovery point newer" in report.stand.reason
    world.pass_time(timedelta(hours=30))
    report = world.resume(run)
    assert report.stand.verdict is Verdict.INCONCLUSIVE
    assert world.journal().open_runs() == []


def test_a_lock_is_put_back_even_when_the_run_fails(drill):
    world = drill("rp-collection-limit-subscription-lock")
    before = locks_of(world)
    digest = world.repair().plan.digest
    world.fault("operation_fails", method="POST", path="/backup$", code="CloudInternalError", message="no")
    report = world.repair(Accepted(approve=digest))
    assert report.stand.verdict is Verdict.NOT_FIXED
    assert locks_of(world) == before


def test_a_lock_is_put_back_even_on_a_vm_that_opted_out_meanwhile(drill):
    world = drill("rp-collection-limit-subscription-lock")
    before = locks_of(world)
    report = approved(world)
    world.simulator.world.compute.vms[world.vm_id.lower()].tags["backup-remediation"] = "off"
    world.pass_time(timedelta(hours=6))
    report = world.resume(report.run.id)
    assert report.stand.verdict is Verdict.REFUSED
    assert report.stand.refusal.guard == "opt-out"
    assert locks_of(world) == before


def test_a_lock_that_cannot_be_put_back_stays_owed_and_is_put_back_later(drill):
    world = drill("rp-collection-limit-subscription-lock")
    before = locks_of(world)
    report = approved(world)
    world.fault("deny", method="PUT", path="/locks/")
    report = finish_from_first_pending(world, report)
    assert report.stand.verdict is Verdict.PENDING
    assert "could not be put back" in report.stand.reason
    assert len(world.journal().duties(report.run.id)) == 2, "the lock, and its copy on the VM"
    report = world.resume(report.run.id)
    assert report.stand.verdict is Verdict.FIXED
    assert locks_of(world) == before
    assert world.journal().duties(report.run.id) == []


def finish_from_first_pending(world: Drill, report):
    while report.stand.until and "clean" in report.stand.reason:
        world.pass_time(report.stand.until - world.simulator.world.clock.now)
        report = world.resume(report.run.id)
    return report


def test_a_lock_that_somebody_set_differently_meanwhile_is_theirs(drill):
    world = drill("rp-collection-limit-subscription-lock")
    lock = next(iter(world.simulator.world.authorization.locks.values()))
    report = approved(world)
    world.pass_time(timedelta(hours=6))
    theirs = world.simulator.world.authorization.add_lock(lock.scope, lock.name, "ReadOnly", notes="mine now")
    report = world.resume(report.run.id)
    kept = world.simulator.world.authorization.locks[theirs.id.lower()]
    assert (kept.level, kept.notes) == ("ReadOnly", "mine now")
    assert report.stand.verdict is not Verdict.FIXED
    owed = [duty.target.rpartition("/")[2] for duty in world.journal().duties(report.run.id)]
    assert all(one.startswith("default#") for one in owed), "only the tag, which their read-only lock keeps"


def test_a_guard_is_asked_again_right_before_each_change(drill):
    world = drill("rp-collection-limit-no-lock")
    name, arguments = "action:delete_restore_points", {"keep": "14"}
    plan = world.remediation().plan(name, world.vm(), arguments).plan
    assert len(plan.changes) == 4

    def meddle(event):
        if event.kind == "outcome":
            somebody_backs_up(world)

    machine = Remediation(world.session(), world.journal, tell=meddle, wait=3600)
    report = machine.repair(name, world.vm(), arguments, accepted=Accepted(approve=plan.digest))
    assert report.stand.verdict is Verdict.PENDING
    assert report.stand.refusal.guard == "job-in-progress"
    assert len(world.effects) == 1


def test_two_processes_never_work_on_one_vm(drill):
    world = drill()
    run = parked(world).run.id
    elsewhere = "another-host/1/1/x"
    assert world.journal().acquire(world.vm_id, elsewhere, world.runtime.now(), 300, lambda _owner: False)
    with pytest.raises(LeaseLost, match="another process"):
        world.resume(run)
    world.pass_time(timedelta(seconds=301))
    assert world.resume(run).stand.verdict is Verdict.FIXED


def test_a_resume_that_is_not_approved_for_this_plan_changes_nothing(drill):
    world = drill("rp-collection-limit-cleanup-stuck")
    report = finish(world)
    before = len(world.writes)
    report = world.resume(report.run.id, Accepted(approve="0123456789abcdef"))
    assert report.stand.verdict is Verdict.REFUSED
    assert report.stand.refusal.guard == "approval"
    assert len(world.writes) == before
    assert world.resume(report.run.id).stand.verdict is Verdict.NEEDS_APPROVAL


def test_an_accepted_backup_whose_job_never_shows_is_not_called_a_success(drill):
    world = drill()
    world.fault("no_headers", method="POST", path="/backup$")
    world.fault("stale", path="backupJobs$", times=None)
    report = world.repair()
    assert report.stand.verdict is Verdict.NOT_FIXED
    assert "no job" in report.stand.reason
    assert len([one for one in world.effects if one.startswith("POST")]) == 1


def test_a_failure_that_the_chain_expects_goes_on_with_the_next_step_after_a_crash_too(drill):
    world = drill("rp-collection-limit-points-stuck")
    report = finish(world)
    world.fault("deny", method="GET", path="locations/.*operations", times=None)
    with pytest.raises(Forbidden):
        world.resume(report.run.id, Accepted(approve=report.plan.digest))
    world.simulator.faults.active.clear()
    report = world.resume(report.run.id)
    assert report.stand.verdict is Verdict.NEEDS_APPROVAL
    assert report.plan.changes[0].action == "delete_restore_point_collection"


def test_a_crash_while_a_lock_is_put_back_does_not_cost_the_lock_or_the_verdict(drill):
    world = drill("rp-collection-limit-subscription-lock")
    before = locks_of(world)
    report = approved(world)
    world.pass_time(timedelta(hours=6))
    world.fault("expire_tokens", method="PUT", path="/locks/")
    with pytest.raises(CredentialsRejected):
        world.resume(report.run.id)
    world.simulator.tokens = Tokens(lambda: 0.0)
    report = world.resume(report.run.id)
    assert report.stand.verdict is Verdict.FIXED
    assert locks_of(world) == before


def test_undo_before_the_end_gives_every_loan_back(drill):
    world = drill("rp-collection-limit-two-locks")
    before = locks_of(world)
    report = approved(world)
    assert locks_of(world) == {}
    undone = world.remediation().undo(report.run.id, accepted=YES)
    assert undone.stand.verdict is Verdict.APPLIED
    assert locks_of(world) == before
    assert world.journal().duties(report.run.id) == []
    assert world.journal().open_runs() == []


def test_undo_of_a_run_that_changed_nothing_has_nothing_to_do(drill):
    world = drill("healthy")
    report = world.repair(code="action:trigger_on_demand_backup")
    assert report.stand.verdict is Verdict.APPLIED
    assert world.remediation().undo(report.run.id, accepted=YES).stand.verdict is Verdict.NOTHING_TO_DO


def test_steps_of_a_run_are_pinned_when_it_begins(drill):
    world = drill()
    report = world.repair()
    assert report.run.steps == tuple(step["name"] for step in report.to_json()["plan"]["steps"])
    assert world.journal().run(report.run.id).steps == report.run.steps


def test_every_write_of_a_run_was_intended_in_the_journal_before(drill):
    world = drill("rp-collection-limit-cleanup-stuck")
    seen: list[tuple[int, int]] = []
    handle = world.simulator.handle

    def intents() -> int:
        with closing(SqliteJournal(world.state)) as journal:
            return sum(one.kind == "intent" for run in journal.runs(10) for one in journal.records(run.id))

    def watching(request):
        if request.method in ("PUT", "DELETE") or request.path.endswith("/backup"):
            seen.append((intents(), len(seen) + 1))
        return handle(request)

    world.simulator.handle = watching
    report = finish(world)
    finish_from(world, world.resume(report.run.id, Accepted(approve=report.plan.digest)))
    assert len(seen) == 4
    assert all(intents >= writes for intents, writes in seen)


def test_the_code_of_a_run_is_found_in_any_case(drill):
    assert drill().repair(code=CODE.lower()).stand.verdict is Verdict.PENDING


def test_undo_of_an_unknown_run_is_refused(drill):
    world = drill()
    with pytest.raises(UsageError, match="there is no run"):
        world.remediation().repair("undo:nosuch", world.vm(), accepted=YES)


def test_only_locks_that_were_really_removed_are_put_back(drill):
    world = drill("healthy")
    world.repair(code="action:trigger_on_demand_backup")
    report = world.repair(code="action:restore_lock")
    assert report.stand.verdict is Verdict.NOTHING_TO_DO
    assert "no lock that was removed" in report.stand.reason


def test_an_action_that_somebody_else_did_while_it_was_stopped_has_nothing_left_to_do(drill, monkeypatch):
    world = drill()
    monkeypatch.setenv("IDENTITY_ENDPOINT", world.server.ready["token_url"])
    monkeypatch.setenv("IDENTITY_HEADER", "x")
    world.sign_in = True
    world.fault("expire_tokens", method="DELETE", path="/extensions/")
    with pytest.raises(CredentialsRejected):
        world.repair(code="action:uninstall_vmsnapshot_extension")
    (run,) = world.journal().open_runs()
    world.simulator.world.compute.vms[world.vm_id.lower()].extensions.clear()
    report = world.resume(run.id)
    assert report.stand.verdict is Verdict.APPLIED, "its own request may have done it: the probe decides"


def test_an_action_stopped_before_its_first_write_has_nothing_left_to_do_when_somebody_did_it(drill):
    world = drill()
    now = world.simulator.world.clock.now
    name = "uninstall_vmsnapshot_extension"
    world.begun(Run("r1", world.endpoint, world.vm_id, f"action:{name}", {}, (name,), now))
    world.simulator.world.compute.vms[world.vm_id.lower()].extensions.clear()
    assert world.resume("r1").stand.verdict is Verdict.NOTHING_TO_DO
    assert world.writes == []


def test_no_run_is_begun_on_a_vm_that_another_process_works_on(drill):
    world = drill()
    journal = world.journal()
    assert journal.acquire(world.vm_id, "another-host/1/1/x", world.runtime.now(), 300, lambda _owner: False)
    with pytest.raises(LeaseLost):
        world.repair()
    assert journal.runs(10) == []
    assert world.writes == []


def test_a_recovery_point_whose_backup_has_not_completed_is_no_proof(drill):
    world = drill()
    run = parked(world).run.id
    somebody_backs_up(world)
    world.pass_time(timedelta(minutes=10))
    assert world.facts().recovery_points()[-1].time > world.journal().run(run).started_at
    report = world.resume(run)
    assert report.stand.verdict is Verdict.PENDING
    assert "no completed backup" in report.stand.reason
    world.pass_time(timedelta(hours=1))
    assert world.resume(run).stand.verdict is Verdict.FIXED
    assert len(world.effects) == 2


def test_a_failed_backup_of_somebody_else_is_no_proof(drill):
    world = drill("rp-collection-limit-other-error")
    run = parked(world).run.id
    somebody_backs_up(world)
    world.pass_time(timedelta(hours=1))
    report = world.resume(run)
    assert report.stand.verdict is Verdict.NOT_FIXED


def test_giving_one_lock_back_is_no_change_that_a_newer_recovery_point_must_prove(drill):
    world = drill("rp-collection-limit-subscription-lock")
    lock = next(iter(world.simulator.world.authorization.locks.values()))
    world.simulator.world.authorization.add_lock(lock.scope, "zz-second", "CanNotDelete")
    before = locks_of(world)
    report = approved(world)
    world.fault("deny", method="PUT", path="/locks/zz-second")
    report = finish_from_first_pending(world, report)
    assert "could not be put back" in report.stand.reason
    report = world.resume(report.run.id)
    assert report.stand.verdict is Verdict.FIXED, report.stand
    assert locks_of(world) == before


def test_an_error_in_mid_run_names_the_open_run_and_how_it_goes_on(drill):
    world = drill()
    world.fault("deny", method="GET", path="/locks/", times=None)
    with pytest.raises(Forbidden) as caught:
        world.repair()
    (run,) = world.journal().open_runs()
    assert f"remediate resume {run.id[:12]}" in caught.value.next_step


def test_undo_also_takes_back_a_change_whose_outcome_nobody_has_seen(drill):
    world = drill("rp-collection-limit-subscription-lock")
    before = locks_of(world)
    digest = world.repair().plan.digest
    world.fault("deny", method="GET", path="/locks/", times=None)
    with pytest.raises(Forbidden):
        world.repair(Accepted(approve=digest))
    world.simulator.faults.active.clear()
    assert locks_of(world) == {}
    (run,) = world.journal().open_runs()
    undone = world.remediation().undo(run.id, accepted=YES)
    assert undone.stand.verdict is Verdict.APPLIED
    assert locks_of(world) == before
    assert world.journal().open_runs() == []
