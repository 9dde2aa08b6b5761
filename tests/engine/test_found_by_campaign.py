"""What the campaign has found: each a history that must never come again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

import actions.locks
from arm.errors import Forbidden, NotFound
from remediate.engine.boundaries import (
    AFTER_ACCEPTED,
    AFTER_INTENT,
    AFTER_OUTCOME,
    AFTER_REPLY,
    BEFORE_NEXT_STEP,
    BEFORE_RUN,
    LEASED,
)
from remediate.engine.model import Verdict
from remediate.remediation import Accepted, Remediation
from remediate.sweep import left_open

from ..drill import CODE, YES, Drill

FOREIGN = "rp-collection-limit-foreign-group"


def approved(world: Drill, at: str, act: Callable[[], None]):
    """Repair with an approval of everything, and let somebody act once when the program comes to a boundary."""
    machine = world.remediation()
    digest = machine.plan(CODE, world.vm()).plan.digest
    left = [act]

    def reach(where: str) -> None:
        if where == at and left:
            left.pop()()

    machine.session.runtime = replace(machine.session.runtime, reach=reach)
    return machine.repair(CODE, world.vm(), accepted=Accepted(approve=digest))


class Died(BaseException):
    """The process is killed."""


@contextmanager
def dies_at(machine: Remediation, at: str):
    """Kill the program when it comes to a boundary."""

    def reach(where: str) -> None:
        if where == at:
            raise Died

    machine.session.runtime = replace(machine.session.runtime, reach=reach)
    with pytest.raises(Died):
        yield


def items_of(world: Drill):
    return [item for vault in world.simulator.world.recoveryservices.vaults.values() for item in vault.items.values()]


def owners_lock(world: Drill):
    locks = world.simulator.world.authorization.locks.values()
    return next(one for one in locks if "azurebackuprg_" not in one.scope.lower())


@pytest.mark.parametrize("at", [BEFORE_RUN, AFTER_OUTCOME])
def test_a_lock_that_its_owner_removes_while_the_run_begins_is_not_put_back(drill, at):
    world = drill(FOREIGN)
    authorization, lock = world.simulator.world.authorization, owners_lock(world)
    report = approved(world, at, lambda: authorization.remove_lock(lock.id))
    while report.stand.verdict is Verdict.PENDING:
        world.pass_time(max(report.stand.until - world.simulator.world.clock.now, timedelta(0)))
        report = world.resume(report.run.id)
    assert lock.id.lower() not in authorization.locks
    assert not [one for one in world.writes if one.endswith(f"locks/{lock.name}")]
    assert world.journal().duties(report.run.id) == []


@pytest.mark.parametrize("at", [BEFORE_RUN, AFTER_OUTCOME])
def test_a_lock_that_its_owner_changes_while_the_run_begins_is_not_removed(drill, at):
    world = drill(FOREIGN)
    authorization, lock = world.simulator.world.authorization, owners_lock(world)
    report = approved(world, at, lambda: authorization.add_lock(lock.scope, lock.name, lock.level, "mine from now on"))
    assert report.stand.verdict is Verdict.PENDING
    assert f"the lock {lock.name!r} was changed" in report.stand.reason
    report = world.resume(report.run.id)
    assert report.stand.verdict is Verdict.NEEDS_APPROVAL
    assert authorization.locks[lock.id.lower()].notes == "mine from now on"


def test_runs_that_were_cancelled_while_a_change_went_on_count_for_the_loop_breaker(drill):
    world = drill("agent-vm-failed")
    code = world.simulator.scenario.code
    for _ in range(2):
        digest = world.remediation().plan(code, world.vm()).plan.digest
        report = world.remediation(wait=0).repair(code, world.vm(), accepted=Accepted(approve=digest))
        assert world.writes[-1].endswith("/reapply")
        assert world.remediation().cancel(report.run.id).stand.verdict is Verdict.NOT_FIXED
        world.simulator.reset()
    digest = world.remediation().plan(code, world.vm()).plan.digest
    report = world.remediation().repair(code, world.vm(), accepted=Accepted(approve=digest))
    assert (report.stand.verdict, report.stand.refusal.guard) == (Verdict.REFUSED, "loop-breaker")


COM = "ExtensionSnapshotFailedCOM"


def with_a_run_command_left(world: Drill):
    """Repair inside the VM, and let Azure refuse to remove the run commands as long as the fault stands."""
    world.fault("status", status=403, method="DELETE", path="/runCommands/", times=None)
    digest = world.remediation(read_only=True).plan(COM, world.vm()).plan.digest
    report = world.repair(Accepted(approve=digest), COM)
    assert report.stand.verdict is Verdict.FIXED, report.stand
    return report


def swept(world: Drill) -> list[Verdict]:
    """Do what ``remediate resume`` does."""
    machine = world.remediation()
    left = left_open(machine.journal, machine.session.endpoint)
    return [machine.resume(one.run.id, accepted=Accepted(), now=one.dead).stand.verdict for one in left]


def test_a_run_command_that_a_run_has_left_is_removed_by_the_next_sweep_and_the_repair_stays(drill):
    world = drill("com-plus-stopped")
    report = with_a_run_command_left(world)
    (vm,) = world.simulator.world.compute.vms.values()
    assert "'remediate resume' tries it again" in report.stand.next_step
    assert swept(world) == [Verdict.FIXED]
    assert vm.run_commands
    world.simulator.faults.active.clear()
    assert swept(world) == [Verdict.FIXED]
    assert not vm.run_commands
    assert vm.inside.machine.service("COMSysApp")["state"] == "Running"
    assert world.journal().duties(report.run.id) == []
    assert swept(world) == []


def test_the_removal_of_what_a_run_has_left_is_followed_by_a_later_sweep_where_it_takes_long(drill):
    world = drill("com-plus-stopped")
    report = with_a_run_command_left(world)
    world.simulator.faults.active.clear()
    late = world.remediation(wait=0).resume(report.run.id, accepted=Accepted())
    assert (late.stand.verdict, "still in progress" in late.stand.next_step) == (Verdict.FIXED, True)
    assert swept(world) == [Verdict.FIXED]
    assert world.journal().duties(report.run.id) == []


def test_a_run_that_owes_nothing_any_more_is_not_looked_at_again(drill):
    world = drill("com-plus-stopped")
    report = with_a_run_command_left(world)
    world.simulator.faults.active.clear()
    assert world.remediation().undo(report.run.id, accepted=YES).stand.verdict is Verdict.APPLIED
    assert swept(world) == [Verdict.FIXED]
    assert swept(world) == []


def test_an_undoing_that_another_process_ends_strikes_off_what_the_run_still_owed(drill):
    world = drill("com-plus-stopped")
    report = with_a_run_command_left(world)
    world.simulator.faults.active.clear()
    undoing = world.remediation(wait=0).undo(report.run.id, accepted=YES)
    while undoing.stand.verdict is Verdict.PENDING:
        undoing = world.resume(undoing.run.id)
    assert undoing.stand.verdict is Verdict.APPLIED, undoing.stand
    assert world.journal().duties(report.run.id) == []


def test_a_cancelling_that_stops_half_way_is_gone_on_with_and_no_second_backup_is_started(drill):
    world = drill("rp-collection-limit-subscription-lock")
    machine = world.remediation(wait=0)
    digest = machine.plan(CODE, world.vm()).plan.digest
    run = machine.repair(CODE, world.vm(), accepted=Accepted(approve=digest)).run.id
    while not any(one.endswith("/backup") for one in world.writes):
        machine.resume(run, accepted=Accepted(), now=True)
    world.fault("status", status=403, method="GET", path="/backupJobs$", times=None)
    with pytest.raises(Forbidden):
        world.remediation().cancel(run)
    world.simulator.faults.active.clear()
    report = world.resume(run)
    assert report.stand.verdict is Verdict.NOT_FIXED
    assert report.stand.reason == "cancelled by the operator"
    assert sum(one.endswith("/backup") for one in world.writes) == 1
    assert world.journal().duties(run) == []


def test_a_lock_that_its_owner_sets_anew_while_it_is_on_loan_is_put_back_as_they_have_set_it(drill):
    world = drill(FOREIGN)
    authorization, lock = world.simulator.world.authorization, owners_lock(world)
    machine = world.remediation()
    digest = machine.plan(CODE, world.vm()).plan.digest
    with dies_at(machine, BEFORE_NEXT_STEP):
        machine.repair(CODE, world.vm(), accepted=Accepted(approve=digest))
    assert lock.id.lower() not in authorization.locks
    world.pass_time(timedelta(hours=1))
    authorization.add_lock(lock.scope, lock.name, lock.level, "mine from now on")
    (run,) = world.journal().open_runs()
    report = world.resume(run.id)
    while report.stand.verdict in (Verdict.PENDING, Verdict.NEEDS_APPROVAL):
        if report.stand.verdict is Verdict.NEEDS_APPROVAL:
            report = world.resume(run.id, Accepted(approve=report.plan.digest))
            continue
        world.pass_time(timedelta(hours=1))
        report = world.resume(run.id)
    assert report.stand.verdict is Verdict.FIXED, report.stand
    assert authorization.locks[lock.id.lower()].notes == "mine from now on"
    assert world.journal().duties(run.id) == []


def test_a_run_command_that_does_not_show_yet_is_still_removed_and_its_answer_heard(drill):
    world = drill("com-plus-stopped")
    world.fault("reset_after", method="PUT", path="/runCommands/")
    world.fault("status", status=404, method="GET", path="/runCommands/[^/]+$", skip=1, times=2)
    report = world.repair(YES, "action:check_guest_windows")
    assert report.stand.verdict is Verdict.NOTHING_TO_DO, report.stand
    assert not world.simulator.world.compute.vms[world.vm().id.lower()].run_commands


def test_a_run_command_of_a_process_that_stood_still_before_it_was_sent_is_still_removed(drill):
    world, left = drill("com-plus-stopped"), [timedelta(minutes=3)]
    machine = world.remediation()

    def reach(where: str) -> None:
        if where == AFTER_INTENT and left:
            world.pass_time(left.pop())

    machine.session.runtime = replace(machine.session.runtime, reach=reach)
    world.fault("reset_after", method="PUT", path="/runCommands/")
    world.fault("status", status=404, method="GET", path="/runCommands/[^/]+$", skip=1, times=2)
    report = machine.repair("action:check_guest_windows", world.vm(), accepted=YES)
    assert not world.simulator.world.compute.vms[world.vm().id.lower()].run_commands
    assert report.stand.verdict is Verdict.NOTHING_TO_DO, report.stand


def test_a_lock_that_somebody_sets_anew_once_azure_has_removed_it_is_not_removed_again(drill):
    world = drill()
    authorization = world.simulator.world.authorization
    (lock,) = authorization.locks.values()
    machine = world.remediation()
    with dies_at(machine, AFTER_ACCEPTED):
        machine.repair(CODE, world.vm(), accepted=YES)
    assert authorization.locks == {}
    world.pass_time(timedelta(hours=1))
    authorization.add_lock(lock.scope, lock.name, lock.level, lock.notes)
    (run,) = world.journal().open_runs()
    report = world.resume(run.id)
    assert list(authorization.locks) == [lock.id.lower()]
    assert report.stand.verdict is Verdict.NOT_FIXED
    assert "somebody has changed it back" in report.stand.reason


def test_a_debt_that_seems_to_be_paid_just_after_it_was_made_is_looked_at_again(drill, monkeypatch):
    world = drill(FOREIGN)
    lock, read = owners_lock(world), actions.locks.read_lock
    was, late, ended = read(world.session(), lock.id), [], []

    def goes_on(where: str) -> None:
        if where == AFTER_OUTCOME and not ended and lock.id.lower() not in world.simulator.world.authorization.locks:
            late.append(was)
            ended.append(where)
            raise RuntimeError("the process ends right after the lock was removed")

    monkeypatch.setattr(actions.locks, "read_lock", lambda *given: late.pop() if late else read(*given))

    machine = world.remediation()
    digest = machine.plan(CODE, world.vm()).plan.digest
    machine.session.runtime = replace(machine.session.runtime, reach=goes_on)
    with pytest.raises(RuntimeError):
        machine.repair(CODE, world.vm(), accepted=Accepted(approve=digest))
    assert lock.id.lower() in world.simulator.world.authorization.locks


def test_a_cancelling_that_takes_longer_than_its_process_may_wait_is_gone_on_with(drill):
    world = drill("rp-com-heap-small")
    world.fault("status", status=403, method="DELETE", path="/runCommands/", times=None)
    code = world.simulator.scenario.code
    digest = world.remediation(read_only=True).plan(code, world.vm()).plan.digest
    report = world.repair(Accepted(approve=digest), code)
    assert report.stand.verdict is Verdict.NEEDS_APPROVAL, report.stand
    world.simulator.faults.active.clear()
    parked = world.remediation(wait=0).cancel(report.run.id)
    assert (parked.stand.verdict, "still in progress" in parked.stand.reason) == (Verdict.PENDING, True)
    world.pass_time(timedelta(hours=1))
    assert world.resume(report.run.id).stand.reason == "cancelled by the operator"
    assert world.journal().duties(report.run.id) == []


def test_a_run_that_was_cancelled_and_could_not_give_a_lock_back_repairs_nothing_any_more(drill):
    world = drill(FOREIGN)
    digest = world.remediation(read_only=True).plan(CODE, world.vm()).plan.digest
    report = world.repair(Accepted(approve=digest))
    assert report.stand.verdict is Verdict.PENDING, report.stand
    lock = next(duty.target for duty in world.journal().duties(report.run.id) if "/locks/" in duty.target.lower())
    world.fault("deny", method="PUT", path="/locks/")
    assert world.remediation().cancel(report.run.id).stand.verdict is Verdict.PENDING
    before = len(world.writes)
    world.pass_time(timedelta(days=1))
    report = world.resume(report.run.id)
    assert (report.stand.verdict, report.stand.reason) == (Verdict.NOT_FIXED, "cancelled by the operator")
    assert lock.lower() in world.simulator.world.authorization.locks
    assert not [one for one in world.writes[before:] if one.endswith("/backup")]


def test_a_run_whose_vm_is_deleted_before_anything_was_done_ends(drill):
    world = drill("internal-error-extension")
    machine = world.remediation()
    with dies_at(machine, LEASED):
        machine.repair("BackUpOperationFailed", world.vm(), accepted=YES)
    del world.simulator.world.compute.vms[world.vm_id.lower()]
    world.pass_time(timedelta(hours=1))
    (run,) = world.journal().runs(1)
    report = world.resume(run.id)
    assert (report.stand.verdict, report.stand.reason) == (Verdict.NOT_FIXED, "the VM web-01 is not there any more")
    assert world.writes == []


def test_a_run_in_which_something_else_is_not_found_stays_open(drill):
    world = drill("internal-error-extension")
    machine = world.remediation()
    with dies_at(machine, LEASED):
        machine.repair("BackUpOperationFailed", world.vm(), accepted=YES)
    world.pass_time(timedelta(hours=1))
    (run,) = world.journal().runs(1)
    world.fault("status", status=404, method="GET", path="/protectedItems/", times=None)
    with pytest.raises(NotFound):
        world.resume(run.id)
    assert [one.id for one in world.journal().open_runs()] == [run.id]


def test_a_backup_that_had_begun_before_a_change_that_nobody_saw_is_no_proof(drill):
    world = drill("vm-not-desirable-extension")
    code, item = world.simulator.scenario.code, next(iter(items_of(world)))
    machine = world.remediation()

    def reach(where: str) -> None:
        if where == AFTER_INTENT:
            world.pass_time(timedelta(seconds=5))
            world.simulator.world.recoveryservices.service.start(item, user_triggered=False)
        if where == AFTER_REPLY:
            raise Died

    machine.session.runtime = replace(machine.session.runtime, reach=reach)
    with pytest.raises(Died):
        machine.repair(code, world.vm(), accepted=YES)
    world.pass_time(timedelta(hours=1))
    (run,) = world.journal().open_runs()
    report = world.resume(run.id)
    assert report.sent[0].result == "not applied"
    while report.stand.verdict is Verdict.PENDING:
        world.pass_time(timedelta(hours=1))
        report = world.resume(run.id)
    assert report.stand.verdict is Verdict.FIXED
    assert any(one.endswith("/backup") for one in world.writes)
