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
LOOK_INSIDE = {"choose": "look-inside"}
LOCKED = "a lock on the VM"
LENT = "the lock is on the subscription, and goes on loan"


def undo(world: Drill, run_id: str) -> None:
    """Take a run back, whatever has to be approved for it."""
    report = world.remediation().undo(run_id, accepted=YES)
    if report.stand.verdict is Verdict.NEEDS_APPROVAL:
        report = world.remediation().undo(run_id, accepted=Accepted(approve=report.plan.digest))
    by_a_person = "the script refused: service MSDTC ran as CONTOSO" in report.stand.reason  # its password is not known
    assert report.stand.verdict in (Verdict.APPLIED, Verdict.NOTHING_TO_DO) or by_a_person, report.stand


def actions_of(world: Drill) -> set[str]:
    """Return the permissions that the requests so far have needed."""
    return {one["action"] for one in world.simulator.requests if one["action"]}


def choices_of(error: str) -> list[str]:
    return [str(one) for one in find(error).choices]


def more_of(drill, error: str, choice: str, granted: set[str]) -> set[str]:
    """Return what a way needs on which none of the error's cases goes: a choice, a lock on the VM or above it."""
    inside = [
        case for case in BY_ERROR[error] if LOOK_INSIDE in (case.get("inputs"), case.get("then", {}).get("inputs"))
    ]
    world = drill((inside or BY_ERROR[error])[0]["scenario"])
    world.simulator.world.authorization.granted = set(granted)
    inputs = {"choose": choice}
    if choice == LENT:
        locked = [case for case in BY_ERROR[error] if any("/locks/" in one for one in case.get("writes", ()))]
        world, inputs = drill(locked[0]["scenario"]) if locked else world, {}
        world.simulator.world.authorization.granted = set(granted)
        subscription = f"/subscriptions/{world.server.ready['subscription']}"
        world.simulator.world.authorization.add_lock(subscription, "keep", "CanNotDelete", "")
    if choice == LOCKED:
        inputs = LOOK_INSIDE if inside else {}
        world.simulator.world.authorization.add_lock(world.vm_id, "keep", "CanNotDelete", "")
    run(world, {"error": error}, {"inputs": inputs, "accept": "approve"})
    assert not [one for one in world.simulator.requests if one["status"] == 403]
    return actions_of(world)


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
        used |= actions_of(world)
    used |= set(NOT_SEEN)
    for more in (*choices_of(error), LOCKED, LENT):
        if granted - used:
            used |= more_of(drill, error, more, granted)
    assert granted - used == set()


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
