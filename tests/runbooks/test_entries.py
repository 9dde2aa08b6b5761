"""The catalogue: every entry is complete, tells its own error from any other, and can be found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import runbooks as package
from arm.errors import UsageError
from arm.facts.backup import Job, JobError
from arm.facts.collect import VmFacts
from runbooks.model import Entry
from runbooks.registry import PACKAGES, find, find_code, runbooks

HOME = Path(package.__file__).parent
ALL = {runbook.code: runbook for runbook in runbooks()}
KEYS = {"code", "aliases", "title", "messages", "causes", "documented_steps", "risk", "sources"}
every = pytest.mark.parametrize("runbook", ALL.values(), ids=ALL)


def failed(message: str = "", *errors: JobError) -> Job:
    return Job("id", "name", "Backup", "Failed", None, None, False, errors, message)


def shown(text: str) -> Job:
    return failed("", JobError(1, "", text, ()))


def test_every_folder_of_the_catalogue_is_registered_and_every_registered_one_is_there():
    assert {path.parent.name for path in HOME.glob("*/entry.json")} == set(PACKAGES)
    assert len(ALL) == len(PACKAGES), "no code is there twice"


@every
def test_an_entry_has_every_part_and_none_of_them_is_empty(runbook):
    (path,) = [path for path in HOME.glob("*/entry.json") if json.loads(path.read_text())["code"] == runbook.code]
    data = json.loads(path.read_text(encoding="utf-8"))
    assert set(data) == KEYS
    for name in ("messages", "causes", "documented_steps", "sources", "risk", "title"):
        assert data[name], name
    texts = [*data["aliases"], *data["causes"], *data["documented_steps"], *data["sources"]]
    texts += [text for found in data["messages"].values() for text in found]
    assert all(isinstance(text, str) and len(text.strip()) > 3 for text in texts)
    assert data["title"] in data["messages"]["en"]
    assert runbook.entry == Entry.load(f"runbooks.{path.parent.name}")


@pytest.mark.parametrize("package", ["runbooks.no_such_error", "runbooks.model"])
def test_what_is_no_package_of_a_runbook_has_no_entry(package):
    with pytest.raises(LookupError, match="there is no package"):
        Entry.load(package)


@every
def test_a_job_is_known_by_the_code_or_by_any_message_in_any_case_and_language(runbook):
    entry = runbook.entry
    for code in (entry.code, *entry.aliases):
        assert entry.describes(failed(f"Failed with {code.upper()}, see the log."))
    for texts in entry.messages.values():
        for text in texts:
            assert entry.describes(shown(text.upper()))
            assert entry.describes(shown(f"Error: {text.rstrip('.')} (for VM web-01)"))
            assert entry.describes(failed("", JobError(None, text, "", ())))


@every
def test_a_job_without_words_is_of_no_error(runbook):
    assert not runbook.entry.describes(failed())
    assert not runbook.entry.describes(shown(" "))


@given(st.text(max_size=30))
@every
def test_a_job_with_other_words_is_of_another_error(runbook, text):
    known = [
        runbook.code,
        *runbook.entry.aliases,
        *(text for found in runbook.entry.messages.values() for text in found),
    ]
    if not any(one.lower().rstrip(".") in text.lower() for one in known):
        assert not runbook.entry.describes(shown(text))


@pytest.mark.parametrize("one", ALL.values(), ids=ALL)
@pytest.mark.parametrize("other", ALL.values(), ids=ALL)
def test_no_message_of_one_error_is_taken_for_another(one, other):
    if one is not other:
        for texts in one.entry.messages.values():
            assert not any(other.entry.describes(shown(text)) for text in texts)


@every
def test_a_runbook_is_found_by_its_code_in_any_case_and_by_its_aliases(runbook):
    for name in (runbook.code, *runbook.entry.aliases):
        assert find(name) is runbook
        assert find(name.lower()) is runbook
        assert find(name.upper()) is runbook
        assert find_code(name.upper()) == runbook.code


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
        find_code("resum", commands=("resume", "runs"))
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
