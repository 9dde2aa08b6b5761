"""Which mutants the tests kill: ``python -m tests.mutants.kill [NAME ...]`` runs the killers of all, or of some."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .plugin import VARIABLE
from .table import MUTANTS, Mutant

ROOT = Path(__file__).parent.parent.parent
TESTS_FAILED = 1
"""Pytest's status when tests ran and failed; a test that is not there, or cannot be collected, kills nothing."""
BROKEN = re.compile(r"\b(TypeError|NameError|ImportError|AttributeError(?!: 'NoneType')):")
"""A mutant that does not even run has not been noticed by anybody."""


def survives(mutant: Mutant) -> list[str]:
    """Return the killers of a mutant that do not notice it: each is run with the measure removed."""
    options = ["-q", "-x", "-p", "tests.mutants.plugin", "-p", "no:cacheprovider"]
    environment = {**os.environ, VARIABLE: mutant.name, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    unmoved = []
    for killer in mutant.killers:
        command = [sys.executable, "-m", "pytest", *options, killer]
        ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if ended.returncode != TESTS_FAILED or BROKEN.search(ended.stdout):
            unmoved.append(f"{killer} ended with {ended.returncode}: {ended.stdout[-500:]} {ended.stderr[-500:]}")
    return unmoved


def main(names: Sequence[str]) -> int:
    """Print which mutants are killed, and return 1 when one survives."""
    chosen = [MUTANTS[name] for name in names] or list(MUTANTS.values())
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        left = dict(zip((one.name for one in chosen), pool.map(survives, chosen), strict=True))
    surviving = {name: why for name, why in left.items() if why}
    print(
        json.dumps({"mutants": len(chosen), "killed": len(chosen) - len(surviving), "surviving": surviving}, indent=2)
    )
    return 1 if surviving else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
