"""What every journal promises, whatever it stores to: durable when a call returns, and one at a time on a VM."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arm.errors import RemediationError
from remediate.journal.model import CLOSED, OPEN, Duty, Run

from .runs import AT, OTHER, VM, run, runs

LOCK = "/subscriptions/s/resourceGroups/AzureBackupRG_1/providers/Microsoft.Authorization/locks/Keep"
BODY = {"properties": {"level": "ReadOnly", "notes": "ü", "owners": [{"applicationId": "a"}]}}
NUMBERS = itertools.count()
FILES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)


def never(_owner: str) -> bool:
    return False


@given(runs)
def test_a_run_comes_back_as_it_was_written(one):
    assert Run.from_json(json.loads(json.dumps(one.to_json()))) == one


def test_a_run_without_a_start_is_no_run():
    with pytest.raises(ValueError, match="no start time"):
        Run.from_json({**run().to_json(), "started_at": None})


def test_a_run_is_found_by_its_id_by_whoever_opens_the_journal(journal, reopen):
    journal.create(run())
    assert journal.run("run-1") == run()
    assert reopen().run("run-1") == run()


def test_a_run_is_found_by_a_beginning_of_its_id_that_only_one_has(journal):
    for one in ("abc1", "abd2", "abd"):
        journal.create(run(one))
    assert journal.run("abc").id == "abc1"
    assert journal.run("abd").id == "abd", "the whole id of one counts before a beginning of another"
    assert journal.run("abd2").id == "abd2"
    assert journal.run("ab") is None


@pytest.mark.parametrize("text", ["", "x", "%", "_", "RUN-1", "run-1x", "*"])
def test_no_run_is_found_by_anything_else(journal, text):
    journal.create(run())
    assert journal.run(text) is None


def test_two_runs_cannot_have_the_same_id(journal):
    journal.create(run())
    with pytest.raises(RemediationError):
        journal.create(run(vm_id=OTHER))
    assert journal.run("run-1") == run()


@FILES
@given(one=runs)
def test_the_state_of_a_run_is_what_was_last_saved(reopen, one):
    journal = reopen()
    one = replace(one, id=f"run-{next(NUMBERS):06}")
    journal.create(replace(one, position=0, verdict="", status=OPEN))
    journal.save(one)
    assert journal.run(one.id) == one
    journal.close()


def test_saving_a_run_leaves_the_others_alone(journal):
    journal.create(run("one"))
    journal.create(run("two"))
    journal.save(run("one", status=CLOSED, verdict="Fixed"))
    assert journal.run("two") == run("two")


def test_the_newest_runs_come_first_and_no_more_than_asked_for(journal):
    for number in range(5):
        journal.create(run(f"run-{number}"))
    assert [one.id for one in journal.runs(3)] == ["run-4", "run-3", "run-2"]
    assert len(journal.runs(99)) == 5
    journal.save(run("run-0"))
    assert journal.runs(1)[0].id == "run-4", "newest by its beginning, not by its last change"


def test_the_runs_of_one_vm_are_found_however_its_id_is_written(journal):
    journal.create(run("one"))
    journal.create(run("two", vm_id=OTHER))
    assert [one.id for one in journal.runs(9, VM.upper())] == ["one"]
    assert [one.id for one in journal.runs(9, OTHER + "/")] == ["two"]
    assert journal.runs(9, VM + "x") == []


def test_open_runs_come_oldest_first_and_without_those_that_have_ended(journal):
    for number in range(4):
        journal.create(run(f"run-{number}", vm_id=VM if number % 2 else OTHER))
    journal.save(run("run-1", status=CLOSED))
    assert [one.id for one in journal.open_runs()] == ["run-0", "run-2", "run-3"]
    assert [one.id for one in journal.open_runs(VM.lower())] == ["run-3"]


def test_an_empty_journal_has_nothing(journal):
    assert list(journal.runs(9)) == list(journal.open_runs()) == list(journal.records("x")) == []
    assert list(journal.duties("x")) == []


def test_records_come_back_in_the_order_they_were_written_with_their_time_and_data(journal, reopen):
    journal.create(run())
    for number in range(12):
        journal.append("run-1", f"kind {number}", AT + timedelta(microseconds=number), {"n": [number], "t": "ü"})
    journal.append("run-2", "other", AT, {})
    found = reopen().records("run-1")
    assert [record.sequence for record in found] == list(range(1, 13))
    assert [record.kind for record in found] == [f"kind {number}" for number in range(12)]
    assert found[7].at == AT + timedelta(microseconds=7)
    assert found[7].data == {"n": [7], "t": "ü"}
    assert [record.sequence for record in journal.records("run-2")] == [1]


def test_a_debt_stands_until_it_is_repaid(journal, reopen):
    duty = Duty("run-1", LOCK, BODY)
    journal.add_duty(duty)
    assert reopen().duties("run-1") == [duty]
    assert journal.duties("run-2") == []
    journal.repaid(Duty("run-1", LOCK.upper(), {}))
    assert reopen().duties("run-1") == []


def test_a_debt_that_is_there_already_stays_as_it_is(journal):
    journal.add_duty(Duty("run-1", LOCK, BODY))
    journal.add_duty(Duty("run-1", LOCK.lower(), {"properties": {"level": "CanNotDelete"}}))
    assert journal.duties("run-1") == [Duty("run-1", LOCK, BODY)]


def test_what_was_repaid_can_be_borrowed_again(journal):
    journal.add_duty(Duty("run-1", LOCK, BODY))
    journal.repaid(Duty("run-1", LOCK, BODY))
    again = Duty("run-1", LOCK, {"properties": {"level": "CanNotDelete"}})
    journal.add_duty(again)
    assert journal.duties("run-1") == [again]


def test_repaying_one_debt_leaves_the_others(journal):
    one, two = Duty("run-1", LOCK, BODY), Duty("run-1", LOCK + "2", BODY)
    other = Duty("run-2", LOCK, BODY)
    for duty in (one, two, other):
        journal.add_duty(duty)
    journal.repaid(one)
    journal.repaid(Duty("run-9", LOCK, BODY))
    assert journal.duties("run-1") == [two]
    assert journal.duties("run-2") == [other]


def test_a_vm_has_one_owner_at_a_time(journal, reopen):
    assert journal.acquire(VM, "a", AT, 60, never)
    other = reopen()
    assert not other.acquire(VM.upper(), "b", AT, 60, never)
    assert other.acquire(OTHER, "b", AT, 60, never), "another VM is another lease"


def test_an_owner_renews_its_lease(journal):
    assert journal.acquire(VM, "a", AT, 60, never)
    assert journal.acquire(VM, "a", AT + timedelta(seconds=50), 60, never)
    assert not journal.acquire(VM, "b", AT + timedelta(seconds=100), 60, never)


def test_a_lease_that_is_not_renewed_ends_by_itself(journal):
    assert journal.acquire(VM, "a", AT, 60, never)
    assert not journal.acquire(VM, "b", AT + timedelta(seconds=59), 60, never)
    assert journal.acquire(VM, "b", AT + timedelta(seconds=60), 60, never)
    assert not journal.acquire(VM, "a", AT + timedelta(seconds=61), 60, never)


def test_a_lease_that_its_owner_has_abandoned_can_be_taken(journal):
    assert journal.acquire(VM, "a", AT, 60, never)
    asked = []
    assert journal.acquire(VM, "b", AT, 60, lambda owner: asked.append(owner) is None)
    assert asked == ["a"]
    assert not journal.acquire(VM, "a", AT, 60, never)


def test_only_its_owner_can_give_a_lease_back(journal):
    assert journal.acquire(VM, "a", AT, 60, never)
    journal.release(VM, "b")
    assert not journal.acquire(VM, "b", AT, 60, never)
    journal.release(VM.upper(), "a")
    assert journal.acquire(VM, "b", AT, 60, never)


steps = st.lists(
    st.tuples(st.sampled_from(["acquire", "release"]), st.sampled_from("abc"), st.integers(0, 40)), max_size=8
)


@FILES
@given(steps=steps)
def test_whatever_the_order_no_two_owners_ever_hold_a_vm_at_once(reopen, steps):
    journal, now = reopen(), AT
    for owner in "abc":
        journal.release(VM, owner)
    holder, until = "", AT
    for action, owner, seconds in steps:
        now += timedelta(seconds=seconds)
        if action == "release":
            journal.release(VM, owner)
            holder = "" if holder == owner else holder
            continue
        free = holder in ("", owner) or until <= now
        assert journal.acquire(VM, owner, now, 60, never) is free
        if free:
            holder, until = owner, now + timedelta(seconds=60)
    journal.close()
