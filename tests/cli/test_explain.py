"""``explain``, ``show`` and ``list``: what the catalogue knows, without a request."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pytest

from runbooks.catalogue import entries, has_runbook

from ..drill import CODE

MESSAGE = "備份無法取消作業，因為它並未正在進行"


@pytest.mark.parametrize("output", ["text", "json", "markdown"])
@pytest.mark.parametrize("text", [CODE, MESSAGE, "AllocationFailed"])
def test_an_explanation_sends_no_request(drill, remediate, text, output):
    world = drill()
    said = remediate(world, "explain", text, "-o", output)
    assert (said.status, said.err) == (0, "")
    assert ("JobNotInProgress" if text == MESSAGE else text) in said.out
    assert world.simulator.requests == []


def test_an_explanation_says_what_a_person_needs(remediate):
    out = remediate(None, "explain", "UserErrorVmNotFoundV2").out
    for heading in ("Why it happens", "What Microsoft says", "would be done here", "human must do", "Risk", "Sources"):
        assert heading in out
    assert "No chain yet" in out
    assert "Recognised by" in out


def test_an_explanation_of_an_error_with_a_runbook_shows_its_steps(remediate):
    out = remediate(None, "explain", CODE).out
    assert "What the runbook does" in out
    assert "No chain yet" not in out


@pytest.mark.parametrize("data", [MESSAGE.encode(), b"\xef\xbb\xbf" + MESSAGE.encode() + b"\r\n"])
def test_a_message_is_read_from_standard_input(remediate, monkeypatch, data):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    assert remediate(None, "explain", "-", "-o", "json").json["id"] == "JobNotInProgress"


def test_a_message_may_be_given_as_several_words(remediate):
    said = remediate(None, "explain", "The", "VM", "is", "in", "failed", "provisioning", "state", "-o", "json")
    assert said.json["id"] == "UserErrorVmProvisioningStateFailed"


@pytest.mark.parametrize("output", ["text", "markdown"])
def test_an_ambiguous_text_is_answered_with_the_candidates(remediate, output):
    said = remediate(None, "explain", "VMRestorePointClientError", "-o", output)
    assert said.status == 2
    assert said.out.count("VMRestorePointClientError.") == 10


def test_an_unknown_text_is_answered_with_what_comes_closest(remediate):
    said = remediate(None, "explain", "UserErrorFsFreezeFialed")
    assert said.status == 2
    assert "unknown" in said.out
    assert "UserErrorFsFreezeFailed" in said.out


@pytest.mark.parametrize("text", ["", "  ", "\x00\x1b", "?!", "a" * 1_000_000])
def test_a_text_that_is_none_or_far_too_long_is_refused(remediate, text):
    said = remediate(None, "explain", text)
    assert said.status == 2
    assert said.err.startswith("error")


def test_the_list_has_every_error_and_marks_those_with_a_chain(remediate):
    errors = remediate(None, "list", "-o", "json").json["errors"]
    assert [one["id"] for one in errors] == [entry.id for entry in entries()]
    assert {one["id"] for one in errors if one["runbook"]} == {one.id for one in entries() if has_runbook(one)}
    out = remediate(None, "list").out
    assert out.index(CODE) < out.index("without a chain yet") < out.index("AllocationFailed")


def test_the_list_says_what_each_runbook_needs_and_may_do(remediate):
    errors = {one["id"]: one for one in remediate(None, "list", "-o", "json").json["errors"]}
    limit, unbuilt = errors[CODE], errors["AllocationFailed"]
    assert (limit["class"], limit["impact"], limit["scenarios"][0]) == ("full", "destructive", "rp-collection-limit")
    assert "Microsoft.Authorization/locks/delete" in limit["permissions"]["write"]
    assert "Microsoft.Authorization/locks/read" in limit["permissions"]["read"]
    assert (unbuilt["impact"], unbuilt["permissions"]["write"], unbuilt["choices"]) == ("none", [], {})
    assert "Microsoft.Compute/virtualMachines/read" in unbuilt["permissions"]["read"]


def test_the_list_maps_every_row_of_the_source_documents(remediate):
    listed = remediate(None, "list", "-o", "json").json
    assert listed["source_rows"] == {"rows": 103, "mapped": 103}
    rows = {(row["document"], row["row"]) for one in listed["errors"] for row in one["source_rows"]}
    assert len(rows) == 103


def test_what_is_shown_of_an_error_has_the_drills_and_the_permissions(remediate):
    out = remediate(None, "show", CODE).out
    assert f"remediate {CODE} --simulate rp-collection-limit --dry-run" in out
    assert "write: Microsoft.Authorization/locks/delete" in out


def test_a_code_without_a_chain_is_left_to_a_human_with_the_documented_steps(drill, remediate):
    world = drill()
    said = remediate(world, "AllocationFailed", "--vm", "web-01", "--yes", "-o", "json")
    assert (said.status, said.json["verdict"]) == (4, "NeedsHuman")
    assert "allocation-guidance" in said.json["next_step"]
    assert world.writes == []
