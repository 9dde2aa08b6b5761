"""Runbooks by code and alias."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from importlib import import_module

from arm.errors import UsageError

from .model import Runbook

PACKAGES = ("rp_collection_limit_reached",)
"""One folder per error; a new runbook adds its folder and this line."""


def runbooks() -> tuple[Runbook, ...]:
    """Return every runbook, in the order of the catalogue."""
    loaded: list[Runbook] = [import_module(f"runbooks.{package}").RUNBOOK for package in PACKAGES]
    return tuple(loaded)


def find(code: str, *, commands: Sequence[str] = ()) -> Runbook:
    """Return the runbook for a code or alias, in any case.

    Args:
        code: what was given.
        commands: other words that may have been meant.

    Raises:
        UsageError: an unknown code; the error lists the closest ones.
    """
    known: dict[str, Runbook] = {}
    for runbook in runbooks():
        for name in (runbook.code, *(runbook.entry.aliases if runbook.entry else ())):
            known[name.lower()] = runbook
    if code.lower() in known:
        return known[code.lower()]
    words = difflib.get_close_matches(code.lower(), commands, n=2, cutoff=0.6)
    close = [*words, *difflib.get_close_matches(code.lower(), known, n=5, cutoff=0.3)] or list(known)[:5]
    raise UsageError(
        f"unknown error code{' or command' if commands else ''} {code!r}",
        "Check the spelling; 'remediate list' shows every code that has a runbook.",
        [known[name].code if name in known else name for name in close],
    )
