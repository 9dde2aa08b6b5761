"""On which line of a TOML text each key is. The parsers tell it for mistakes in the grammar only."""

from __future__ import annotations

import re
import sys
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["Lines", "Path", "locate", "tomllib"]

Path = tuple["str | int", ...]
"""Where something is: names of tables and keys, and numbers of entries."""

_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^"'=\]])+""")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|' + r"'''.*?'{3,5}" + r"""|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""",
    re.DOTALL,
)
_PLAIN = re.compile(r"[^,\]}#\r\n]+")


class Lines:
    """The line of each key and entry.

    Args:
        found: line by path, beginning with 1.
    """

    def __init__(self, found: dict[Path, int]) -> None:
        self._found = found

    def __getitem__(self, path: Path) -> int:
        """Return the line of a path, or of what it is in; 1 for what is nowhere in the text."""
        while path and path not in self._found:
            path = path[:-1]
        return self._found.get(path, 1)


def locate(text: str) -> Lines:
    """Find the line of every key and entry of a text.

    Args:
        text: TOML that a parser has accepted.
    """
    return Lines(_Locator(text).found)


class _Locator:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.found: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}
        table: Path = ()
        while self._more():
            table = self._header() if self._text[self._at] == "[" else self._pair(table)

    def _more(self) -> bool:
        self._take(_BLANK)
        return self._at < len(self._text)

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        taken = found[0] if found else ""
        self._at += len(taken)
        return taken

    def _note(self, path: Path) -> None:
        line = self._text.count("\n", 0, self._at) + 1
        for end in range(1, len(path) + 1):
            self.found.setdefault(path[:end], line)

    def _names(self) -> Path:
        """Take a key, dotted or not."""
        parsed: Any = tomllib.loads(f"{self._take(_KEY)} = 0")
        names: list[str | int] = []
        while isinstance(parsed, dict):
            ((name, parsed),) = parsed.items()
            names.append(name)
        return tuple(names)

    def _header(self) -> Path:
        """Take ``[table]`` or ``[[entry of an array]]``."""
        start, entry = self._at, self._text.startswith("[[", self._at)
        self._at += 2 if entry else 1
        path: Path = ()
        names = self._names()
        for number, name in enumerate(names, 1):
            path = (*path, name)
            if entry and number == len(names):
                self._counts[path] = self._counts.get(path, -1) + 1
            if path in self._counts:
                path = (*path, self._counts[path])
        end, self._at = self._at, start
        self._note(path)
        self._at = end + (2 if entry else 1)
        return path

    def _pair(self, table: Path) -> Path:
        """Take ``key = value``, and return the table that the next one is in."""
        start = self._at
        names = self._names()
        end, self._at = self._at, start
        self._note((*table, *names))
        self._at = end + 1
        self._value((*table, *names))
        return table

    def _value(self, path: Path) -> None:
        self._take(_SPACE)
        opening = self._text[self._at]
        if opening == "[":
            self._entries(path)
        elif opening == "{":
            self._inline(path)
        else:
            self._take(_STRING) or self._take(_PLAIN)

    def _entries(self, path: Path) -> None:
        number = 0
        while not self._ends("]"):
            self._note((*path, number))
            self._value((*path, number))
            number += 1

    def _inline(self, path: Path) -> None:
        while not self._ends("}"):
            self._pair(path)

    def _ends(self, closing: str) -> bool:
        """Step over an opening bracket or a comma; say whether the closing bracket came, which is stepped over, too."""
        self._take(_BLANK)
        if self._text[self._at] != closing:
            self._at += self._text[self._at] in "[{,"
            self._take(_BLANK)
        ended = self._text[self._at] == closing
        self._at += ended
        return ended
