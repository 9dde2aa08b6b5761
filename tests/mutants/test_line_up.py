"""Every guard stands in the line-up that is asked before a change is sent."""

from __future__ import annotations

import pytest

from guards import review

from ..actions.given import cases, change
from ..guards.test_guards import CALM, FOLDER, situation

REFUSING = [param.values[0] for param in cases(FOLDER) if "refused" in param.values[0]]


def asked(case: dict) -> str:
    """The guard that refuses a case when all are asked; nothing where another one needs what the case does not give."""
    try:
        refusal = review(change(case["change"]), situation({**case, "facts": {**CALM, "vm": {}, **case["facts"]}}))
    except LookupError:
        return ""
    return refusal.guard if refusal is not None else ""


@pytest.mark.parametrize("guard", sorted({case["guard"] for case in REFUSING} - {"dry_run"}))
def test_a_change_that_a_guard_refuses_is_refused_by_the_line_up(guard):
    answers = [asked({"facts": {}, **case}) for case in REFUSING if case["guard"] == guard]
    assert guard.replace("_", "-") in answers, answers
