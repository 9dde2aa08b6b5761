"""A lock on loan: its copy on the VM, and giving it back when a process ends, a run is cancelled, a host is lost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from actions.tags import decode, encode, tag_of
from arm.errors import AzureError, Forbidden, UsageError
from remediate.engine.chains import ADOPT
from remediate.engine.model import Verdict
from remediate.journal.model import LeaseLost
from remediate.remediation import Accepted, Remediation
from remediate.sweep import left_open

from ..drill import CODE, YES, Drill
from .test_faults import finish_from

SCENARIO = "rp-collection-limit-subscription-lock"
OWNERS = [{"applicationId": "aaaaaaaa-1111-4222-8333-bbbbbbbbbbbb"}]
NOTES = "don't \"delete\"!\r\n\tÄrger – 週末 \U0001f512 '; drop -- \\ </notes>\x7f  "


@pytest.fixture
def world(drill) -> Drill:
    return loaned(drill)


def loaned(drill, scenario: str = SCENARIO) -> Drill:
    """A world whose lock has odd notes and an owner, and whose VM has tags of its own."""
    found = drill(scenario)
    authorization = found.simulator.world.authorization
    (lock,) = authorization.locks.values()
    authorization.add_lock(lock.scope, lock.name, lock.level, NOTES, OWNERS)
    machine(found).tags = {"Owner": "web", "backup-remediation": "on", "backup-remediation-loans": "mine"}
    found.before = truth(found)
    return found


def machine(world: Drill):
    return world.simulator.world.compute.vms[world.vm_id.lower()]


def truth(world: Drill):
    """The locks and tags as Azure has them."""
    locks = world.simulator.world.authorization.locks
    at_rest = {key: (one.name, one.level, one.notes, str(one.owners)) for key, one in locks.items()}
    return at_rest, dict(machine(world).tags)


def approved(world: Drill, **more):
    digest = make(world, **more).plan(CODE, world.vm()).plan.digest
    return make(world, **more).repair(CODE, world.vm(), accepted=Accepted(approve=digest))


def make(world: Drill, **more) -> Remediation:
    return Remediation(world.session(), world.journal, **{"tell": world.events.append, "wait": 3600.0, **more})


def kinds(world: Drill) -> list[str]:
    return [f"{one.split()[0]} {one.rsplit('/', 2)[-2]}" for one in world.effects]


def test_a_locks_exact_copy_is_on_the_vm_while_it_is_on_loan_and_gone_afterwards(world):
    (lock,) = world.simulator.world.authorization.locks.values()
    report = approved(world)
    assert report.stand.verdict is Verdict.PENDING
    locks, tags = truth(world)
    assert locks == {}
    (loan,), broken = decode(tags)
    assert broken == []
    assert loan.lock_id == lock.id
    assert loan.body == {"properties": {"level": lock.level, "notes": NOTES, "owners": OWNERS}}
    assert loan.run_id == report.run.id
    assert {name: value for name, value in tags.items() if not name.startswith(loan.tag)} == world.before[1]
    report = finish_from(world, report)
    assert report.stand.verdict is Verdict.FIXED
    assert truth(world) == world.before
    assert world.journal().duties(report.run.id) == []
    assert kinds(world) == ["PATCH tags", "DELETE locks", "POST protectedItems", "POST protectedItems"][:2] + [
        one for one in kinds(world) if one.startswith("POST")
    ] + ["PUT locks", "PATCH tags"]


def test_the_copy_is_in_the_plan_before_the_removal_and_has_its_permission(world):
    plan = make(world).plan(CODE, world.vm()).plan
    first, second = plan.steps[0].changes
    assert (first.action, second.action) == ("note_loan", "remove_lock")
    assert first.permissions == ("Microsoft.Resources/tags/write",)
    assert first.fingerprint in {change.fingerprint for change in plan.approvable}
    assert world.writes == []


def test_a_journal_that_outlives_the_machine_needs_no_copy(world):
    report = approved(world, kept_in="")
    assert truth(world) == ({}, world.before[1])
    assert finish_from(world, report).stand.verdict is Verdict.FIXED
    assert [one for one in kinds(world) if "tags" in one] == []


def test_where_no_tag_can_be_written_the_plan_says_that_the_journal_has_the_only_copy(world):
    read_only = world.simulator.world.authorization.add_lock(world.vm_id, "ro", "ReadOnly")
    with_tag = make(world).plan(CODE, world.vm()).plan.digest
    plan = make(world, kept_in="the journal /var/lib/x.db").plan(CODE, world.vm()).plan
    (change,) = plan.steps[0].changes
    assert "Its only copy will be in the journal /var/lib/x.db" in change.reason
    assert "the ReadOnly lock 'ro'" in change.reason
    assert change.before["its only copy"] == "in the journal"
    world.simulator.world.authorization.remove_lock(read_only.id)
    assert make(world).plan(CODE, world.vm()).plan.digest != with_tag


def test_a_copy_that_azure_refuses_is_asked_about_before_the_lock_is_touched(world):
    world.simulator.world.authorization.denied = {"Microsoft.Resources/tags/write"}
    report = approved(world)
    assert report.stand.verdict is Verdict.NEEDS_APPROVAL
    assert "Microsoft.Resources/tags/write" in report.stand.reason
    assert truth(world) == world.before
    assert "only copy" in report.plan.changes[0].reason
    report = world.resume(report.run.id, Accepted(approve=report.plan.digest))
    assert truth(world)[0] == {}
    assert finish_from(world, report).stand.verdict is Verdict.FIXED
    assert truth(world) == world.before


def test_a_copy_that_cannot_be_removed_is_owed_until_it_is(world):
    report = approved(world)
    world.simulator.world.authorization.denied = {"Microsoft.Resources/tags/write"}
    world.pass_time(timedelta(hours=6))
    report = world.resume(report.run.id)
    assert report.stand.verdict is Verdict.PENDING
    assert "the removal of the tag" in report.stand.reason
    assert truth(world)[0] == world.before[0]
    world.simulator.world.authorization.denied = set()
    assert world.resume(report.run.id).stand.verdict is Verdict.FIXED
    assert truth(world) == world.before


def test_a_copy_under_a_read_only_lock_of_somebody_else_is_left_until_a_sweep_may_remove_it(world):
    report = approved(world)
    lock = world.simulator.world.authorization.add_lock(world.vm_id, "ro", "ReadOnly")
    report = finish_from(world, report)
    assert report.stand.verdict is Verdict.FIXED
    assert tag_of(next(iter(world.before[0]))) in truth(world)[1]
    assert any(event.kind == "left" for event in world.events)
    assert world.resume(report.run.id).stand.verdict is Verdict.FIXED
    world.simulator.world.authorization.remove_lock(lock.id)
    machine = world.remediation()
    (left,) = left_open(machine.journal, machine.session.endpoint)
    assert machine.resume(left.run.id, accepted=Accepted()).stand.verdict is Verdict.FIXED
    assert truth(world) == world.before
    assert world.journal().duties(report.run.id) == []


def test_undo_takes_the_copy_away_too(world):
    report = approved(world)
    assert world.remediation().undo(report.run.id, accepted=YES).stand.verdict is Verdict.APPLIED
    assert truth(world) == world.before


class Interrupted:
    """Somebody who presses Ctrl-C, or a bug, at the so-many-th event of a kind."""

    def __init__(self, world: Drill, kind: str, error: BaseException, times: int = 1) -> None:
        self.world, self.kind, self.error, self.times = world, kind, error, times

    def __call__(self, event) -> None:
        self.world.events.append(event)
        if event.kind == self.kind and self.times and truth(self.world)[0] == {}:
            self.times -= 1
            raise self.error


STOPS = {"Ctrl-C": KeyboardInterrupt(), "a bug": ZeroDivisionError("1/0"), "no answer": AzureError("gone", "wait")}


@pytest.mark.parametrize("kind", ["outcome", "step", "change", "poll"])
@pytest.mark.parametrize("error", STOPS.values(), ids=STOPS)
def test_a_process_that_ends_in_the_middle_gives_the_lock_back_and_its_run_goes_on(world, error, kind):
    with pytest.raises(type(error)):
        approved(world, tell=Interrupted(world, kind, error))
    assert truth(world) == world.before
    (run,) = world.journal().open_runs()
    assert run.verdict == Verdict.PENDING.value
    assert "what was on loan is back" in run.reason
    assert world.journal().duties(run.id) == []
    report = finish_from(world, world.resume(run.id))
    if report.stand.verdict is Verdict.NEEDS_APPROVAL:  # the backup that starts the clean-up ended under the lock
        assert kind == "poll"
        report = finish_from(world, world.resume(run.id, Accepted(approve=report.plan.digest)))
    assert report.stand.verdict is Verdict.FIXED
    assert truth(world) == world.before
    assert len([one for one in kinds(world) if one.startswith("POST")]) == 2
    assert world.journal().open_runs() == []


def test_a_second_interruption_ends_the_process_at_once_and_the_lock_is_owed(world):
    def tell(event) -> None:
        if event.kind in ("poll", "stopping"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        approved(world, tell=tell)
    assert truth(world)[0] == {}
    (run,) = world.journal().open_runs()
    assert len(world.journal().duties(run.id)) == 2
    assert finish_from(world, world.resume(run.id)).stand.verdict is Verdict.FIXED
    assert truth(world) == world.before


def test_giving_back_in_a_hurry_is_not_held_up_by_an_azure_that_does_not_answer(world):
    def tell(event) -> None:
        world.events.append(event)
        if event.kind == "poll":
            world.fault("status", status=429, retry_after="60", method="PUT", times=None)
            world.slept.clear()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        approved(world, tell=tell)
    assert sum(world.slept) <= 60
    assert any(event.kind == "still_owed" for event in world.events)
    world.simulator.faults.active.clear()
    (run,) = world.journal().open_runs()
    assert finish_from(world, world.resume(run.id)).stand.verdict is Verdict.FIXED
    assert truth(world) == world.before


def test_nothing_can_be_given_back_where_azure_does_not_answer_at_all_and_the_error_is_the_first_one(world):
    def tell(event) -> None:
        if event.kind == "poll":
            world.fault("status", status=403, times=None)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        approved(world, tell=tell)
    world.simulator.faults.active.clear()
    (run,) = world.journal().open_runs()
    assert finish_from(world, world.resume(run.id)).stand.verdict is Verdict.FIXED
    assert truth(world) == world.before


def test_a_process_that_has_lost_its_lease_gives_nothing_back(world):
    def tell(event) -> None:
        if event.kind == "poll" and truth(world)[0] == {}:
            raise LeaseLost("another process is working on this VM", "Wait.")

    with pytest.raises(LeaseLost):
        approved(world, tell=tell)
    assert truth(world)[0] == {}


def test_a_failed_run_that_is_interrupted_while_it_gives_back_stays_failed(world):
    def tell(event) -> None:
        world.events.append(event)
        if event.kind == "change" and event.data["operation"] == "locks.create_or_update" and len(world.events) < 60:
            world.events.extend([event] * 60)
            raise KeyboardInterrupt

    world.fault("operation_fails", method="POST", path="/backup$", code="CloudInternalError", message="no")
    with pytest.raises(KeyboardInterrupt):
        approved(world, tell=tell)
    assert truth(world) == world.before
    (run,) = world.journal().open_runs()
    report = world.resume(run.id)
    assert report.stand.verdict is Verdict.NOT_FIXED
    assert len([one for one in kinds(world) if one.startswith("POST")]) == 1
    assert truth(world) == world.before


@pytest.mark.parametrize("event", ["poll", "change", "outcome"])
def test_a_run_that_is_cancelled_gives_back_what_it_has_and_is_over(world, event):
    if event == "poll":
        report = approved(world)
        run_id = report.run.id
    else:
        with pytest.raises(KeyboardInterrupt):
            approved(world, tell=Interrupted(world, event, KeyboardInterrupt(), times=9))
        run_id = world.journal().open_runs()[0].id
    report = world.remediation().cancel(run_id)
    assert report.stand.verdict is Verdict.NOT_FIXED
    assert report.stand.reason == "cancelled by the operator"
    assert truth(world) == world.before
    assert world.journal().open_runs() == []
    assert all(one.result for one in report.sent)
    assert world.remediation().cancel(run_id).stand.reason == "cancelled by the operator"


def test_a_backup_under_way_is_left_alone_when_its_run_is_cancelled(drill):
    world = drill()
    report = world.remediation(wait=0).repair(CODE, world.vm(), accepted=YES)
    assert report.stand.verdict is Verdict.PENDING
    report = world.remediation().cancel(report.run.id)
    assert report.sent[-1].detail == "the run was cancelled before its end was known"
    assert "undo" in report.stand.next_step
    with pytest.raises(UsageError):
        world.remediation().cancel("no-such-run")


def lost(world: Drill) -> None:
    """The host is lost, and its journal with it."""
    approved(world)
    world.state = world.state.with_name("another.db")
    world.pass_time(timedelta(hours=25))


def test_a_lock_whose_run_is_lost_is_put_back_from_the_vms_tags_as_it_was(world):
    lost(world)
    plan = world.remediation(read_only=True).plan(ADOPT, world.vm())
    assert [change.action for change in plan.plan.changes] == ["restore_lock", "remove_loan_note"]
    assert world.remediation().repair(ADOPT, world.vm(), accepted=Accepted()).stand.verdict is Verdict.NEEDS_APPROVAL
    assert truth(world)[0] == {}
    assert world.remediation().repair(ADOPT, world.vm(), accepted=YES).stand.verdict is Verdict.APPLIED
    assert truth(world) == world.before
    again = world.remediation().repair(ADOPT, world.vm(), accepted=YES)
    assert again.stand.verdict is Verdict.NOTHING_TO_DO
    assert "no tag" in again.stand.reason


def adopted(world: Drill) -> str:
    report = world.remediation().plan(ADOPT, world.vm())
    assert report.stand.verdict is Verdict.NOTHING_TO_DO
    return report.stand.reason


def test_a_lock_whose_run_is_known_is_that_runs_to_give_back(world):
    approved(world)
    world.pass_time(timedelta(hours=25))
    assert "of this journal owes the lock" in adopted(world)


def test_a_lock_that_is_away_for_less_than_a_day_may_be_needed_away_elsewhere(world):
    approved(world)
    world.state = world.state.with_name("another.db")
    world.pass_time(timedelta(hours=23))
    assert "a run elsewhere may still need that" in adopted(world)


def test_a_copy_that_is_not_whole_or_of_another_subscription_puts_nothing_back(world):
    lost(world)
    machine(world).tags = {
        name: value[:-1] if name.startswith("backup-remediation-loan-") else value
        for name, value in machine(world).tags.items()
    }
    assert "not whole" in adopted(world)


def test_a_lock_that_somebody_set_since_stays_and_only_the_copy_is_removed(world):
    lost(world)
    (lock_id,) = world.before[0]
    scope, _, name = lock_id.partition("/providers/microsoft.authorization/locks/")
    world.simulator.world.authorization.add_lock(scope, name, "ReadOnly", "mine")
    world.simulator.world.authorization.locks[lock_id].level = "NotSpecified"
    report = world.remediation().repair(ADOPT, world.vm(), accepted=YES)
    assert [one.change.action for one in report.sent] == ["remove_loan_note"]
    assert truth(world)[1] == world.before[1]


def test_a_copy_of_a_lock_in_another_subscription_puts_nothing_back(world):
    elsewhere = "/subscriptions/33333333-3333-4333-8333-333333333333/providers/Microsoft.Authorization/locks/x"
    machine(world).tags = encode(elsewhere, {"properties": {"level": "ReadOnly"}}, "r" * 32, "2026-01-01T00:00:00Z")
    assert "another subscription" in adopted(world)


def test_a_lock_that_is_gone_when_its_copy_is_refused_needs_no_approval_any_more(world):
    def tell(event) -> None:
        if event.kind == "change" and event.data["operation"] == "tags.update":
            world.simulator.world.authorization.locks.clear()

    world.simulator.world.authorization.denied = {"Microsoft.Resources/tags/write"}
    report = approved(world, tell=tell)
    assert report.stand.verdict is Verdict.PENDING
    assert finish_from(world, report).stand.verdict is Verdict.FIXED


def test_a_run_that_cannot_be_verified_gives_the_lock_back_and_does_not_take_it_again(world):
    report = approved(world)
    world.fault("deny", method="GET", path="recoveryPoints$", times=None)
    world.pass_time(timedelta(hours=6))
    with pytest.raises(Forbidden):
        world.resume(report.run.id)
    assert truth(world) == world.before
    world.simulator.faults.active.clear()
    assert world.resume(report.run.id).stand.verdict is Verdict.FIXED
    assert len([one for one in kinds(world) if one == "DELETE locks"]) == 1


def test_a_deletion_that_fails_after_an_interruption_does_not_keep_the_lock_from_being_taken_again(drill):
    world = drill("rp-collection-limit-points-stuck")
    authorization = world.simulator.world.authorization
    subscription = f"/subscriptions/{world.server.ready['subscription']}"
    authorization.add_lock(subscription, "everything", "CanNotDelete", NOTES, OWNERS)
    before = {key for key, lock in authorization.locks.items() if lock.scope == subscription}
    report = finish_from(world, approved(world))
    assert report.stand.verdict is Verdict.NEEDS_APPROVAL

    def tell(event) -> None:
        world.events.append(event)
        if event.kind == "poll":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(world, tell=tell).resume(report.run.id, accepted=Accepted(approve=report.plan.digest))
    assert before <= set(authorization.locks)
    report = finish_from(world, world.resume(report.run.id))
    assert report.stand.verdict is Verdict.NEEDS_APPROVAL
    assert len([one for one in kinds(world) if one == "DELETE locks"]) == 3
    world.remediation().cancel(report.run.id)
    assert before <= set(authorization.locks)


def test_a_lock_whose_resource_is_gone_keeps_no_run_open_and_is_put_back_when_the_resource_is_there_again(drill):
    world = drill("rp-collection-limit-foreign-group")
    truth = world.simulator.world
    collection = next(iter(truth.compute.collections.values()))
    truth.authorization.locks.clear()
    lock = truth.authorization.add_lock(collection.id, "on-it", "CanNotDelete", "mine")
    digest = world.remediation(read_only=True).plan(CODE, world.vm()).plan.digest
    run = world.repair(Accepted(approve=digest)).run.id
    del truth.compute.collections[collection.id.lower()]
    world.pass_time(timedelta(hours=9))
    stand = world.resume(run).stand
    assert (stand.verdict, "the lock 'on-it' is still to be done" in stand.next_step) == (Verdict.FIXED, True)
    assert [one.target.endswith("/on-it") for one in world.journal().duties(run)] == [True, False], "and its copy"
    truth.compute.collections[collection.id.lower()] = collection
    world.resume(run)
    assert truth.authorization.locks[lock.id.lower()] == lock
    assert world.journal().duties(run) == []
