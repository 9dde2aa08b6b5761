"""One run of a Windows script: what stands at its head, what it has seen and done so far, and its answer."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from typing import Any

from simulator.wire import Json

from .windows_machine import Machine, expand

MOST = 3900
"""How many bytes an answer may have."""
RECORDS = "C:\\ProgramData\\AzureBackupRemediation"
FAILED, REFUSED = 1, 3


class Refused(Exception):
    """The script sees a danger, or is in the wrong place, and does nothing (more)."""


class Failed(Exception):
    """The script cannot do what it was meant to."""


@dataclass(frozen=True)
class Head:
    """What stands at the head of a script: ``verb`` is ``check``, ``apply`` or ``undo``."""

    action: str
    verb: str
    parameters: dict[str, str]
    table: list[Json]


def read_head(script: str) -> Head:
    """Read the assignments at the head of a script.

    Raises:
        ValueError: it has none, or they cannot be read.
    """
    found = {name: _assigned(script, name) for name in ("Action", "Verb", "Parameters", "Table")}
    pairs = re.findall(r"'(\w+)' = '([A-Za-z0-9+/=]*)'", found["Parameters"])
    try:
        table = json.loads(_string(found["Table"]))
        parameters = {name: base64.b64decode(value, validate=True).decode() for name, value in pairs}
    except (json.JSONDecodeError, binascii.Error, UnicodeDecodeError) as error:
        raise ValueError(f"the head of the script cannot be read: {error}") from error
    return Head(_string(found["Action"]), _string(found["Verb"]), parameters, table)


def _assigned(script: str, name: str) -> str:
    found = re.search(rf"^\$Script{name} = (.*)$", script, re.MULTILINE)
    if found is None:
        raise ValueError(f"this is no script whose table could be interpreted: it does not set $Script{name}")
    return found[1]


def _string(literal: str) -> str:
    if not re.fullmatch(r"'(?:[^']|'')*'", literal):
        raise ValueError(f"{literal[:40]!r} is no string in single quotes")
    return literal[1:-1].replace("''", "'")


@dataclass
class Run:
    """A script at work on a machine. ``done`` is what it has done that the machine does not show."""

    machine: Machine
    head: Head
    needed: bool = False
    applied: bool = False
    pending: str = ""
    refused: str = ""
    error: str = ""
    found: Json = field(default_factory=dict)
    changed: list[Json] = field(default_factory=list)
    done: set[str] = field(default_factory=set)

    def note(self, kind: str, what: str, before: Any, after: Any) -> None:
        """Note a change for the answer."""
        words = {"before": _text(before), "after": _text(after)}
        self.changed.append({"kind": kind, "what": what, **words})

    def path(self, text: str) -> str:
        """Return a path with its variables replaced."""
        return expand(text.replace("%RECORD%", f"{RECORDS}\\{self.head.action}"))

    @property
    def record(self) -> list[Json]:
        """What was written down of what was replaced, the first one first."""
        entries: list[Json] = self._records.get(self.head.action, {}).get("was", [])
        return entries

    @property
    def result(self) -> Json | None:
        """How the task that this action had handed over has ended."""
        result: Json | None = self._records.get(self.head.action, {}).get("result")
        return result

    def write_down(self, kind: str, what: str, before: Json) -> None:
        """Write down what is about to be replaced; what an earlier run has written stays."""
        if any(entry["kind"] == kind and entry["what"] == what for entry in self.record):
            return
        mine = self._records.setdefault(self.head.action, {})
        mine.setdefault("was", []).append({"kind": kind, "what": what, "before": before})

    def write_result(self, result: Json | None) -> None:
        """Write down how a task has ended; ``None``: nothing is known any more."""
        mine = self._records.setdefault(self.head.action, {})
        mine.pop("result", None)
        if result is not None:
            mine["result"] = result
        self._tidy()

    def strike(self, entry: Json) -> None:
        """Take an entry out of the record."""
        self.record.remove(entry)
        self._tidy()

    @property
    def _records(self) -> dict[str, Json]:
        records: dict[str, Json] = self.machine.state["records"]
        return records

    def _tidy(self) -> None:
        mine = self._records[self.head.action]
        if not mine.get("was"):
            mine.pop("was", None)
        if not mine:
            del self._records[self.head.action]

    @property
    def exit_code(self) -> int:
        """How the script ends."""
        return REFUSED if self.refused else FAILED if self.error else 0

    def answer(self) -> str:
        """Return the one JSON document, shortened step by step where it would be too long."""
        text = self._answer(300, 40, cut=False)
        for most in (120, 60, 30):
            if len(text) > MOST:
                text = self._answer(most, most // 10, cut=False)
        if len(text) > MOST:
            self.found, self.changed = {}, []
            text = self._answer(100, 1, cut=True)
        return text

    def _answer(self, most: int, items: int, *, cut: bool) -> str:
        why = min(500, 2 * most)
        found = {name: _cut(value, most, items) for name, value in self.found.items()}
        whole: Json = {
            "contract": 1,
            "action": self.head.action,
            "verb": self.head.verb,
            "needed": self.needed,
            "applied": self.applied,
            "pending": self.pending,
            "refused": self.refused[:why],
            "error": self.error[:why],
            "found": found,
            "changed": _cut(self.changed, most, items),
        }
        whole["cut"] = cut or found != self.found or whole["changed"] != self.changed
        return json.dumps(whole, ensure_ascii=True, separators=(",", ":"))


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _cut(value: Any, most: int, items: int) -> Any:
    if isinstance(value, str):
        return value[:most]
    if isinstance(value, list):
        return [_cut(one, most, items) for one in value[:items]]
    if isinstance(value, dict):
        return {name: _cut(one, most, items) for name, one in list(value.items())[:items]}
    return value
