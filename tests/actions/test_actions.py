"""Facts in, changes out: every action by the fixture files beside this test, one case each."""

from __future__ import annotations

from pathlib import Path

import pytest

from actions.change import Change, NoChange
from actions.locks import remove_lock
from actions.registry import ACTIONS
from arm.errors import UsageError

from .given import GivenFacts, cases, lock

FOLDER = Path(__file__).parent / "cases"
DERIVED = ("method", "path", "permissions", "fingerprint", "step")


def said(change: Change) -> dict:
    """A change as a case writes it: without what follows from the operation, and without what is not set."""
    unset = {
        "undo": None,
        "loan": False,
        "may_fail_with": "",
        "body": {},
        "impact": "none",
        "repairs": True,
        "stands_for": "",
    }
    data = {name: value for name, value in change.to_json().items() if name not in DERIVED}
    return {name: value for name, value in data.items() if name not in unset or value != unset[name]}


@pytest.mark.parametrize("case", cases(FOLDER))
def test_an_action_yields_the_changes_still_needed_or_says_why_none_is(case):
    facts, action = GivenFacts(case["facts"]), ACTIONS[case["action"]]
    arguments = case.get("arguments", {})
    if "error" in case:
        with pytest.raises(UsageError) as caught:
            list(action.run(facts, arguments))
        assert case["error"] in caught.value.message
        assert caught.value.next_step
        return
    effects = list(action.run(facts, arguments))
    if "nothing" in case:
        assert effects == [NoChange(case["nothing"])]
    else:
        assert [said(effect) for effect in effects] == case["changes"]
    assert list(ACTIONS[case["action"]].run(facts, arguments)) == effects, "planning twice gives the same plan"


@pytest.mark.parametrize("action", ACTIONS)
def test_every_action_has_a_case_with_changes_and_one_without(action):
    found = [param.values[0] for param in cases(FOLDER) if param.values[0]["action"] == action]
    assert any("changes" in case for case in found)
    assert any("nothing" in case for case in found)


@pytest.mark.parametrize("case", cases(FOLDER))
def test_no_case_gives_an_argument_that_its_action_does_not_take(case):
    assert set(case.get("arguments", {})) <= set(ACTIONS[case["action"]].arguments)


def test_an_absurdly_long_number_is_refused_and_no_crash():
    with pytest.raises(UsageError, match="whole number from 1 to 10000"):
        ACTIONS["delete_restore_points"].run(GivenFacts({"collections": []}), {"keep": "9" * 5000})


def test_a_lock_that_is_gone_already_needs_no_removal():
    facts = GivenFacts({"locks": []})
    gone = lock({"scope": "group rg-web"})
    assert list(remove_lock(facts, gone, service_group=True, reason="r")) == [
        NoChange("lock 'do-not-delete' does not exist")
    ]


@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_says_in_words_what_it_does_and_what_it_takes(name):
    action = ACTIONS[name]
    assert action.name == name
    assert action.summary
    assert all(action.arguments.values())
