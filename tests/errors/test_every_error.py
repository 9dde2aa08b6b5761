"""Every error of the source documents, from its scenario to its verdict: one case file a family, one case a scenario.

A case says: ``scenario``; ``error`` (id); ``given`` (what the operator names where no failed job tells the error);
``cause`` (name of the cause that is found; empty: none is); ``diagnosed_with`` (the inputs without which it is not);
``inputs``; ``dry_run`` (verdict); ``accept`` (``yes``, ``approve`` or ``nothing``); ``verdict``; then, where a human
has to do something first, ``human`` (a function of ``human.py``) and ``then`` (``inputs``, ``accept``, ``verdict``),
with ``tried`` (how many writes have taken effect before that; none unless given);
``again`` (verdict of one more run; ``NothingToDo`` unless given); ``writes`` (regular expressions for the writes that
took effect, in order); ``never`` (regular expressions for what may not be sent). ``near_miss``: the same error with
another cause; it must not get the wrong fix.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from remediate.engine.model import Verdict
from remediate.remediation import Accepted
from remediate.report import Report
from runbooks import catalogue
from simulator import SCENARIOS

from ..drill import Drill
from . import human

FOLDER = Path(__file__).parent / "cases"
CASES = [case for path in sorted(FOLDER.glob("*.json")) for case in json.loads(path.read_text(encoding="utf-8"))]
FROM_SOURCES = [entry for entry in catalogue.entries() if entry.source_rows]

every_case = pytest.mark.parametrize("case", [pytest.param(case, id=case["scenario"]) for case in CASES])


def run(world: Drill, case: dict[str, Any], said: dict[str, Any]) -> Report:
    """Carry the error's runbook out as far as what is accepted allows, however long it takes."""
    accept, inputs = said.get("accept", "yes"), said.get("inputs", {})
    report = world.repair(Accepted(yes=accept == "yes"), case["error"], inputs)
    for _ in range(60):
        stand, begun = report.stand, report.run
        if stand.verdict is Verdict.PENDING and begun is not None and stand.until is not None:
            world.pass_time(max(stand.until - world.simulator.world.clock.now, type(stand.until - stand.until)(0)))
            report = world.resume(begun.id)
        elif stand.verdict is Verdict.NEEDS_APPROVAL and accept == "approve" and report.plan is not None:
            agreed = Accepted(approve=report.plan.digest)
            report = world.resume(begun.id, agreed) if begun else world.repair(agreed, case["error"], inputs)
        else:
            return report
    raise AssertionError(f"no verdict after 60 rounds: {report.stand}")


@every_case
def test_diagnose_names_the_error_and_its_cause_and_writes_nothing(drill, case):
    world = drill(case["scenario"])
    found = world.remediation(read_only=True).diagnose(
        world.vm(), case.get("given", ""), case.get("diagnosed_with", {})
    )
    assert found.error == case["error"]
    causes = {cause.name: cause for cause in found.causes}
    if case["cause"]:
        assert causes[case["cause"]].standing.value == "found", causes
        assert causes[case["cause"]].evidence
    else:
        assert not [cause for cause in causes.values() if cause.standing.value == "found"]
    assert world.writes == []


@every_case
def test_a_dry_run_writes_nothing(drill, case):
    world = drill(case["scenario"])
    report = world.remediation(read_only=True).plan(case["error"], world.vm(), case.get("inputs", {}))
    assert report.stand.verdict.value == case["dry_run"], report.stand
    assert world.writes == []


@every_case
def test_a_run_reaches_its_verdict_and_a_second_run_changes_nothing(drill, case):
    world = drill(case["scenario"])
    said = case
    report = run(world, case, said)
    assert report.stand.verdict.value == case["verdict"], report.stand
    if "human" in case:
        assert len(world.effects) == case.get("tried", 0), world.effects
        getattr(human, case["human"])(world)
        said = case["then"]
        report = run(world, case, said)
        assert report.stand.verdict.value == said["verdict"], report.stand
    if report.stand.verdict is Verdict.FIXED:
        assert report.stand.proof.recovery_point_time > report.stand.proof.newer_than
    for pattern in case.get("never", ()):
        assert not [one for one in world.writes if re.search(pattern, one, re.IGNORECASE)]
    if "writes" in case:
        assert len(world.effects) == len(case["writes"]), world.effects
        for pattern, one in zip(case["writes"], world.effects, strict=True):
            assert re.search(pattern, one, re.IGNORECASE), world.effects
    before = len(world.effects)
    again = run(world, case, {**said, "accept": "yes"})
    assert again.stand.verdict.value == case.get("again", "NothingToDo"), again.stand
    assert len(world.effects) == before


@pytest.mark.parametrize("entry", FROM_SOURCES, ids=lambda entry: entry.id)
def test_every_error_of_the_source_documents_has_a_runbook_a_scenario_and_a_near_miss(entry):
    assert catalogue.has_runbook(entry)
    own = [case for case in CASES if case["error"] == entry.id]
    assert [case for case in own if not case.get("near_miss")]
    assert [case for case in own if case.get("near_miss")]
    assert all(SCENARIOS[case["scenario"]].code == entry.id for case in own if not case.get("near_miss"))


@pytest.mark.parametrize("entry", [one for one in FROM_SOURCES if one.automation == "full"], ids=lambda one: one.id)
def test_an_error_of_the_class_full_is_fixed_without_a_human(entry):
    own = [case for case in CASES if case["error"] == entry.id and not case.get("near_miss")]
    assert any(case["verdict"] == "Fixed" for case in own)
