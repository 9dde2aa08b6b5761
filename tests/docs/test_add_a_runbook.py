"""The worked example of ``docs/add-a-runbook.md`` works as printed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from remediate.remediation import Accepted
from runbooks import catalogue, errors

from ..errors import test_every_error as every_error

ROOT = Path(__file__).resolve().parents[2]
FOLDER, ERROR = "extension_stuck_in_deletion_state", "ExtensionStuckInDeletionState"
PAGE = (ROOT / "docs" / "add-a-runbook.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^`((?:runbooks|tests)/\S+)`\n\n```\w+\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
CASES: list[dict[str, Any]] = json.loads(FILES["tests/errors/cases/examples.json"])
YES = Accepted(yes=True)

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case["scenario"])


@pytest.fixture
def example(tmp_path, monkeypatch) -> Path:
    """The example's chain, beside those that are there."""
    chain = {name: text for name, text in FILES.items() if name.startswith("runbooks/")}
    assert {Path(name).name for name in chain} == {"chain.py", "__init__.py"}
    assert not catalogue.has_chain(FOLDER)
    for name, text in chain.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(errors, "__path__", [str(tmp_path / "runbooks" / "errors"), *errors.__path__])
    yield tmp_path / "runbooks" / "errors" / FOLDER
    for name in [name for name in sys.modules if name.startswith(f"runbooks.errors.{FOLDER}")]:
        del sys.modules[name]


@every_case
def test_what_must_come_of_the_example_comes_of_it(drill, example, case):
    every_error.test_diagnose_names_the_error_and_its_cause_and_writes_nothing(drill, case)
    every_error.test_a_dry_run_writes_nothing(drill, case)
    every_error.test_a_run_reaches_its_verdict_and_a_second_run_changes_nothing(drill, case)


def test_without_its_chain_the_example_is_left_to_a_human(drill):
    world = drill(CASES[0]["scenario"])
    assert world.repair(YES, ERROR).stand.verdict.value == "NeedsHuman"
    assert world.writes == []


@pytest.mark.parametrize("scenario", ["rp-collection-limit", "unprotected"])
def test_the_example_refuses_what_it_is_not_for(drill, example, scenario):
    world = drill(scenario)
    report = world.repair(YES, ERROR)
    assert report.stand.refusal.guard == "diagnosis"
    assert report.stand.next_step
    assert world.writes == []


def test_the_example_keeps_the_house_rules(example):
    command = [sys.executable, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), str(example)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout
