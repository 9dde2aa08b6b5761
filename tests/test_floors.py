"""The floors of the house: imports point downwards only, and the front door opens without carrying the cellar up."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ("arm", "actions", "guards", "runbooks", "remediate")
"""Ground floor first."""
MAY_IMPORT = {room: set(FLOORS[: number + 1]) for number, room in enumerate(FLOORS)}
MAY_IMPORT["remediate"] |= {"simulator"}
MAY_IMPORT["simulator"] = {"simulator"}
HEAVY = ("azure", "msal", "requests", "rich", "structlog", "tenacity", "simulator", "sqlite3", "platformdirs")


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and full name of every module that a file imports, wherever in it."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join((*base, *([node.module] if node.module else [])))
            yield node.lineno, stem
            yield from ((node.lineno, f"{stem}.{alias.name}") for alias in node.names)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_imports_point_downwards_only(room):
    modules = list((ROOT / room).rglob("*.py"))
    outside = {*MAY_IMPORT, "tests", "docs", "benchmarks"} - MAY_IMPORT[room]
    upwards = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in modules
        for line, name in imported(path)
        if name.split(".")[0] in outside
    ]
    assert modules
    assert upwards == []


@pytest.mark.parametrize("statement", ["import remediate.cli", "from remediate.cli import main; main(['--help'])"])
def test_the_command_line_starts_without_what_only_some_commands_need(statement):
    program = (
        f"import json, sys\nbefore = {{*sys.modules}}\ntry:\n    {statement}\n"
        "finally:\n    print(json.dumps([*{*sys.modules} - before]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}
    assert "click" in loaded
    assert loaded.isdisjoint(HEAVY), sorted(loaded.intersection(HEAVY))


@pytest.mark.parametrize("room", ["actions", "guards", "runbooks"])
def test_what_plans_changes_does_not_import_the_clients_that_write(room):
    modules = sorted(path.relative_to(ROOT).with_suffix("").as_posix() for path in (ROOT / room).rglob("*.py"))
    names = [name.removesuffix("/__init__").replace("/", ".") for name in modules]
    program = f"import json, sys, {', '.join(names)}\nprint(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert [name for name in json.loads(done.stdout) if name.startswith("azure.mgmt")] == []
