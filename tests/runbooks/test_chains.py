"""Facts in; a diagnosis, or the effects of one step, out: every chain by the fixture files beside this test."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from actions.change import Change, NoChange
from arm.facts.times import iso, parse_time
from runbooks.model import BackupResult, Progress, Situation, Wait
from runbooks.registry import find

from ..actions.given import NOW, GivenFacts, cases

FOLDER = Path(__file__).parent / "cases"


def progress(entry: dict) -> Progress:
    backups = {
        step: BackupResult(parse_time(one["started"]), "job-1", one["status"])
        for step, one in entry.get("backups", {}).items()
    }
    return Progress(backups, parse_time(entry.get("changed_at", NOW)))


def told(effect: Change | NoChange | Wait) -> dict:
    if isinstance(effect, Change):
        kept = {"operation": effect.operation, "target": effect.target, "reason": effect.reason}
        return {"change": kept | ({"may_fail_with": effect.may_fail_with} if effect.may_fail_with else {})}
    if isinstance(effect, Wait):
        return {"wait": effect.reason, "up_to_hours": effect.up_to / timedelta(hours=1)} | (
            {"until": iso(effect.until)} if effect.until else {}
        )
    return {"nothing": effect.reason}


@pytest.mark.parametrize("case", cases(FOLDER / "diagnose"))
def test_a_diagnosis_names_the_cause_and_what_follows(case):
    found = find(case["runbook"]).diagnose(Situation.at_first(GivenFacts(case["facts"])))
    assert {
        "decision": found.decision.value,
        "reason": found.reason,
        "next_step": found.next_step,
        "findings": [f"{one.label}: {one.value}" for one in found.findings],
    } == {"next_step": "", **case["diagnosis"]}


@pytest.mark.parametrize("case", cases(FOLDER / "steps"))
def test_a_step_yields_what_is_still_needed_or_why_nothing_is_or_what_it_waits_for(case):
    facts = GivenFacts(case["facts"])
    step = find(case["runbook"]).step(case["step"])
    found = list(step.effects(Situation(facts, facts.azure_now, progress(case.get("progress", {})))))
    assert [told(effect) for effect in found] == case["effects"]


@pytest.mark.parametrize("case", cases(FOLDER / "diagnose"))
def test_a_refusal_always_says_what_the_human_does_next(case):
    assert bool(case["diagnosis"].get("next_step")) is (case["diagnosis"]["decision"] == "refuse")
