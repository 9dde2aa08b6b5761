"""``remediate alert``: a payload from a file or standard input, and what became of it."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from remediate.alerts.model import Why
from remediate.alerts.reading import MAX_BYTES
from simulator import SCENARIOS

from ..docs.test_schemas import validated
from .samples import OURS, SHAPES, built_in, log_v2, metric
from .test_intake import fail_with

ROOT = Path(__file__).resolve().parents[2]
JSON = ("-o", "json")
PAGE = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")


@pytest.fixture
def file(tmp_path):
    def write(payload: object) -> str:
        path = tmp_path / "alert.json"
        path.write_text(payload if isinstance(payload, str) else json.dumps(payload), encoding="utf-8")
        return str(path)

    return write


@pytest.mark.parametrize("name", SHAPES)
def test_what_becomes_of_every_shape_conforms_to_its_schema(drill, remediate, file, name):
    said = remediate(drill(), "alert", file(SHAPES[name](OURS)), "--yes", "--wait", "0s", *JSON)
    document = validated(said.json, "remediate.alerts/1")
    assert (said.status, document["exit_code"]) == (0, 0)
    (one,) = document["alerts"]
    assert (one["result"], one["job"], one["error"]) == ("taken", OURS.job, OURS.code)
    assert one["run"] == one["report"]["run"]


@pytest.mark.parametrize(
    ("payload", "status"),
    [("{", 2), ([], 2), ({"hello": 1}, 2), (log_v2() | {"schemaId": "Other"}, 0), ([built_in(), {}, metric()], 2)],
    ids=["cut", "empty", "no alert", "foreign", "several"],
)
def test_what_is_not_taken_conforms_and_its_status_says_who_must_look(drill, remediate, file, payload, status):
    said = remediate(drill(), "alert", file(payload), "--dry-run", *JSON)
    assert validated(said.json, "remediate.alerts/1")["exit_code"] == said.status == status


@pytest.mark.parametrize("output", ["text", "markdown", "json"])
def test_an_error_that_cannot_be_told_is_shown_as_a_diagnosis(drill, remediate, file, output):
    world = drill()
    fail_with(world, "Something that nobody has ever seen.")
    said = remediate(world, "alert", file(metric()), "--yes", "-o", output)
    assert said.status == 2
    if output == "json":
        assert validated(said.json, "remediate.alerts/1")["alerts"][0]["diagnosis"]["result"] == "unknown"
    else:
        assert "means no error that is known" in said.out


def test_a_note_is_told_to_people(drill, remediate, file):
    said = remediate(drill(), "alert", file(log_v2(replace(OURS, code="VmAgentNotPresent"))), "--dry-run")
    assert "the job counts" in said.out


def test_without_yes_the_plan_is_shown_and_a_human_is_called(drill, remediate, file):
    world = drill()
    said = remediate(world, "alert", file(built_in()))
    assert said.status == 4
    assert "alert taken: " in said.out
    assert world.writes == []


def test_a_duplicate_is_told_with_status_0(drill, remediate, file):
    world, path = drill(), file(built_in())
    assert remediate(world, "alert", path, "--yes", "--wait", "0s").status == 0
    written = world.writes
    said = remediate(world, "alert", path, "--yes")
    assert said.status == 0
    assert said.out.startswith("alert duplicate: ")
    assert world.writes == written


def test_a_payload_is_read_from_standard_input(drill, remediate, monkeypatch):
    given = SimpleNamespace(buffer=io.BytesIO(json.dumps(built_in()).encode("utf-16")))
    monkeypatch.setattr("sys.stdin", given)
    assert remediate(drill(), "alert", "-", "--dry-run").status == 0


def test_of_a_payload_without_end_no_more_is_read_than_shows_that(drill, remediate, monkeypatch):
    given = SimpleNamespace(buffer=io.BytesIO(b" " * 10 * MAX_BYTES))
    monkeypatch.setattr("sys.stdin", given)
    said = remediate(drill(), "alert", "-")
    assert said.status == 2
    assert given.buffer.tell() == MAX_BYTES + 1


def test_a_file_that_is_not_there_is_a_wrong_call(drill, remediate, tmp_path):
    said = remediate(drill(), "alert", str(tmp_path / "none.json"))
    assert said.status == 2
    assert "cannot be read" in said.err


@pytest.mark.parametrize("output", ["text", "markdown"])
def test_every_alert_of_a_payload_is_told_to_people(drill, remediate, file, output):
    payload = [built_in(), {"hello": 1}, log_v2(OURS)]
    said = remediate(drill(), "alert", file(payload), "--yes", "--wait", "0s", "-o", output)
    told = re.findall(r"^(?:\*\*)?alert ([a-z-]+)", said.out, re.MULTILINE)
    assert told == ["taken", "refused", "duplicate"]


def test_a_payload_cannot_write_control_characters_to_the_terminal(drill, remediate, file):
    said = remediate(drill(), "alert", file({"schemaId": "\u001b]0;x\u0007\u202e"}))
    assert all(line.isprintable() for line in said.out.splitlines())


def test_the_alert_on_the_page_is_repaired_as_it_says(remediate, monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("REMEDIATE_STATE", str(tmp_path / "journal.db"))
    call, first = re.search(r"^\$ remediate (.*)\n(.*)$", PAGE, re.MULTILINE).groups()
    said = remediate(None, *call.split())
    assert said.status == 0
    assert said.out.splitlines()[0] == first
    assert set(re.findall(r"--simulate (\S+)", call)) <= set(SCENARIOS)


def test_every_reason_for_no_repair_is_on_the_page_with_its_exit_code():
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| .* \| (\d) \|$", PAGE, re.MULTILINE))
    assert {one.value: str(one.exit_code) for one in Why}.items() <= rows.items()


def test_every_reason_that_azure_gives_is_on_the_page():
    code = (ROOT / "remediate" / "alerts" / "resolve.py").read_text(encoding="utf-8")
    words = set(re.findall(r"_(?:refuse|nothing)\(\"([a-z-]+)\"", code))
    assert words
    assert words <= set(re.findall(r"`([a-z-]+)`", PAGE))
