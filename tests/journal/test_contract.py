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
from remediate.journal.model import CLOSED, OPEN, Duty, Held, LeaseLost, Mark, Run

from .runs import AT, OTHER, VM, held, never, run, runs

LOCK = "/subscriptions/s/resourceGroups/AzureBackupRG_1/providers/Microsoft.Authorization/locks/Keep"
BODY = {"properties": {"level": "ReadOnly", "notes": "ü", "owners": [{"applicationId": "a"}]}}
NUMBERS = itertools.count()
FILES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)


@given(runs)
def test_a_run_comes_back_as_it_was_written(one):
    assert Run.from_json(json.loads(json.dumps(one.to_json()))) == one


def test_a_run_without_a_start_is_no_run():
    with pytest.raises(ValueError, match="no start time"):
        Run.from_json({**run().to_json(), "started_at": None})


def test_a_run_is_found_by_its_id_by_whoever_opens_the_journal(journal, reopen):
    journal.create(run(), held(journal))
    assert journal.run("run-1") == run()
    assert reopen().run("run-1") == run()


def test_a_run_is_found_by_a_beginning_of_its_id_that_only_one_has(journal):
    for one in ("abc1", "abd2", "abd"):
        journal.create(run(one), held(journal))
    assert journal.run("abc").id == "abc1"
    assert journal.run("abd").id == "abd", "the whole id of one counts before a beginning of another"
    assert journal.run("abd2").id == "abd2"
    assert journal.run("ab") is None


@pytest.mark.parametrize("text", ["", "x", "%", "_", "RUN-1", "run-1x", "*"])
def test_no_run_is_found_by_anything_else(journal, text):
    journal.create(run(), held(journal))
    assert journal.run(text) is None


def test_two_runs_cannot_have_the_same_id(journal):
    journal.create(run(), held(journal))
    with pytest.raises(RemediationError):
        journal.create(run(vm_id=OTHER), held(journal, OTHER))
    assert journal.run("run-1") == run()


@FILES
@given(one=runs)
def test_the_state_of_a_run_is_what_was_last_saved(reopen, one):
    journal = reopen()
    one = replace(one, id=f"run-{next(NUMBERS):06}")
    lease = held(journal, one.vm_id)
    journal.create(replace(one, position=0, verdict="", status=OPEN), lease)
    journal.save(one, lease)
    assert journal.run(one.id) == one
    journal.close()


def test_saving_a_run_leaves_the_others_alone(journal):
    journal.create(run("one"), held(journal))
    journal.create(run("two"), held(journal))
    journal.save(run("one", status=CLOSED, verdict="Fixed"), held(journal))
    assert journal.run("two") == run("two")


def test_the_newest_runs_come_first_and_no_more_than_asked_for(journal):
    for number in range(5):
        journal.create(run(f"run-{number}"), held(journal))
    assert [one.id for one in journal.runs(3)] == ["run-4", "run-3", "run-2"]
    assert len(journal.runs(99)) == 5
    assert journal.runs(0) == journal.runs(0, VM) == []
    journal.save(run("run-0"), held(journal))
    assert journal.runs(1)[0].id == "run-4", "newest by its beginning, not by its last change"


def test_the_runs_of_one_vm_are_found_however_its_id_is_written(journal):
    journal.create(run("one"), held(journal))
    journal.create(run("two", vm_id=OTHER), held(journal, OTHER))
    assert [one.id for one in journal.runs(9, VM.upper())] == ["one"]
    assert [one.id for one in journal.runs(9, OTHER + "/")] == ["two"]
    assert journal.runs(9, VM + "x") == []


def test_open_runs_come_oldest_first_and_without_those_that_have_ended(journal):
    for number in range(4):
        vm = VM if number % 2 else OTHER
        journal.create(run(f"run-{number}", vm_id=vm), held(journal, vm))
    journal.save(run("run-1", status=CLOSED), held(journal))
    assert [one.id for one in journal.open_runs()] == ["run-0", "run-2", "run-3"]
    assert [one.id for one in journal.open_runs(VM.lower())] == ["run-3"]


