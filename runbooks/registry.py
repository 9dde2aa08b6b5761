"""Runbooks by code and alias."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from importlib import import_module

from arm.errors import UsageError

from .model import Entry, Runbook

PACKAGES = ("rp_collection_limit_reached",)
"""One folder per error; a new runbook adds its folder and this line."""


def entries() -> dict[str, Entry]:
    """Return what the catalogue knows of every error that has a runbook, by package; no chain is imported."""
    return {package: Entry.load(f"runbooks.{package}") for package in PACKAGES}


def runbooks() -> tuple[Runbook, ...]:
    """Return every runbook, in the order of the catalogue."""
    return tuple(_load(package) for package in PACKAGES)


def find(code: str) -> Runbook:
    """Return the runbook for a code or alias, in any case.

    Raises:
        UsageError: an unknown code; the error lists the closest ones.
    """
    return _load(_package(code, ()))


def find_code(code: str, *, commands: Sequence[str] = ()) -> str:
    """Return the code that a code or alias in any case means, without importing its chain.

    Args:
        code: what was given.
        commands: other words that may have been meant.

    Raises:
        UsageError: an unknown code; the error lists the closest ones.
    """
    return entries()[_package(code, commands)].code


def _load(package: str) -> Runbook:
    runbook: Runbook = import_module(f"runbooks.{package}").RUNBOOK
    return runbook


def _package(code: str, commands: Sequence[str]) -> str:
    found = entries()
    known = {name.lower(): package for package, entry in found.items() for name in (entry.code, *entry.aliases)}
    if code.lower() in known:
        return known[code.lower()]
    words = difflib.get_close_matches(code.lower(), commands, n=2, cutoff=0.6)
    close = [*words, *difflib.get_close_matches(code.lower(), known, n=5, cutoff=0.3)] or list(known)[:5]
    raise UsageError(
        f"unknown error code{' or command' if commands else ''} {code!r}",
        "Check the spelling; 'remediate list' shows every code that has a runbook.",
        [found[known[name]].code if name in known else name for name in close],
    )
