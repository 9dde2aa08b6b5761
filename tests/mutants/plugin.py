"""A pytest plugin that removes one measure for a test run: ``MUTANT=NAME pytest -p tests.mutants.plugin``."""

from __future__ import annotations

import atexit
import os

VARIABLE = "MUTANT"


def remove_measure() -> None:
    """Remove the measure that the environment names, for as long as this process lives."""
    if VARIABLE in os.environ:
        from .table import MUTANTS

        patch = MUTANTS[os.environ[VARIABLE]].patch()
        patch.__enter__()
        atexit.register(patch.__exit__, None, None, None)


def pytest_configure() -> None:
    """Begin."""
    remove_measure()
