"""What the commands print as JSON is what ``docs/schemas`` says, and nothing else."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from actions.change import Impact
from actions.registry import ACTIONS
from arm.writes import OPERATIONS
from remediate.journal.sqlite import SqliteJournal
from runbooks.catalogue import entries, has_runbook
from simulator import SCENARIOS

from ..cli.test_actions import EXTRA, SCENARIO
from ..cli.test_freeze import incident
from ..drill import CODE, Drill

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "schemas"
FILES = sorted(FOLDER.glob("*-[0-9]*.schema.json"))
"""The forms of output."""
ENTRY = json.loads((FOLDER / "entry.schema.json").read_text(encoding="utf-8"))
SCHEMAS: dict[str, Any] = {
    schema["title"]: schema for schema in (json.loads(path.read_text(encoding="utf-8")) for path in FILES)
}
REGISTRY: Registry[Any] = Registry().with_resources(
    (schema["$id"], Resource.from_contents(schema)) for schema in [*SCHEMAS.values(), ENTRY]
)
VM = ("--vm", "web-01")
JSON = ("-o", "json")


def validated(document: Any, name: str) -> Any:
    """Hold a document against the schema of that name, and return it."""
    assert document["schema"] == name
    errors = list(Draft202012Validator(SCHEMAS[name], registry=REGISTRY).iter_errors(document))
    assert [f"{error.json_path}: {error.message}" for error in errors] == []
    return document


def nodes(schema: Any) -> list[dict[str, Any]]:
    """Every object in a schema, itself included."""
    inner = schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ()
    found = [one for value in inner for one in nodes(value)]
    return [schema, *found] if isinstance(schema, dict) else found


def keep_going(world: Drill, remediate: Any, run: str) -> dict[str, Any]:
    """Resume a run whenever it is due, until it wants a person or is over."""
    for _ in range(20):
        report = validated(remediate(world, "resume", run, "--now", *JSON).json, "remediate.report/1")
        if report["verdict"] != "Pending":
            return report
        world.pass_time(timedelta(hours=4))
    raise AssertionError("the run never ends")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_schema_is_valid_named_after_its_file_and_closed(path):
    schema = json.loads(path.read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    assert path.name == schema["title"].replace("/", "-") + ".schema.json"
    assert schema["properties"]["schema"] == {"const": schema["title"], "description": "Name and version of this form."}
    for node in nodes(schema):
        if isinstance(node.get("properties"), dict) and "type" in node:
            assert node["additionalProperties"] is False
            assert node["required"] == list(node["properties"])


def test_every_form_that_the_code_names_has_a_schema_and_every_schema_is_named():
    code = [path for room in ("remediate", "simulator") for path in (ROOT / room).rglob("*.py")]
    named = {form for path in code for form in re.findall(r'"((?:remediate|simulator)\.\w+/\d+)"', path.read_text())}
    assert named == set(SCHEMAS)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_report_of_a_dry_run_conforms(drill, remediate, scenario):
    world = drill(scenario)
    said = remediate(world, CODE, "--vm", world.vm_id, "--dry-run", *JSON)
    report = validated(said.json, "remediate.report/1")
    assert report["exit_code"] == said.status
    assert report["dry_run"] is True


def test_every_write_may_stand_in_a_plan():
    operations = [node["enum"] for node in nodes(SCHEMAS["remediate.plan/1"]) if "locks.delete" in node.get("enum", ())]
    assert operations
    assert all(set(one) == set(OPERATIONS) for one in operations)


@pytest.mark.parametrize("name", ACTIONS)
def test_the_report_of_an_action_conforms(drill, remediate, name):
    said = remediate(
        drill(SCENARIO.get(name, "rp-collection-limit")), "action", name, *VM, "--dry-run", *EXTRA.get(name, []), *JSON
    )
    validated(said.json, "remediate.report/1")


def test_a_repair_from_begin_to_end_conforms_and_so_does_its_journal(drill, remediate):
    world = drill()
    assert validated(remediate(world, "runs", *JSON).json, "remediate.runs/2")["runs"] == []
    assert validated(remediate(world, "resume", *JSON).json, "remediate.reports/1")["reports"] == []
    report = validated(remediate(world, CODE, *VM, "--yes", *JSON).json, "remediate.report/1")
    assert report["verdict"] == "Pending"
    world.pass_time(timedelta(hours=6))
    reports = validated(remediate(world, "resume", *JSON).json, "remediate.reports/1")["reports"]
    assert [one["verdict"] for one in reports] == ["Fixed"]
    journal = validated(remediate(world, "run", report["run"], *JSON).json, "remediate.run/1")
    assert {one["kind"] for one in journal["records"]} == {"intent", "accepted", "job", "outcome", "parked", "verdict"}
    assert len(validated(remediate(world, "runs", *JSON).json, "remediate.runs/2")["runs"]) == 1
    validated(remediate(world, "undo", report["run"], "--dry-run", *JSON).json, "remediate.report/1")
    validated(remediate(world, "undo", report["run"], "--yes", *JSON).json, "remediate.report/1")


def test_a_lock_on_loan_and_what_is_owed_for_it_conform(drill, remediate):
    world = drill("rp-collection-limit-subscription-lock")
    plan = validated(remediate(world, CODE, *VM, "--yes", *JSON).json, "remediate.report/1")["plan"]
    run = remediate(world, CODE, *VM, "--approve", plan["digest"], *JSON).json["run"]
    assert len(validated(remediate(world, "run", run, *JSON).json, "remediate.run/1")["duties"]) == 2
    assert keep_going(world, remediate, run)["verdict"] == "Fixed"
    journal = validated(remediate(world, "run", run, *JSON).json, "remediate.run/1")
    assert "repaid" in {one["kind"] for one in journal["records"]}


def test_a_cancelled_run_conforms(drill, remediate):
    world = drill()
    run = remediate(world, CODE, *VM, "--yes", *JSON).json["run"]
    assert validated(remediate(world, "cancel", run, *JSON).json, "remediate.report/1")["verdict"] == "NotFixed"
    journal = validated(remediate(world, "run", run, *JSON).json, "remediate.run/1")
    assert "cancelled" in {one["kind"] for one in journal["records"]}


def test_a_run_that_asks_for_approval_of_a_deletion_conforms(drill, remediate):
    world = drill("rp-collection-limit-cleanup-stuck")
    run = remediate(world, CODE, *VM, "--yes", *JSON).json["run"]
    report = keep_going(world, remediate, run)
    assert report["verdict"] == "NeedsApproval"
    approve = ("--approve", report["plan"]["digest"])
    validated(remediate(world, "resume", run, *approve, *JSON).json, "remediate.report/1")
    validated(remediate(world, "run", run, *JSON).json, "remediate.run/1")


def test_a_plan_file_conforms(drill, remediate, tmp_path):
    remediate(drill(), CODE, *VM, "--dry-run", "--plan-out", str(tmp_path / "plan.json"))
    validated(json.loads((tmp_path / "plan.json").read_text(encoding="utf-8")), "remediate.plan/1")


def test_errors_conform_alone_and_among_the_reports_of_several_runs(drill, remediate):
    world = drill()
    said = remediate(world, "NoSuchError", *VM, *JSON)
    assert validated(said.json, "remediate.error/1")["exit_code"] == said.status == 2
    remediate(world, CODE, *VM, "--yes", *JSON)
    world.fault("status", status=503, times=None)
    said = remediate(world, "resume", "--now", *JSON)
    (error,) = validated(said.json, "remediate.reports/1")["errors"]
    assert error["exit_code"] == said.status == 6


def test_the_catalogue_and_the_scenarios_conform(drill, remediate):
    validated(remediate(None, "list", *JSON).json, "remediate.list/3")
    assert validated(remediate(None, "show", CODE, *JSON).json, "remediate.show/3")["runbook"] is True
    validated(remediate(None, "simulate", "list", *JSON).json, "simulator.scenarios/1")
    validated(json.loads(drill("unprotected").server.ready_line()), "simulator.ready/1")


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.id)
def test_what_is_known_of_every_error_conforms(remediate, entry):
    shown = validated(remediate(None, "show", entry.id, *JSON).json, "remediate.show/3")
    assert shown["entry"] == entry.data
    assert bool(shown["steps"]) <= shown["runbook"] is has_runbook(entry)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        (CODE, "found"),
        ("UserErrorCrpReportedUserError: VMRestorePointClientError due to COM+ error", "found"),
        ("VMRestorePointClientError", "ambiguous"),
        ("the dog ate my backup", "unknown"),
    ],
)
def test_an_explanation_conforms_whatever_came_of_it(remediate, text, result):
    said = remediate(None, "explain", text, *JSON)
    explained = validated(said.json, "remediate.explain/1")
    assert (explained["result"], explained["exit_code"]) == (result, said.status)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_diagnosis_of_every_scenario_conforms(drill, remediate, scenario):
    world = drill(scenario)
    said = remediate(world, "diagnose", "--vm", world.vm_id, *JSON)
    found = validated(said.json, "remediate.diagnosis/1")
    assert found["exit_code"] == said.status
    assert found["result"] in ("found", "nothing failed")
    assert world.writes == []


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("VMRestorePointClientError", "ambiguous"),
        ("the dog ate my backup", "unknown"),
        ("UserErrorCrpReportedUserError: VMRestorePointClientError due to COM+ error", "found"),
    ],
)
def test_a_diagnosis_conforms_whatever_came_of_it(drill, remediate, text, result):
    said = remediate(drill(), "diagnose", text, *VM, *JSON)
    found = validated(said.json, "remediate.diagnosis/1")
    assert (found["result"], found["exit_code"], found["job"]) == (result, said.status, None)


def test_the_report_of_a_vm_where_nothing_failed_conforms(drill, remediate):
    report = validated(remediate(drill("healthy"), *VM, "--yes", *JSON).json, "remediate.report/1")
    assert (report["runbook"], report["verdict"]) == ("", "NothingToDo")


def test_no_change_has_a_higher_impact_than_the_list_says(drill, remediate):
    listed = {one["id"]: one["impact"] for one in remediate(None, "list", *JSON).json["errors"]}
    order = [impact.value for impact in Impact]
    report = remediate(drill("rp-collection-limit-subscription-lock"), *VM, "--dry-run", *JSON).json
    impacts = [change["impact"] for step in report["plan"]["steps"] for change in step["changes"]]
    assert "security" in impacts
    assert max(order.index(impact) for impact in impacts) <= order.index(listed[report["runbook"]])


def test_what_is_configured_frozen_and_one_incident_conforms(drill, remediate, tmp_path):
    world = drill()
    window = '[[change_window]]\ndays = ["mon"]\nfrom = "22:00"\nto = "05:00"\n'
    file = tmp_path / "c.toml"
    for text in ("", window):
        file.write_text(text, encoding="utf-8")
        validated(remediate(world, "config", "check", "--config", str(file), *JSON).json, "remediate.config/1")
    for words in (("thaw",), ("freeze", "--reason", "x"), ("thaw",)):
        validated(remediate(world, *words, *JSON).json, "remediate.frozen/1")
    remediate(world, "freeze", "--reason", "x")
    assert validated(remediate(world, "runs", *JSON).json, "remediate.runs/2")["freeze"]["reason"] == "x"
    assert validated(remediate(world, "incidents", *JSON).json, "remediate.incidents/1")["incidents"] == []
    number = incident(world)
    validated(remediate(world, "incidents", *JSON).json, "remediate.incidents/1")
    closed = remediate(world, "incidents", "close", number, "--reason", "x", *JSON).json
    assert validated(closed, "remediate.incidents/1")["incidents"][0]["closed"]["reason"] == "x"


def test_an_empty_journal_has_nothing_to_show(remediate, tmp_path, monkeypatch):
    monkeypatch.setenv("REMEDIATE_STATE", str(tmp_path / "journal.db"))
    SqliteJournal(tmp_path / "journal.db").close()
    said = remediate(None, "run", "none", *JSON)
    assert validated(said.json, "remediate.error/1")["exit_code"] == said.status
