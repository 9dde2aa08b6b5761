"""``--input`` and ``--choose`` as they are typed."""

from __future__ import annotations

import json

import pytest

CODE = "UserErrorBackupOperationInProgress"


@pytest.mark.parametrize("text", ["job", "=x", "job=", "job= ", "choose=cancel", " = "])
def test_an_input_that_is_no_name_and_value_is_refused(drill, remediate, text):
    world = drill("backup-in-progress")
    said = remediate(world, CODE, "--vm", "web-01", "--input", text, "--dry-run")
    assert said.status == 2
    assert f"--input {text!r} is not NAME=VALUE" in said.err
    assert world.simulator.requests == []


def test_an_input_that_is_given_twice_is_refused(drill, remediate):
    world = drill("backup-in-progress")
    said = remediate(world, CODE, "--vm", "web-01", "--input", "job=a", "--input", "JOB=b", "--dry-run")
    assert said.status == 2
    assert "--input job is given twice" in said.err
    assert world.simulator.requests == []


@pytest.mark.parametrize("output", ["text", "json", "markdown"])
def test_a_choice_is_planned_and_the_causes_are_shown_with_their_evidence(drill, remediate, output):
    world = drill("backup-in-progress-snapshot")
    said = remediate(world, CODE, "--vm", "web-01", "--choose", "cancel", "--dry-run", "-o", output)
    assert said.status == 0
    assert "a job of the VM is in progress in its vault" in said.out
    assert "ruled out" in said.out
    assert "ancel" in said.out
    if output == "json":
        plan = json.loads(said.out)["plan"]
        assert plan["steps"][0]["changes"][0]["operation"] == "jobs.cancel"
    assert world.writes == []


@pytest.mark.parametrize("output", ["text", "json", "markdown"])
def test_what_a_human_has_to_choose_is_told_with_exit_code_4(drill, remediate, output):
    world = drill("vm-perhaps-moved")
    said = remediate(world, "BCMV2VMNotFound", "--vm", world.vm_id, "-o", output)
    assert said.status == 4
    assert "NeedsChoice" in said.out
    assert "--choose stop-protection" in said.out
    assert world.writes == []


@pytest.mark.parametrize("command", [(), ("diagnose",)])
def test_each_step_for_a_human_stands_on_a_line_of_its_own(drill, remediate, command):
    world = drill("snapshot-status-unknown")
    out = remediate(world, *command, "--vm", "web-01").out
    lines = [line.strip().removeprefix("next").strip() for line in out.splitlines()]
    steps = [line[:3] for line in lines if line.startswith("(")]
    assert len(steps) > 3
    assert steps == [f"({number})" for number in range(1, len(steps) + 1)]
    assert any(line.startswith("When that is done: --choose back-up") for line in lines)
