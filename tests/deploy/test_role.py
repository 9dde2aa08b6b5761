"""The identity of the account has exactly the role of the template: it is enough for every door, and not more."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from remediate.automation import alert, backup, resume
from remediate.automation.settings import Settings
from remediate.deploy.template import permissions_of
from remediate.role import role
from runbooks.registry import runbooks
from simulator import SCENARIOS

from ..alerts.samples import SHAPES, Failure
from ..drill import CODE, Drill

SOURCE: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[2] / "azure-automation" / "template.json").read_text(encoding="utf-8")
)
GRAPH = "Microsoft.ResourceGraph/resources/read"
WITHOUT_A_ROLE = {
    GRAPH: "a query is for everybody; its rows are those that the role may read",
    "Microsoft.Resources/subscriptions/read": "the list of subscriptions has those in which an identity has any role",
}
"""What the doors read that no role has to give, and why."""


class Account:
    """Jobs of an account whose identity has the role of the template and no other."""

    def __init__(self, world: Drill) -> None:
        self.world = world
        self.granted = set(permissions_of(SOURCE))
        world.simulator.world.authorization.granted = set(self.granted)
        self.mode, self.said = "plan", ""

    def run(self, job: Any, *words: str) -> int:
        out = io.StringIO()
        values = {"REMEDIATE_MODE": self.mode, "REMEDIATE_STATE": str(self.world.state)}
        settings = Settings({"REMEDIATE_ARM_ENDPOINT": self.world.endpoint}, values.__getitem__)
        status: int = job.main(["x", *words], settings, out)
        self.said = out.getvalue()
        return status

    def alert(self, shape: str = "built-in") -> int:
        return self.run(alert, json.dumps(SHAPES[shape](failure_of(self.world))))

    def backup(self) -> int:
        return self.run(backup, CODE, "web-01")

    def sweep(self) -> int:
        return self.run(resume)

    @property
    def refused(self) -> list[str]:
        return [f"{one['action']} on {one['path']}" for one in self.world.simulator.requests if one["status"] == 403]

    @property
    def used(self) -> set[str]:
        return {one["action"] for one in self.world.simulator.requests if one["action"]}


def failure_of(world: Drill) -> Failure:
    """The failed backup of a scenario."""
    vault = next(iter(world.simulator.world.recoveryservices.vaults.values()))
    job = max((one for one in vault.jobs.values() if one.status == "Failed"), key=lambda one: one.started)
    return Failure(vm=world.vm_id, vault=vault.id, job=job.name, code=str(world.server.ready["code"]))


@pytest.fixture
def account(drill, monkeypatch) -> Callable[..., Account]:
    monkeypatch.setattr("remediate.automation.door.DEFAULT_WAIT", 0.0)
    return lambda scenario="rp-collection-limit": Account(drill(scenario))


@pytest.mark.parametrize("door", [Account.alert, Account.backup, Account.sweep])
def test_the_role_of_the_template_is_enough_for_every_door_to_plan_and_to_repair(account, door):
    azure = account()
    assert door(azure) == 0, azure.said
    assert "Planned" in azure.said
    assert azure.world.writes == []
    azure.mode = "repair"
    assert door(azure) == 0, azure.said
    for _ in range(8):
        if "Fixed" in azure.said:
            break
        azure.world.pass_time(timedelta(hours=4))
        assert azure.sweep() == 0, azure.said
    assert "Fixed" in azure.said
    assert azure.refused == []
    assert azure.used - azure.granted == {GRAPH}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_role_of_the_template_is_enough_for_every_shape_of_alert(account, shape):
    azure = account()
    assert azure.alert(shape) == 0, azure.said
    assert "Planned" in azure.said
    assert azure.refused == []


@pytest.mark.parametrize("name", sorted(one.name for one in SCENARIOS.values() if one.code))
def test_the_role_of_the_template_is_enough_for_an_alert_of_every_scenario(account, name):
    azure = account(name)
    vaults = azure.world.simulator.world.recoveryservices.vaults.values()
    if not any(job.status == "Failed" for vault in vaults for job in vault.jobs.values()):
        return  # nothing that an alert could be about
    azure.mode = "repair"
    azure.alert()
    assert "internal error at" not in azure.said
    assert azure.refused == []
    assert azure.used <= azure.granted | set(WITHOUT_A_ROLE)


def test_the_role_of_the_template_has_what_the_runbooks_need_and_nothing_that_only_a_door_would():
    assert set(permissions_of(SOURCE)) == {one for book in runbooks() for one in role([book])["Actions"]}
    assert not set(WITHOUT_A_ROLE) & set(permissions_of(SOURCE))


@pytest.mark.parametrize(
    "missing", ["Microsoft.RecoveryServices/Vaults/backupJobs/read", "Microsoft.Compute/virtualMachines/read"]
)
def test_without_a_permission_of_the_role_a_job_says_which_one_and_changes_nothing(account, missing):
    azure = account()
    azure.world.simulator.world.authorization.granted.discard(missing)
    azure.mode = "repair"
    assert azure.alert() == 1
    assert "ERROR" in azure.said
    assert azure.world.writes == []
