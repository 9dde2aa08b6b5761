"""The worked example of ``docs/add-a-runbook.md`` works as printed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from remediate.engine.model import Verdict
from remediate.remediation import Accepted
from runbooks import catalogue, errors

ROOT = Path(__file__).resolve().parents[2]
FOLDER, ERROR, SCENARIO = (
    "user_error_vm_provisioning_state_failed",
    "UserErrorVmProvisioningStateFailed",
    "extension-failed",
)
YES = Accepted(yes=True)


@pytest.fixture
def example(tmp_path, monkeypatch) -> Path:
    """The example's files, beside those that are there."""
    page = (ROOT / "docs" / "add-a-runbook.md").read_text(encoding="utf-8")
    files = dict(re.findall(r"^`(runbooks/\S+)`\n\n```\w+\n(.*?)^```$", page, re.MULTILINE | re.DOTALL))
    assert {Path(name).name for name in files} == {"chain.py", "__init__.py"}
    assert not catalogue.has_chain(FOLDER)
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.setattr(errors, "__path__", [str(tmp_path / "runbooks" / "errors"), *errors.__path__])
    yield tmp_path / "runbooks" / "errors" / FOLDER
    for name in [name for name in sys.modules if name.startswith(f"runbooks.errors.{FOLDER}")]:
        del sys.modules[name]


def test_the_example_repairs_its_scenario_and_a_second_run_changes_nothing(drill, example):
    world = drill(SCENARIO)
    plan = world.remediation(read_only=True).plan(ERROR, world.vm())
    assert plan.stand.verdict is Verdict.PLANNED
    assert world.writes == []
    report = world.repair(YES, ERROR)
    assert report.stand.verdict is Verdict.FIXED, report.stand
    assert [effect.split()[0] for effect in world.effects] == ["DELETE", "POST"]
    assert world.repair(YES, ERROR).stand.verdict is Verdict.NOTHING_TO_DO
    assert len(world.effects) == 2


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
