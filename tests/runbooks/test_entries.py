"""The catalogue: every entry is complete, is found by its names, and has a chain that keeps the rules."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from arm.errors import UsageError
from arm.facts.collect import VmFacts
from runbooks import catalogue
from runbooks.registry import find, find_entry, runbooks

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "runbooks" / "errors"
SCHEMA = Draft202012Validator(json.loads((ROOT / "docs" / "schemas" / "entry.schema.json").read_text(encoding="utf-8")))
IDS = (Path(__file__).parent / "ids.txt").read_text(encoding="utf-8").split()
"""Every error of the project's source documents, and of Microsoft's pages about them."""
ENTRIES = catalogue.entries()
ALL = {runbook.code: runbook for runbook in runbooks()}
NAMES = Counter(name for entry in ENTRIES for name in {name.lower() for name in entry.names})
SHARED = {"operationnotallowed": 2, "vmrestorepointclienterror": 10}
"""Codes of several errors, which only the message tells apart."""
every_entry = pytest.mark.parametrize("entry", ENTRIES, ids=[entry.id for entry in ENTRIES])
every = pytest.mark.parametrize("runbook", ALL.values(), ids=ALL)


def test_all_154_errors_are_there_each_once():
    assert sorted(entry.id for entry in ENTRIES) == sorted(IDS)
    assert len(set(IDS)) == 154


def test_the_schema_is_valid():
    Draft202012Validator.check_schema(SCHEMA.schema)


@every_entry
def test_an_entry_keeps_to_its_schema(entry):
    assert [f"{error.json_path}: {error.message}" for error in SCHEMA.iter_errors(entry.data)] == []


@every_entry
def test_an_entry_is_written_as_all_are_so_that_a_review_shows_only_what_changed(entry):
    text = (HOME / catalogue.folder_of(entry) / "entry.json").read_text(encoding="utf-8")
    assert text == json.dumps(entry.data, indent=2, ensure_ascii=False) + "\n"
    assert list(entry.data) == list(SCHEMA.schema["properties"])


@every_entry
def test_an_entry_agrees_with_itself_and_with_the_others(entry):
    assert entry.title in entry.messages["en"]
    assert set(entry.related) <= set(IDS) - {entry.id}
    assert (entry.match is not None) is (entry.code is not None and entry.code != entry.id and "." in entry.id)
    assert all(row.title in entry.messages[row.language] for row in entry.source_rows)


@every_entry
def test_no_entry_names_a_place_on_a_machine(entry):
    text = json.dumps(entry.data)
    assert not any(place in text for place in ("/work/", "/root/", "/tmp/", "/home/"))


def test_codes_and_aliases_mean_one_error_but_for_those_that_azure_shares():
    assert {name: count for name, count in NAMES.items() if count > 1} == SHARED


def test_every_folder_has_an_entry_and_a_name_that_follows_from_its_id():
    assert len(catalogue.folders()) == len(ENTRIES)
    for folder in catalogue.folders():
        assert catalogue.folder_of(catalogue.load(folder)) == folder
    assert len({catalogue.squeezed(folder) for folder in catalogue.folders()}) == len(ENTRIES)
    with pytest.raises(LookupError, match="no_such_error"):
        catalogue.load("no_such_error")


@every_entry
def test_an_error_is_found_by_every_name_in_any_case(entry):
    for name in entry.names:
        if name.lower() not in SHARED:
            for written in (name, name.lower(), name.upper(), f" {name} "):
                assert find_entry(written) is entry


@pytest.mark.parametrize("code", SHARED)
def test_a_shared_code_is_answered_with_the_errors_it_may_be(code):
    with pytest.raises(UsageError, match="several errors") as caught:
        find_entry(code)
    assert len(caught.value.candidates) == SHARED[code]


def test_one_error_is_found_without_reading_the_others(monkeypatch):
    read = []
    monkeypatch.setattr(catalogue, "load", lambda folder: read.append(folder) or entry_in[folder])
    entry_in = {catalogue.folder_of(entry): entry for entry in ENTRIES}
    assert find_entry("usererrorrpcollectionlimitreached").id == "UserErrorRpCollectionLimitReached"
    assert set(read) == {"user_error_rp_collection_limit_reached"}


@every_entry
def test_an_error_without_a_chain_has_a_runbook_that_changes_nothing(entry):
    runbook = find(entry.id)
    assert runbook.code == entry.id
    assert (runbook in ALL.values()) is catalogue.has_runbook(entry)
    assert runbook.steps or not runbook.writes


@every
def test_a_runbook_is_found_by_its_code_in_any_case_and_by_its_aliases(runbook):
    for name in (runbook.code, *runbook.entry.aliases):
        assert find(name) is runbook
        assert find(name.lower()) is runbook
        assert find(name.upper()) is runbook
        assert find_entry(name.upper()).id == runbook.code == runbook.entry.id


@pytest.mark.parametrize(
    "code", ["UserErrorRpCollectionLimit", "rpcollectionlimitreached", "UserErrorRpColectionLimitReached"]
)
def test_a_misspelled_code_is_answered_with_the_closest(code):
    with pytest.raises(UsageError, match="unknown error code") as caught:
        find(code)
    assert caught.value.candidates[0] == "UserErrorRpCollectionLimitReached"
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("code", ["", "x", "%", "999"])
def test_a_code_like_no_other_is_answered_with_what_there_is(code):
    with pytest.raises(UsageError) as caught:
        find(code)
    assert caught.value.candidates
    assert "remediate list" in caught.value.next_step


def test_a_misspelled_command_is_answered_with_the_command():
    with pytest.raises(UsageError, match="error code or command 'resum'") as caught:
        find_entry("resum", commands=("resume", "runs"))
    assert caught.value.candidates[0] == "resume"


@every
def test_the_facts_a_runbook_wants_exist(runbook):
    assert all(callable(getattr(VmFacts, name)) for name in runbook.facts)


@every
def test_a_step_is_found_by_the_name_that_a_run_has_pinned(runbook):
    names = [step.name for step in runbook.steps]
    assert len(set(names)) == len(names)
    assert [runbook.step(name).name for name in names] == names
    assert all(step.summary for step in runbook.steps)


@every
def test_a_step_that_an_older_version_had_is_an_error_that_says_so(runbook):
    with pytest.raises(UsageError, match="no step 'of_old'") as caught:
        runbook.step("of_old")
    assert caught.value.next_step
