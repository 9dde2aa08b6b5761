"""Facts and a change in, a refusal or none out: every guard by the fixture files beside this test, one case each."""

from __future__ import annotations

from pathlib import Path

import pytest

from arm.facts.times import parse_time
from guards import Guarded, before_send, review
from guards.review import GUARDS
from guards.rules import dry_run

from ..actions.given import GivenFacts, cases, change
from .remembered import memory

FOLDER = Path(__file__).parent / "cases"
NAMED = {guard.__name__: guard for guard in (dry_run, *GUARDS)}
CALM = {"running_jobs": [], "recent_jobs": [], "locks": [], "resource_guards": []}
LOCK = {
    "operation": "locks.delete",
    "target": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Authorization/locks/l",
}


def situation(case: dict) -> Guarded:
    given = case.get("situation", {})
    found = Guarded(
        GivenFacts(case.get("facts", {})),
        dry_run=given.get("dry_run", False),
        repaying=given.get("repaying", False),
        memory=memory(given.get("memory", {})),
    )
    for earlier in given.get("after", []):
        found = found.after(change(earlier))
    return found


@pytest.mark.parametrize("case", cases(FOLDER))
def test_a_guard_refuses_with_its_evidence_and_the_next_step_or_lets_the_change_pass(case):
    refusal = NAMED[case["guard"]](change(case["change"]), situation(case))
    if "refused" not in case:
        assert refusal is None
        return
    assert refusal is not None
    assert {**refusal.to_json(), "passing": refusal.passing, "lasting": refusal.lasting, "until": refusal.until} == {
        "guard": case["guard"].replace("_", "-"),
        "passing": False,
        "lasting": False,
        **case["refused"],
        "until": parse_time(case["refused"].get("until")),
    }


@pytest.mark.parametrize("name", NAMED)
def test_every_guard_has_a_case_in_which_it_refuses_and_one_in_which_it_does_not(name):
    found = [param.values[0] for param in cases(FOLDER) if param.values[0]["guard"] == name]
    assert any("refused" in case for case in found)
    assert any("refused" not in case for case in found)


def test_a_change_that_no_guard_objects_to_may_be_sent():
    calm = Guarded(GivenFacts(CALM))
    assert review(change(LOCK), calm) is None
    assert before_send(change(LOCK), calm) is None


def test_in_a_dry_run_nothing_may_be_sent_though_the_plan_is_judged_as_ever():
    calm = Guarded(GivenFacts(CALM), dry_run=True)
    assert review(change(LOCK), calm) is None
    assert before_send(change(LOCK), calm).guard == "dry-run"


def test_the_first_refusal_is_the_one_that_is_given():
    facts = GivenFacts({**CALM, "vm": {"tags": {"backup-remediation": "off"}}, "running_jobs": [{}]})
    assert review(change(LOCK), Guarded(facts)).guard == "opt-out"


def test_a_lock_may_be_put_back_whatever_has_happened_to_the_vm_meanwhile():
    facts = GivenFacts({**CALM, "vm": {"tags": {"backup-remediation": "off"}}, "running_jobs": [{}]})
    back = change({**LOCK, "operation": "locks.create_or_update"})
    assert review(back, Guarded(facts, repaying=True)) is None


@pytest.mark.parametrize("operation", ["locks.delete", "backups.trigger"])
def test_only_the_removal_of_a_lock_counts_as_removed_for_later_changes(operation):
    earlier = change({**LOCK, "operation": operation})
    assert bool(Guarded(GivenFacts({})).after(earlier).removed_locks) is (operation == "locks.delete")
