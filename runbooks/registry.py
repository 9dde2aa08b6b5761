"""Errors and runbooks by code, alias or id. What is next to ``entry.json`` is found: nothing has to be registered."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from importlib import import_module

from arm.errors import UsageError

from . import catalogue
from .entry import Entry
from .model import Runbook

_MOST_SHOWN = 80
"""Characters of an unknown code that are said back."""


def runbooks() -> tuple[Runbook, ...]:
    """Return the runbook of every error that has a chain, in the order of the catalogue."""
    return tuple(_load(folder) for folder in catalogue.chains().values())


def find(code: str) -> Runbook:
    """Return the runbook for an id, code or alias, in any case; where there is no chain, one that only advises.

    Raises:
        UsageError: an unknown or ambiguous code; the error lists the closest ones.
    """
    entry = find_entry(code)
    folder = catalogue.folder_of(entry)
    if catalogue.has_chain(folder):
        return _load(folder)
    from .generic import generic  # a code is looked up without what reads facts

    return generic(entry)


def find_entry(code: str, *, commands: Sequence[str] = ()) -> Entry:
    """Return the entry of an error, by an id, code or alias in any case.

    Args:
        code: what was given.
        commands: other words that may have been meant.

    Raises:
        UsageError: an unknown code, or one that several errors have.
    """
    found = catalogue.with_name(code)
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(
            f"{_shown(code)} is the code of several errors",
            "Name one of these, or let 'remediate explain' tell it by the whole message.",
            [f"{entry.id}: {entry.title}" for entry in found],
        )
    known = {name.lower(): entry.id for entry in catalogue.entries() for name in entry.names}
    words = difflib.get_close_matches(code[:200].lower(), commands, n=2, cutoff=0.6)
    close = difflib.get_close_matches(code[:200].lower(), known, n=5, cutoff=0.3) or list(known)[:5]
    raise UsageError(
        f"unknown error code{' or command' if commands else ''} {_shown(code)}",
        "Check the spelling; 'remediate list' shows every code, 'remediate explain' takes a whole message.",
        list(dict.fromkeys([*words, *(known[name] for name in close)])),
    )


def _shown(code: str) -> str:
    return repr(code if len(code) <= _MOST_SHOWN else f"{code[:_MOST_SHOWN]}…")


def _load(folder: str) -> Runbook:
    runbook: Runbook = import_module(f"runbooks.errors.{folder}.chain").RUNBOOK
    return runbook
