"""The kinds of values that a configuration has: what each may be, and how it is shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Number:
    """A whole number within bounds.

    Attributes:
        means: what it is, for people.
    """

    least: int
    most: int
    default: int
    means: str

    @property
    def described(self) -> str:
        """What it is, with its bounds."""
        return f"{self.means} ({self.least} to {self.most})"

    def wrong(self, value: object) -> str:
        """Return what is wrong with a value; empty when nothing is."""
        if type(value) is not int:  # True is no number here
            return f"is to be a whole number, not {spoken(value)}"
        if not self.least <= value <= self.most:
            return f"is to be from {self.least} to {self.most}, not {value}"
        return ""

    def shown(self, value: Any) -> str:
        """Return a value for people."""
        return str(value)


@dataclass(frozen=True)
class Names:
    """A list of texts of one form.

    Attributes:
        form: what each has to match, as a whole.
        means: what they are, for people.
        default: what holds where nothing is written.
        unset: what that stands for.
    """

    form: re.Pattern[str]
    means: str
    default: tuple[str, ...] = ()
    unset: str = "all"

    @property
    def described(self) -> str:
        """What they are."""
        return self.means

    def wrong_entry(self, value: object) -> str:
        """Return what is wrong with one of the list; empty when nothing is."""
        good = isinstance(value, str) and self.form.fullmatch(value) is not None
        return "" if good else f"is none: {spoken(value)}"

    def shown(self, value: Any) -> str:
        """Return a value for people."""
        return ", ".join(value) or self.unset


@dataclass(frozen=True)
class Text:
    """One text of a form.

    Attributes:
        form: what it has to match, as a whole.
        means: what it is, for people.
        default: what holds where nothing is written.
        unset: what an empty one stands for.
        quiet: a wrong one is not repeated: somebody may have put a secret there.
    """

    form: re.Pattern[str]
    means: str
    default: str = ""
    unset: str = "none"
    quiet: bool = False

    @property
    def described(self) -> str:
        """What it is."""
        return self.means

    def wrong(self, value: object) -> str:
        """Return what is wrong with a value; empty when nothing is."""
        if isinstance(value, str) and self.form.fullmatch(value):
            return ""
        return "is none" if self.quiet else f"is none: {spoken(value)}"

    def shown(self, value: Any) -> str:
        """Return a value for people."""
        return value or self.unset


Kind = Number | Names | Text


def spoken(value: object) -> str:
    """Return a value of TOML, as it is written, cut to what a person reads."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list):
        return "a list"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
