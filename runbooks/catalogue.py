"""The entries of the catalogue. The name of a file follows from the id, so one error is found without reading all."""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path

from . import errors
from .entry import Entry

DOCUMENTS = {"000": 39, "001": 12, "002": 1, "003": 10, "004": 41}
"""The five source documents, with how many rows of each name an error.

A row is a row of a table of errors, a section whose heading is an error, or a symptom that a document tells how to
cure. The message line below a heading belongs to the heading's row: it has that row's number. So rows are counted by
document and number.
"""
_ENTRY, _CHAIN = "entry.json", "chain.py"


def squeezed(name: str) -> str:
    """Return a code, id or folder's name without case and punctuation: what they have in common."""
    return re.sub(r"[\W_]", "", name.lower())


def folders() -> tuple[str, ...]:
    """Return the folder of every error, in the order of their names."""
    return _folders(_homes())


def _homes() -> tuple[tuple[str, int], ...]:
    """Return where the folders are, and when one was last added there."""
    return tuple((home, os.stat(home).st_mtime_ns) for home in errors.__path__)


@cache
def _folders(homes: tuple[tuple[str, int], ...]) -> tuple[str, ...]:
    found = {name for home, _ in homes for name in os.listdir(home) if not name.startswith(("_", "."))}
    return tuple(sorted(found))


def load(folder: str) -> Entry:
    """Read the entry in a folder, as a chain does for its own.

    Raises:
        LookupError: there is none.
    """
    return _read(folder, _homes())


@cache
def _read(folder: str, homes: tuple[tuple[str, int], ...]) -> Entry:
    for home, _ in homes:
        path = Path(home, folder, _ENTRY)
        if path.is_file():
            return Entry.of(json.loads(path.read_text(encoding="utf-8")))
    raise LookupError(f"there is no {_ENTRY} in runbooks/errors/{folder}")


def entries() -> tuple[Entry, ...]:
    """Return every entry, in the order of their folders."""
    return _entries(_homes())


@cache
def _entries(homes: tuple[tuple[str, int], ...]) -> tuple[Entry, ...]:
    return tuple(_read(folder, homes) for folder in _folders(homes))


def with_name(name: str) -> tuple[Entry, ...]:
    """Return the entries that an id, code, alias or number in any case may mean; several for a shared code.

    An id is answered by one file: where it is the code as well, no other error has that code.
    """
    wanted = name.strip().lower()
    plain = squeezed(wanted)
    for folder in folders():
        if folder.replace("_", "") == plain:
            entry = load(folder)
            if wanted == entry.id.lower():
                return (entry,)
    return tuple(entries()[number] for number in _by_name(_homes()).get(wanted, ()))


@cache
def _by_name(homes: tuple[tuple[str, int], ...]) -> dict[str, tuple[int, ...]]:
    found: dict[str, tuple[int, ...]] = {}
    for number, entry in enumerate(_entries(homes)):
        for name in dict.fromkeys(one.lower() for one in entry.names):
            found[name] = (*found.get(name, ()), number)
    return found


def folder_of(entry: Entry) -> str:
    """Return the folder that an entry is in.

    Raises:
        LookupError: none has its name.
    """
    plain = squeezed(entry.id)
    for folder in folders():
        if folder.replace("_", "") == plain:
            return folder
    raise LookupError(f"no folder of runbooks/errors is named after {entry.id}")


def chains() -> dict[str, str]:
    """Return the folder of the chain of every error that has a runbook, by the error's id."""
    return {load(folder).id: folder for folder in folders() if has_chain(folder)}


def has_chain(folder: str) -> bool:
    """Say whether a folder has a chain; none is imported."""
    return any(Path(home, folder, _CHAIN).is_file() for home in errors.__path__)


def has_runbook(entry: Entry) -> bool:
    """Say whether there is a runbook for an error; none is imported."""
    return has_chain(folder_of(entry))


def source_rows() -> dict[tuple[str, int], frozenset[str]]:
    """Return the ids of the errors that each row of the source documents names, by document and number."""
    found: dict[tuple[str, int], set[str]] = {}
    for entry in entries():
        for row in entry.source_rows:
            found.setdefault((row.document, row.row), set()).add(entry.id)
    return {row: frozenset(ids) for row, ids in sorted(found.items())}
