"""What a script has seen inside a VM. It comes from the guest, which may say anything: nothing of it is trusted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

MOST_ITEMS, MOST_CHARACTERS, MOST_NUMBER = 50, 300, 2**53
"""How much of a list, and of a text, is taken, and how large a number may be."""

_SECRET = re.compile(r"(?<=\bsig=)[^&\s\"']+|(?<=://)[^\s@;,]+(?=@)", re.IGNORECASE)
"""The signature of a link to a storage account, and name and password in a URL."""
Plain = str | int | bool
"""A text, a number, or whether something is so."""


@dataclass(frozen=True)
class GuestFacts:
    """What a look inside a VM has told. No method raises, whatever was told.

    Attributes:
        os: ``linux`` or ``windows``.
        found: what was seen, by name; any JSON may stand there.
        at: when it was seen, on Azure's clock.
    """

    os: str
    found: Mapping[str, Any]
    at: datetime

    def null(self, name: str) -> bool:
        """Say whether ``null`` was told by that name, by which some say that a thing is not there."""
        return isinstance(self.found, Mapping) and name in self.found and self.found[name] is None

    def _value(self, name: str) -> object:
        return self.found.get(name) if isinstance(self.found, Mapping) else None

    def text(self, name: str) -> str | None:
        """Return a text, at most so long and fit to be shown; ``None`` where there is none."""
        value = self._value(name)
        return _shown(value) if isinstance(value, str) else None

    def number(self, name: str) -> int | None:
        """Return a whole number; ``None`` where there is none."""
        value = self._value(name)
        return _number(value) if isinstance(value, int) else None

    def flag(self, name: str) -> bool | None:
        """Return whether something is so; ``None`` where that is not known."""
        value = self._value(name)
        return value if isinstance(value, bool) else None

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the texts of a list, at most so many; none where there is no list: :meth:`listed` tells the two."""
        value = self._value(name)
        known = value[:MOST_ITEMS] if isinstance(value, list) else []
        return tuple(_shown(one) for one in known if isinstance(one, str))

    def listed(self, name: str) -> tuple[str, ...] | None:
        """Return the texts of a list; ``None`` where there is no list, or nothing in it can be read."""
        found = self.texts(name)
        return found if found or self._value(name) == [] else None

    def mapping(self, name: str) -> Mapping[str, Plain]:
        """Return the plain values of an object by name, at most so many; none where there is no object."""
        value = self._value(name)
        known = list(value.items())[:MOST_ITEMS] if isinstance(value, Mapping) else []
        return {_shown(key): plain for key, one in known if isinstance(key, str) and (plain := _plain(one)) is not None}

    def mapped(self, name: str) -> Mapping[str, Plain] | None:
        """Return the plain values of an object; ``None`` where there is no object, or not all of it can be read."""
        value, found = self._value(name), self.mapping(name)
        return found if isinstance(value, Mapping) and len(found) == len(value) else None


def _plain(value: object) -> Plain | None:
    if isinstance(value, str):
        return _shown(value)
    if isinstance(value, bool):
        return value
    return _number(value) if isinstance(value, int) else None


def _number(value: int) -> int | None:
    return value if not isinstance(value, bool) and -MOST_NUMBER <= value <= MOST_NUMBER else None


def _shown(text: str) -> str:
    """Return a text without what a terminal would obey, and without secrets."""
    return _SECRET.sub("***", "".join(one if one.isprintable() else " " for one in text[:MOST_CHARACTERS]))