def test_an_empty_journal_has_nothing(journal):
    assert list(journal.runs(9)) == list(journal.open_runs()) == list(journal.records("x")) == []
    assert list(journal.duties("x")) == []


def test_records_come_back_in_the_order_they_were_written_with_their_time_and_data(journal, reopen):
    journal.create(run(), held(journal))
    for number in range(12):
        at, data = AT + timedelta(microseconds=number), {"n": [number], "t": "ü"}
        journal.append("run-1", f"kind {number}", at, data, held(journal))
    journal.create(run("run-2"), held(journal))
    journal.append("run-2", "other", AT, {}, held(journal))
    found = reopen().records("run-1")
    assert [record.sequence for record in found] == list(range(1, 13))
    assert [record.kind for record in found] == [f"kind {number}" for number in range(12)]
    assert found[7].at == AT + timedelta(microseconds=7)
    assert found[7].data == {"n": [7], "t": "ü"}
    assert [record.sequence for record in journal.records("run-2")] == [1]


def test_a_debt_stands_until_it_is_repaid(journal, reopen):
    journal.create(run(), held(journal))
    duty = Duty("run-1", LOCK, BODY)
    journal.add_duty(duty, held(journal))
    assert reopen().duties("run-1") == [duty]
    assert journal.duties("run-2") == []
    journal.repaid(Duty("run-1", LOCK.upper(), {}), held(journal))
    assert reopen().duties("run-1") == []


def test_a_debt_that_is_there_already_stays_as_it_is(journal):
    journal.create(run(), held(journal))
    journal.add_duty(Duty("run-1", LOCK, BODY), held(journal))
    journal.add_duty(Duty("run-1", LOCK.lower(), {"properties": {"level": "CanNotDelete"}}), held(journal))
    assert journal.duties("run-1") == [Duty("run-1", LOCK, BODY)]


def test_what_was_repaid_can_be_borrowed_again(journal):
    journal.create(run(), held(journal))
    journal.add_duty(Duty("run-1", LOCK, BODY), held(journal))
    journal.repaid(Duty("run-1", LOCK, BODY), held(journal))
    again = Duty("run-1", LOCK, {"properties": {"level": "CanNotDelete"}})
    journal.add_duty(again, held(journal))
    assert journal.duties("run-1") == [again]


def test_repaying_one_debt_leaves_the_others(journal):
    journal.create(run(), held(journal))
    journal.create(run("run-2"), held(journal))
    one, two = Duty("run-1", LOCK, BODY), Duty("run-1", LOCK + "2", BODY)
    other = Duty("run-2", LOCK, BODY)
    for duty in (one, two, other):
        journal.add_duty(duty, held(journal))
    journal.repaid(one, held(journal))
    journal.repaid(Duty("run-9", LOCK, BODY), held(journal))
    assert journal.duties("run-1") == [two]
    assert journal.duties("run-2") == [other]


def test_a_vm_has_one_owner_at_a_time(journal, reopen):
    assert journal.acquire(VM, "a", AT, 60, never) == Held(VM, "a", 1)
    other = reopen()
    assert other.acquire(VM.upper(), "b", AT, 60, never) is None
    assert other.acquire(OTHER, "b", AT, 60, never) == Held(OTHER, "b", 1), "another VM is another lease"


def test_an_owner_renews_its_lease_without_a_new_fence(journal):
    assert journal.acquire(VM, "a", AT, 0, never).fence == 1
    assert journal.acquire(VM, "a", AT, 60, never).fence == 1
    assert journal.acquire(VM, "b", AT, 60, never) is None


def test_a_lease_that_is_not_renewed_ends_by_itself(journal):
    assert journal.acquire(VM, "a", AT, 0, never)
    assert journal.acquire(VM, "b", AT, 60, never).fence == 2
    assert journal.acquire(VM, "a", AT, 60, never) is None


def test_a_lease_that_its_owner_has_abandoned_can_be_taken(journal):
    assert journal.acquire(VM, "a", AT, 60, never)
    asked = []
    assert journal.acquire(VM, "b", AT, 60, lambda owner: asked.append(owner) is None).fence == 2
    assert asked == ["a"]
    assert journal.acquire(VM, "a", AT, 60, never) is None


