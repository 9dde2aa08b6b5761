"""Errors and runbooks by code, alias or id. What is next to ``entry.json`` is found: nothing has to be registered."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from importlib import import_module

from arm.errors import UsageError

from . import catalogue
from .entry import Entry
from .model import Runbook


class NoRunbook(UsageError):
    """The error is known, but there is no runbook for it yet."""

    code = "NoRunbook"


def runbooks() -> tuple[Runbook, ...]:
    """Return every runbook, in the order of the catalogue."""
    return tuple(_load(folder) for folder in catalogue.chains().values())


def find(code: str) -> Runbook:
    """Return the runbook for an id, code or alias, in any case.

    Raises:
        UsageError: an unknown or ambiguous code; the error lists the closest ones.
        NoRunbook: the error has none yet; the error says what Microsoft documents.
    """
    return _load(_folder(find_entry(code)))


def find_code(code: str, *, commands: Sequence[str] = ()) -> str:
    """Return the id of the error that a code or alias in any case means, without importing its chain.

    Args:
        code: what was given.
        commands: other words that may have been meant.

    Raises:
        UsageError: an unknown or ambiguous code; the error lists the closest ones.
        NoRunbook: there is no runbook for this error yet.
    """
    entry = find_entry(code, commands=commands)
    _folder(entry)
    return entry.id


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
            f"{code!r} is the code of several errors",
            "Name one of these, or let 'remediate explain' tell it by the whole message.",
            [f"{entry.id}: {entry.title}" for entry in found],
        )
    known = {name.lower(): entry.id for entry in catalogue.entries() for name in entry.names}
    words = difflib.get_close_matches(code.lower(), commands, n=2, cutoff=0.6)
    close = difflib.get_close_matches(code.lower(), known, n=5, cutoff=0.3) or list(known)[:5]
    raise UsageError(
        f"unknown error code{' or command' if commands else ''} {code!r}",
        "Check the spelling; 'remediate list' shows every code, 'remediate explain' takes a whole message.",
        list(dict.fromkeys([*words, *(known[name] for name in close)])),
    )


def _folder(entry: Entry) -> str:
    folder = catalogue.folder_of(entry)
    if catalogue.has_chain(folder):
        return folder
    steps = " ".join(f"({number}) {step}" for number, step in enumerate(entry.documented_steps, 1))
    raise NoRunbook(
        f"{entry.id} is known, but there is no runbook for it yet: {entry.title}",
        f"Do what Microsoft documents: {steps} 'remediate explain {entry.id}' says more.",
    )


def _load(folder: str) -> Runbook:
    runbook: Runbook = import_module(f"runbooks.errors.{folder}.chain").RUNBOOK
    return runbook
