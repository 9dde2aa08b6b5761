"""``diagnose``, and a repair without a code or with a whole message: the same guards, and never a guess."""

from __future__ import annotations

import io
import sys
from datetime import timedelta
from types import SimpleNamespace

import pytest

from ..drill import CODE

MESSAGE = "O limite máximo de recolha do Ponto de Restauração atingiu."
VM = ("--vm", "web-01")


def typed(monkeypatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(text.encode())))


@pytest.mark.parametrize("output", ["text", "json", "markdown"])
@pytest.mark.parametrize("text", [(), (CODE,), (MESSAGE,), tuple(MESSAGE.split())])
def test_a_diagnosis_names_error_cause_evidence_and_the_command_that_goes_on(drill, remediate, text, output):
    world = drill()
    said = remediate(world, "diagnose", *text, *VM, "-o", output)
    assert said.status == 0, said.err
    for part in (CODE, "do-not-delete", "a lock explains it", "CHK-LOCKS", f"{CODE} --vm {world.vm_id} --dry-run"):
        assert part in said.out
    assert world.writes == []


def test_the_command_that_a_diagnosis_names_works(drill, remediate):
    world = drill()
    (command,) = remediate(world, "diagnose", *VM, "-o", "json").json["commands"]
    assert remediate(world, *command.split()[1:]).status == 0
    assert world.writes == []


def test_a_message_to_diagnose_is_read_from_standard_input(drill, remediate, monkeypatch):
    typed(monkeypatch, MESSAGE)
    assert remediate(drill(), "diagnose", "-", *VM, "-o", "json").json["error"] == CODE


@pytest.mark.parametrize("output", ["text", "markdown"])
@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("VMRestorePointClientError", ["ambiguous", "VMRestorePointClientError.SnapshotLimit", "last failed backup"]),
        ("UserErrorFsFreezeFialed", ["unknown", "close to it: UserErrorFsFreezeFailed", "last failed backup"]),
    ],
)
def test_an_error_that_cannot_be_told_is_answered_with_candidates_and_facts(drill, remediate, text, parts, output):
    world = drill()
    said = remediate(world, "diagnose", text, *VM, "-o", output)
    assert said.status == 2
    for part in parts:
        assert part in said.out
    assert world.writes == []


def test_an_error_without_a_chain_is_diagnosed_too(drill, remediate):
    said = remediate(drill(), "diagnose", "AllocationFailed", *VM)
    assert said.status == 0
    assert "it has no chain, so it only advises" in said.out


@pytest.mark.parametrize("command", [("diagnose",), ("repair",), ()])
@pytest.mark.parametrize("text", ["", "  ", "\x00\x1b", "?!", "a" * 1_000_000])
def test_a_text_that_is_none_or_far_too_long_is_refused_before_anything_is_sent(drill, remediate, command, text):
    world = drill()
    said = remediate(world, *command, text, *VM)
    assert said.status == 2
    assert said.err.startswith("error")
    assert len(said.err) < 2000
    assert world.simulator.requests == []


@pytest.mark.parametrize("call", [("--vm", "web-01", "--yes"), ("--yes", "--vm", "web-01"), ("repair", *VM, "-y")])
def test_without_a_code_what_diagnose_finds_is_repaired(drill, remediate, call):
    world = drill()
    said = remediate(world, *call, "-o", "json")
    assert (said.status, said.json["runbook"], said.json["verdict"]) == (5, CODE, "Pending")
    world.pass_time(timedelta(hours=6))
    assert remediate(world, *call, "-o", "json").json["verdict"] == "Fixed"
    assert remediate(world, *call, "-o", "json").json["verdict"] == "NothingToDo"


def test_without_a_code_a_dry_run_writes_nothing_and_costs_no_more(drill, remediate):
    world = drill()
    said = remediate(world, "--dry-run", *VM, "-o", "json").json
    assert (said["verdict"], said["requests"]) == ("Planned", {"reads": 10, "writes": 0})
    assert world.writes == []


def test_without_a_code_nothing_is_sent_without_consent(drill, remediate):
    world = drill()
    assert remediate(world, *VM).status == 4
    assert world.writes == []


@pytest.mark.parametrize("output", ["text", "json", "markdown"])
def test_without_a_code_a_healthy_vm_needs_nothing(drill, remediate, output):
    said = remediate(drill("healthy"), *VM, "--yes", "-o", output)
    assert said.status == 0
    assert "NothingToDo" in said.out


def test_without_a_code_there_is_no_plan_to_write_where_nothing_failed(drill, remediate, tmp_path):
    said = remediate(drill("healthy"), *VM, "--dry-run", "--plan-out", str(tmp_path / "plan.json"))
    assert (said.status, "there is no plan" in said.err) == (2, True)


def test_without_a_code_a_plan_file_is_carried_out_exactly(drill, remediate, tmp_path):
    world, plan = drill(), tmp_path / "plan.json"
    assert remediate(world, *VM, "--dry-run", "--plan-out", str(plan)).status == 0
    assert remediate(world, "apply", str(plan)).status == 5


@pytest.mark.parametrize(
    "text", [MESSAGE, f"falhou: {MESSAGE}", CODE.lower(), "UserErrorCrpReportedUserError: " + CODE]
)
def test_a_whole_message_does_as_well_as_its_code(drill, remediate, text):
    said = remediate(drill(), text, *VM, "--dry-run", "-o", "json")
    assert (said.json["runbook"], said.json["verdict"]) == (CODE, "Planned")


@pytest.mark.parametrize("command", [("repair", "-"), ("-",)])
def test_a_message_to_repair_is_read_from_standard_input(drill, remediate, monkeypatch, command):
    typed(monkeypatch, MESSAGE)
    assert remediate(drill(), *command, *VM, "--dry-run", "-o", "json").json["runbook"] == CODE


@pytest.mark.parametrize(
    ("text", "candidate"),
    [
        ("VMRestorePointClientError", "VMRestorePointClientError.SnapshotLimit"),
        ("it says VMRestorePointClientError again", "VMRestorePointClientError.SnapshotLimit"),
        ("UserErrorRpColectionLimit", CODE),
    ],
)
def test_what_may_mean_several_errors_or_none_is_never_guessed(drill, remediate, text, candidate):
    world = drill()
    said = remediate(world, text, *VM, "--yes")
    assert said.status == 2
    assert candidate in said.err
    assert world.simulator.requests == []


@pytest.mark.parametrize(
    "words", [("resme",), ("resme", "--now"), ("resme", "0ed8e47bd11d"), ("shw", CODE, "--vm", "x")]
)
def test_a_misspelt_command_is_told_from_a_message(remediate, words):
    said = remediate(None, *[word for word in words if word != "--now"])
    assert said.status == 2
    assert ("resume" if words[0] == "resme" else "show") in said.err


def test_an_option_before_the_command_does_not_make_a_repair_of_it(remediate):
    said = remediate(None, "-o", "json", "list")
    assert said.status == 2
    assert said.json["candidates"][0] == "list"


@pytest.mark.parametrize("word", ["--help", "-h", "--version"])
def test_help_and_version_stay_the_groups_own(remediate, word):
    said = remediate(None, word)
    assert said.status == 0
    assert "remediate" in said.out


def test_a_deleted_vm_is_found_by_its_name(drill, remediate):
    world = drill("vm-deleted")
    said = remediate(world, "diagnose", *VM, "-o", "json")
    assert (said.status, said.json["error"]) == (0, world.simulator.scenario.code)