def test_only_who_holds_a_lease_can_give_it_back(journal, reopen):
    lease = journal.acquire(VM, "a", AT, 60, never)
    reopen().release(Held(VM, "b", lease.fence))
    reopen().release(Held(VM, "a", lease.fence - 1))
    assert journal.acquire(VM, "b", AT, 60, never) is None
    reopen().release(Held(VM.upper(), "a", lease.fence))
    assert journal.acquire(VM, "b", AT, 60, never).fence == 2
    journal.release(Held(OTHER, "a", 1))


def test_a_lease_that_was_given_back_and_taken_again_has_a_new_fence(journal):
    lease = held(journal)
    journal.release(lease)
    assert held(journal).fence == lease.fence + 1


def test_a_check_finds_out_whether_the_lease_was_taken_since(journal, reopen):
    lease = journal.acquire(VM, "a", AT, 0, never)
    journal.check(lease)
    other = reopen().acquire(VM, "b", AT, 60, never)
    with pytest.raises(LeaseLost, match="another process"):
        journal.check(lease)
    reopen().release(other)
    with pytest.raises(LeaseLost):
        journal.check(lease)
    with pytest.raises(LeaseLost):
        journal.check(Held(OTHER, "a", 1))


WRITES = {
    "create": lambda journal, lease: journal.create(run("run-9"), lease),
    "save": lambda journal, lease: journal.save(run("run-1", status=CLOSED, position=7), lease),
    "append": lambda journal, lease: journal.append("run-1", "kind", AT, {}, lease),
    "add_duty": lambda journal, lease: journal.add_duty(Duty("run-1", LOCK + "2", BODY), lease),
    "repaid": lambda journal, lease: journal.repaid(Duty("run-1", LOCK, BODY), lease),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("since", ["taken by another", "taken and given back", "given back"])
def test_who_has_lost_the_lease_writes_nothing(journal, reopen, write, since):
    lease = journal.acquire(VM, "a", AT, 0, never)
    journal.create(run(), lease)
    journal.append("run-1", "first", AT, {}, lease)
    journal.add_duty(Duty("run-1", LOCK, BODY), lease)
    other = reopen()
    if since == "given back":
        other.release(lease)
    else:
        theirs = other.acquire(VM, "b", AT, 60, lambda _owner: True)
        if since == "taken and given back":
            other.release(theirs)
    for _ in range(2):
        with pytest.raises(LeaseLost):
            WRITES[write](journal, lease)
    for one in (journal, reopen()):
        assert one.runs(9) == [run()]
        assert one.open_runs() == [run()]
        assert one.run("run-9") is None
        assert [record.kind for record in one.records("run-1")] == ["first"]
        assert one.duties("run-1") == [Duty("run-1", LOCK, BODY)]


def test_two_writers_with_one_lease_each_write_all_they_have(journal, reopen):
    lease, other = held(journal), reopen()
    journal.create(run(), lease)
    for number in range(6):
        (journal, other)[number % 2].append("run-1", str(number), AT, {}, lease)
    assert [record.kind for record in journal.records("run-1")] == list("012345")


steps = st.lists(
    st.tuples(st.sampled_from(["take", "take for no time", "give back", "write"]), st.sampled_from("abc")), max_size=12
)


@FILES
@given(steps=steps)
def test_whatever_the_order_nobody_but_the_holder_writes_and_fences_only_grow(reopen, steps):
    vm = f"{VM}-{next(NUMBERS)}"
    journals = {owner: reopen() for owner in "abc"}
    known: dict[str, Held] = {}
    holder, lapsed, fence, written = "", True, 0, 0
    start = held(journals["a"], vm, "start")
    journals["a"].create(run(vm, vm_id=vm), start)
    journals["a"].release(start)
    last = start.fence
    for action, owner in steps:
        journal = journals[owner]
        if action.startswith("take"):
            got = journal.acquire(vm, owner, AT, 0 if "no time" in action else 60, never)
            assert (got is not None) is (lapsed or holder in ("", owner))
            if got is not None:
                fence = last if holder == owner else last + 1
                assert got == Held(vm, owner, fence)
                known[owner], holder, last = got, owner, fence
                lapsed = "no time" in action
        elif owner in known and action == "give back":
            journal.release(known[owner])
            if holder == owner and known[owner].fence == last:
                holder, lapsed = "", True
        elif owner in known:
            mine = holder == owner and known[owner].fence == last
            try:
                journal.append(vm, owner, AT, {}, known[owner])
                written += 1
            except LeaseLost:
                assert not mine
            else:
                assert mine
    assert len(journals["a"].records(vm)) == written
    for journal in journals.values():
        journal.close()


def test_marks_come_back_by_topic_and_key_the_last_of_each(journal, reopen):
    later = AT + timedelta(hours=1)
    for mark in (Mark("a", "2/?#", AT, {"n": 1}), Mark("a", "1", later, {"t": "ü"}), Mark("b", "1", AT, {})):
        journal.mark(mark)
    journal.mark(Mark("a", "2/?#", AT, {"n": 2}))
    assert reopen().marks("a") == [Mark("a", "1", later, {"t": "ü"}), Mark("a", "2/?#", AT, {"n": 2})]
    assert [mark.key for mark in journal.marks("a", later)] == ["1"]
    journal.unmark("a", "1")
    journal.unmark("a", "never there")
    assert [mark.key for mark in reopen().marks("a")] == ["2/?#"]
    assert journal.marks("c") == []


LONG = {"script": "".join(chr(33 + (number * 7919) % 90) for number in range(61_440)), "ü": "ж" * 40_000}


def test_what_is_as_long_as_a_script_comes_back_whole(journal, reopen):
    lease = held(journal)
    journal.create(run(arguments={"t": "x" * 70_000}), lease)
    journal.append("run-1", "intent", AT, LONG, lease)
    journal.add_duty(Duty("run-1", LOCK, LONG), lease)
    journal.mark(Mark("topic", "key", AT, LONG))
    other = reopen()
    assert other.run("run-1").arguments == {"t": "x" * 70_000}
    assert other.records("run-1")[0].data == LONG
    assert other.duties("run-1")[0].body == LONG
    assert other.marks("topic")[0].data == LONG
    journal.save(run(), lease)
    assert other.run("run-1") == run()


def old(journal) -> None:
    """Three runs of long ago: one that is over, one that is open, one that is over and owes; and a new one."""
    lease = held(journal)
    for name in ("over", "open", "owing"):
        journal.create(run(name), lease)
        for number in range(3):
            journal.append(name, f"kind {number}", AT, {}, lease)
    journal.create(run("new", started_at=AT + timedelta(days=2)), lease)
    for name in ("over", "owing"):
        journal.add_duty(Duty(name, LOCK, BODY), lease)
    journal.repaid(Duty("over", LOCK, BODY), lease)
    for name in ("over", "owing"):
        journal.save(run(name, status=CLOSED), lease)
    journal.save(run("new", status=CLOSED, started_at=AT + timedelta(days=2)), lease)
    journal.release(lease)


def test_pruning_removes_what_is_over_and_old_and_nothing_else(journal, reopen):
    old(journal)
    journal.mark(Mark("freeze", "everything", AT, {}))
    assert journal.prune(AT) == 0
    assert journal.prune(AT + timedelta(days=1)) == 1
    other = reopen()
    assert sorted(one.id for one in other.runs(9)) == ["new", "open", "owing"]
    assert other.run("over") is None
    assert list(other.records("over")) == list(other.duties("over")) == []
    assert len(other.records("open")) == len(other.records("owing")) == 3
    assert other.duties("owing") == [Duty("owing", LOCK, BODY)]
    assert len(other.marks("freeze")) == 1
    assert journal.prune(AT + timedelta(days=1)) == 0


def test_a_lease_taken_after_pruning_is_worth_as_much_as_any(journal):
    lease = held(journal)
    journal.prune(AT + timedelta(days=9999))
    try:
        journal.check(lease)
    except LeaseLost:
        lease = held(journal)
    journal.create(run(), lease)
    assert journal.runs(9) == [run()]


def test_a_store_says_whether_it_outlives_the_machine(journal, state):
    assert journal.off_machine is state.startswith("http")
