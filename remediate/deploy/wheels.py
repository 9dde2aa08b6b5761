"""Wheels: what they are called, what they need, and in which order they are imported."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

from arm.errors import UsageError

MOST_PER_SAVE = 10
"""Packages that a runtime environment takes at a time."""
_NAME = re.compile(r"^([A-Za-z0-9._-]+)")


@dataclass(frozen=True)
class Wheel:
    """One package: its name as the index normalises it, and which other packages it names."""

    name: str
    version: str
    path: Path
    needs: tuple[str, ...]

    @classmethod
    def of(cls, path: Path) -> Wheel:
        """Read it out of a file.

        Raises:
            UsageError: it is no wheel.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                inside = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
                data = HeaderParser().parsestr(archive.read(inside).decode("utf-8"))
        except (OSError, StopIteration, zipfile.BadZipFile) as error:
            raise UsageError(f"{path} is no wheel", "Remove it, and run 'make automation-bundle' again.") from error
        required = [one for one in data.get_all("Requires-Dist") or () if "extra ==" not in one]
        needs = tuple(normal(found[1]) for one in required if (found := _NAME.match(one)))
        return cls(normal(str(data["Name"])), str(data["Version"]), path, needs)


def normal(name: str) -> str:
    """Return a package's name in the one form in which names are compared.

    >>> normal("Typing_Extensions")
    'typing-extensions'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def in_order(wheels: Sequence[Wheel]) -> list[Wheel]:
    """Return wheels so that each comes after those it needs; by name where that leaves a choice."""
    left = {one.name: one for one in sorted(wheels, key=lambda one: one.name)}
    found: list[Wheel] = []
    while left:
        ready = [one for one in left.values() if not any(name in left and name != one.name for name in one.needs)]
        chosen = ready or list(left.values())[:1]  # packages that need each other: in the order of their names
        found += [left.pop(one.name) for one in chosen]
    return found


def groups(wheels: Sequence[Wheel]) -> list[list[str]]:
    """Return the names of packages, in groups that are saved one after the other."""
    names = [one.name for one in wheels]
    return [names[start : start + MOST_PER_SAVE] for start in range(0, len(names), MOST_PER_SAVE)]
