"""Every write has an impact, and no action plans it with a higher one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from actions.change import Impact
from arm.writes import OPERATIONS
from runbooks.impact import HIGHEST, impact_of
from runbooks.model import Runbook
from runbooks.registry import runbooks

ORDER = list(Impact)
CASES = sorted((Path(__file__).resolve().parents[1] / "actions" / "cases").rglob("*.json"))


def changes(value: object):
    """Every change in a case of an action."""
    if isinstance(value, dict):
        if {"operation", "impact"} <= set(value):
            yield value
        for inner in value.values():
            yield from changes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from changes(inner)


def test_every_write_has_an_impact_and_nothing_else_has():
    assert set(HIGHEST) == set(OPERATIONS)


def test_no_action_plans_a_write_with_a_higher_impact():
    seen = [one for path in CASES for one in changes(json.loads(path.read_text(encoding="utf-8")))]
    assert seen
    for one in seen:
        assert ORDER.index(Impact(one["impact"])) <= ORDER.index(HIGHEST[one["operation"]]), one


@pytest.mark.parametrize("runbook", runbooks(), ids=lambda runbook: runbook.code)
def test_the_impact_of_a_runbook_is_the_highest_of_its_writes(runbook: Runbook):
    assert impact_of(runbook.writes) in [HIGHEST[one] for one in runbook.writes] or not runbook.writes
