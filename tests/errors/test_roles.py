"""The role that 'remediate role' prints is enough for every scenario, and nothing in it is unused."""

from __future__ import annotations

import json
from collections import defaultdict

import pytest

from remediate.engine.model import Verdict
from remediate.remediation import Accepted
from remediate.role import role
from runbooks.registry import find
from simulator import SCENARIOS

from ..drill import YES, Drill
from . import human
from .test_every_error import CASES, run

BY_ERROR: dict[str, list[dict]] = defaultdict(list)
for _case in CASES:
    BY_ERROR[_case["error"]].append(_case)

NOT_SEEN = {
    "Microsoft.Compute/restorePointCollections/restorePoints/read": "asked for by $expand; recorded as one read",
    "Microsoft.Compute/virtualMachines/write": "asked for by resuming protection, beside the item's own write",
}
"""Permissions that a run needs though no request of its own shows it, and why."""


def undo(world: Drill, run_id: str) -> None:
    """Take a run back, whatever has to be approved for it."""
    report = world.remediation().undo(run_id, accepted=YES)
    if report.stand.verdict is Verdict.NEEDS_APPROVAL:
        report = world.remediation().undo(run_id, accepted=Accepted(approve=report.plan.digest))
    assert report.stand.verdict in (Verdict.APPLIED, Verdict.NOTHING_TO_DO), report.stand


@pytest.mark.parametrize("error", sorted(BY_ERROR))
def test_the_generated_role_is_enough_for_every_scenario_and_none_of_it_is_unused(drill, error):
    granted = set(role([find(error)])["Actions"])
    used: set[str] = set()
    for case in BY_ERROR[error]:
        world = drill(case["scenario"])
        world.simulator.world.authorization.granted = set(granted)
        report = run(world, case, case)
        if "human" in case:
            getattr(human, case["human"])(world)
            report = run(world, case, case["then"])
        assert report.stand.verdict.value == case.get("then", case)["verdict"], (case["scenario"], report.stand)
        if report.run is not None and any(sent.change.undo for sent in report.sent):
            undo(world, report.run.id)
        refused = [one for one in world.simulator.requests if one["status"] == 403]
        assert not refused, json.dumps(refused[0], indent=1)
        used |= {one["action"] for one in world.simulator.requests if one["action"]}
    assert granted - used - set(NOT_SEEN) == set()


WITHOUT_A_CASE = [
    scenario
    for scenario in SCENARIOS.values()
    if scenario.code and scenario.name not in {one["scenario"] for one in CASES}
]


@pytest.mark.parametrize("scenario", WITHOUT_A_CASE, ids=lambda one: one.name)
def test_the_generated_role_is_enough_for_every_other_scenario_too(drill, scenario):
    world = drill(scenario.name)
    world.simulator.world.authorization.granted = set(role([find(scenario.code)])["Actions"])
    run(world, {"error": scenario.code}, {"accept": "approve"})
    assert not [one for one in world.simulator.requests if one["status"] == 403]
