"""``freeze``, ``thaw`` and ``incidents``, as an operator uses them."""

from __future__ import annotations

import getpass
import os
from datetime import datetime, timezone

import pytest

from arm.runtime import Runtime
from remediate.engine.memory import Recall
from remediate.remediation import Remediation

from ..drill import CODE, Drill
from ..engine.test_memory import limits_of, neighbours

AT = datetime(2026, 3, 2, 3, 4, 5, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def someone(monkeypatch):
    """Who calls, where and when."""
    monkeypatch.setattr("getpass.getuser", lambda: "ana")
    monkeypatch.setattr("socket.gethostname", lambda: "ops-1")
    monkeypatch.setattr("arm.runtime.system_runtime", lambda: Runtime(lambda: AT, lambda _: None, lambda: ""))


def incident(world: Drill, count: int = 3) -> str:
    """Make an incident of the error, and return its id."""
    journal = world.journal()
    for vm in neighbours(world, count):
        session = world.session()
        recall = Recall(
            journal, endpoint=world.endpoint, runbook=CODE, vm_id=vm.id, limits=limits_of(count), now=lambda: AT
        )
        recall.sight()
        session.close()
    return journal.marks("incident")[0].data["id"]


def test_frozen_means_refused_with_the_reason_until_somebody_thaws(drill, remediate):
    world = drill()
    said = remediate(world, "freeze", "--reason", "  storage \n outage ")
    assert said.status == 0
    assert "frozen since 2026-03-02T03:04:05Z by ana@ops-1: storage outage" in said.out
    refused = remediate(world, CODE, "--vm", "web-01", "--yes", "-o", "json")
    assert (refused.status, refused.json["refusal"]["guard"]) == (3, "kill-switch")
    assert world.writes == []
    thawed = remediate(world, "thaw")
    assert "was frozen since 2026-03-02T03:04:05Z by ana@ops-1: storage outage" in thawed.out
    assert remediate(world, "thaw").out == "nothing was frozen\n"
    assert remediate(world, CODE, "--vm", "web-01", "--yes").status == 5


@pytest.mark.parametrize("words", [(), ("--reason", " \t")])
def test_without_a_reason_nothing_is_frozen(drill, remediate, words):
    world = drill()
    assert remediate(world, "freeze", *words).status == 2
    assert remediate(world, "runs", "-o", "json").json["freeze"] is None


def test_runs_show_that_everything_is_frozen(drill, remediate):
    world = drill()
    remediate(world, "freeze", "--reason", "storage outage")
    assert "frozen since 2026-03-02T03:04:05Z by ana@ops-1: storage outage" in remediate(world, "runs").out
    told = remediate(world, "runs", "-o", "json").json["freeze"]
    assert told == {"reason": "storage outage", "who": "ana@ops-1", "at": "2026-03-02T03:04:05Z"}
    assert "storage outage" in remediate(world, "diagnose", "--vm", "web-01").out


def test_a_caller_without_a_name_is_told_by_number(drill, remediate, monkeypatch):
    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert f"by {os.getuid()}@ops-1" in remediate(drill(), "freeze", "--reason", "x").out


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_an_incident_is_listed_and_closed_with_a_reason(drill, remediate, form):
    world = drill()
    assert "there is no incident" in remediate(world, "incidents", "-o", form).out
    number = incident(world)
    said = remediate(world, "incidents", "-o", form)
    assert said.status == 0
    for text in (number, CODE, "ends at 2026-03-02T09:04:05Z unless it is seen again"):
        assert text in said.out
    assert remediate(world, "incidents", "close", number).status == 2
    closed = remediate(world, "incidents", "close", number, "--reason", "a policy", "-o", form)
    assert "closed by ana@ops-1: a policy" in closed.out
    assert "closed by ana@ops-1: a policy" in remediate(world, "incidents", "-o", form).out


def test_an_unknown_incident_is_not_closed(drill, remediate):
    world = drill()
    number = incident(world)
    said = remediate(world, "incidents", "close", "ffffffff", "--reason", "x")
    assert said.status == 2
    assert number in said.err


def test_a_library_that_only_plans_makes_no_journal(drill):
    world = drill()
    Remediation(world.session(read_only=True), world.journal).plan(CODE, world.vm())
    assert not world.state.exists()
