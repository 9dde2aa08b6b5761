"""What the court makes of people, of stale looks and of two runs at once: what only looks like a violation is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from remediate.campaign.process import Process
from simulator.faults import Fault
from simulator.wire import Fields, Request

from .test_invariants import LOCK, SERVICE, Forge

LOCKS = "/subscriptions/22222222-2222-4222-8222-222222222222/providers/Microsoft.Authorization/locks"


def removed_twice(forge: Forge, *, accepted: bool, set_anew: bool) -> list[str]:
    """A process removes a lock and ends; somebody sets it as it was, or does not; another process removes it."""
    run, lock = forge.run(), forge.world.authorization.add_lock(SERVICE, "do-not-delete", "CanNotDelete")
    for first in (True, False):
        forge.note(run, "intent", {"change": forge.service_lock.to_json()})
        forge.send(forge.service_lock)
        if accepted and first:
            forge.note(run, "accepted", {"operation": None})
        if set_anew and first:
            forge.court.people_set(lock)
        forge.note(run, "outcome", {"result": "not applied" if first else "applied", "detail": ""})
    return [one.invariant for one in forge.court.violations]


@pytest.mark.parametrize(
    ("accepted", "set_anew", "found"),
    [
        (False, True, []),
        (True, True, ["nothing_is_done_twice"]),
        (False, False, ["nothing_is_done_twice"]),
    ],
    ids=["looks like one that was never removed", "Azure had taken the removal", "nobody has set it anew"],
)
def test_a_lock_may_be_removed_again_only_where_it_looks_as_if_it_had_never_been(forge, accepted, set_anew, found):
    assert removed_twice(forge, accepted=accepted, set_anew=set_anew) == found


@pytest.mark.parametrize("own", [True, False], ids=["in its own run", "in the run of the one who was killed"])
def test_a_change_belongs_to_the_run_for_which_its_process_has_noted_it(forge, own):
    killed, other = forge.process(), forge.process()
    first, second = forge.run(1), forge.run(2)
    forge.note(first, "intent", {"change": forge.service_lock.to_json()})
    forge.send(forge.service_lock, killed)
    forge.note(second, "intent", {"change": forge.service_lock.to_json()})
    other.intends = second.id if own else first.id
    forge.looks = False
    other.locks_read = other.locks_known = forge.history.number
    forge.send(forge.service_lock, other)
    twice = [one.invariant for one in forge.court.violations if one.invariant == "nothing_is_done_twice"]
    assert twice == ([] if own else ["nothing_is_done_twice"])


def asked(forge: Forge, process: Process) -> None:
    path = f"{LOCKS}?api-version=2020-05-01"
    headers = Fields({"Host": "management.azure.com", "Authorization": "Bearer one"}.items())
    forge.history.answer(process, Request("GET", LOCKS, path, Fields({"api-version": "2020-05-01"}.items()), headers))


@pytest.mark.parametrize("fault", [None, "status"])
def test_only_a_whole_and_fresh_answer_tells_a_process_of_the_locks(forge, monkeypatch, fault):
    process = forge.process()
    found = Fault.parse({"kind": fault, "status": 500}) if fault else None
    monkeypatch.setattr(forge.history.weather, "take", lambda _request, **_: found)
    asked(forge, process)
    assert process.locks_read == forge.history.number
    assert process.locks_known == (forge.history.number if fault is None else 0)


@pytest.mark.parametrize("late", [0, 1], ids=["just before it was read", "just after it was read"])
def test_a_lock_that_people_remove_just_after_it_was_read_is_not_judged(forge, late):
    process, lock = forge.process(), replace(forge.world.authorization.locks[LOCK.lower()])
    change = forge.change("locks.delete", LOCK)
    forge.court.approves((change,))
    forge.looks = False
    process.locks_read = process.locks_known = forge.history.number + 1 - late
    forge.court.people_removed(lock)
    run = forge.run()
    forge.note(run, "intent", {"change": change.to_json()})
    forge.send(change, process, done=False)
    assert (LOCK.lower() in forge.court.contested) == bool(late)
