"""Which checks answer the sections of the source documents that name no error."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("sections.json")


@dataclass(frozen=True)
class Section:
    """A section, table row or bullet of a source document that is no error.

    Attributes:
        document: number of the document, such as ``001``.
        line: the line of the document at which it begins.
        checks: ids of the checks that answer it.
    """

    document: str
    line: int
    title: str
    checks: tuple[str, ...]


@cache
def sections() -> tuple[Section, ...]:
    """Return every section, by document and line."""
    rows = json.loads(_FILE.read_text(encoding="utf-8"))
    return tuple(Section(row["document"], row["line"], row["section"], tuple(row["checks"])) for row in rows)
