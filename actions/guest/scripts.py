"""The scripts that run inside a VM: their manifests, and the exact text that is sent for one of them.

A script is a file that an administrator can read, beside a manifest that says what it is for, what it touches and how
it may hurt. What is sent is the head (action, verb, parameters), the common part of its system, and the file.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from arm.errors import UsageError

from ..change import Impact

Json = dict[str, Any]
HERE = Path(__file__).parent
LINUX, WINDOWS = "linux", "windows"
CHECK, APPLY, UNDO = "check", "apply", "undo"
PROBES = {LINUX: "check_guest_linux", WINDOWS: "check_guest_windows"}
"""The script of each system that collects everything the diagnoses need, and changes nothing."""
RESTART_NEEDED = 3010
"""With which an installer of Windows says that the machine has to be restarted."""
_ENDING = {LINUX: "sh", WINDOWS: "ps1"}


@dataclass(frozen=True)
class Parameter:
    """A value that a script takes.

    Attributes:
        meaning: what it is, for people.
        pattern: the whole value has to match it; it reaches the script as base64, so that it can never be code.
        default: the value when none is given.
    """

    meaning: str
    pattern: str
    default: str = ""


@dataclass(frozen=True)
class Script:
    """One script and its manifest.

    Attributes:
        action: its name, the catalogue's.
        os: ``linux`` or ``windows``.
        title: what it does, in one line.
        purpose: why that helps.
        effect: what people in the VM feel: ``none``, ``service restart``, ``agent restart`` or ``reboot``.
        impact: what it takes to let it run.
        caution: what can go wrong.
        source: where Microsoft documents it.
        seconds: its time limit.
        undo: whether it can take back what it did.
        detached: whether it hands over to a task that runs after it has ended.
        touches: the exact keys, services, files and packages that it may change.
        table: for Windows: what it looks at and changes, as the script itself reads it.
        parts: files below ``parts`` with what several scripts share, sent before the script itself.
    """

    action: str
    os: str
    title: str
    purpose: str
    effect: str
    impact: Impact
    caution: str
    source: str
    seconds: int
    parameters: Mapping[str, Parameter]
    undo: bool
    detached: bool
    touches: tuple[str, ...]
    table: tuple[Json, ...]
    parts: tuple[str, ...] = ()

    @property
    def verbs(self) -> tuple[str, ...]:
        """What it can be asked to do."""
        if not self.touches:
            return (CHECK,)
        return (CHECK, APPLY, UNDO) if self.undo else (CHECK, APPLY)

    @property
    def reads_only(self) -> bool:
        """Whether it changes nothing at all."""
        return self.verbs == (CHECK,)

    @property
    def may_need_restart(self) -> bool:
        """Whether what it does may take effect with the machine's next start only."""
        return any(one.get("pending") == "reboot" or RESTART_NEEDED in one.get("exit_codes", ()) for one in self.table)

    def text(self, verb: str, parameters: Mapping[str, str] | None = None) -> str:
        """Return exactly what is sent to the VM.

        Args:
            verb: ``check``, ``apply`` or ``undo``.
            parameters: values by name.

        Raises:
            UsageError: it has no such verb or parameter, or a value is not of the form that it has to be.
        """
        if verb not in self.verbs:
            raise UsageError(f"{self.action} has no verb {verb!r}", "Use one of these.", self.verbs)
        values = self.values(parameters or {})
        head = _linux_head if self.os == LINUX else _windows_head
        parts = (
            head(self, verb, values),
            _body(HERE / self.os / f"common.{_ENDING[self.os]}"),
            *(_body(HERE / self.os / "parts" / name) for name in self.parts),
            _body(HERE / self.os / f"{self.action}.{_ENDING[self.os]}"),
        )
        return "\n".join(parts)

    def values(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the value of every parameter.

        Raises:
            UsageError: an unknown parameter, or a value that does not have its form.
        """
        for name in given:
            if name not in self.parameters:
                some = [f"{one}: {known.meaning}" for one, known in self.parameters.items()]
                raise UsageError(f"{self.action} has no parameter {name!r}", "Leave it out.", some)
        values = {name: given.get(name) or known.default for name, known in self.parameters.items()}
        for name, value in values.items():
            known = self.parameters[name]
            if not re.fullmatch(known.pattern, value):
                raise UsageError(f"{value!r} is no {name} ({known.meaning})", f"It has to match {known.pattern}")
        return values


def digest(text: str) -> str:
    """Return the SHA-256 of a script's text, by which it is approved and recognised."""
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def scripts() -> Mapping[str, Script]:
    """Return every script by its action."""
    found = [_load(path) for os in (LINUX, WINDOWS) for path in sorted((HERE / os).glob("*.json"))]
    return {script.action: script for script in found}


def find_script(action: str) -> Script:
    """Return the script of an action, written with underscores or dashes, in any case.

    Raises:
        UsageError: there is none.
    """
    script = scripts().get(action.replace("-", "_").lower())
    if script is None:
        raise UsageError(f"there is no script {action!r}", "Use one of these.", tuple(scripts()))
    return script


def _load(path: Path) -> Script:
    data = json.loads(path.read_text(encoding="utf-8"))
    table = tuple(data.get("table", ()))
    return Script(
        action=data["action"],
        os=data["os"],
        title=data["title"],
        purpose=data["purpose"],
        effect=data["effect"],
        impact=Impact(data["impact"]),
        caution=data["caution"],
        source=data["source"],
        seconds=data["seconds"],
        parameters={name: Parameter(**one) for name, one in data["parameters"].items()},
        undo=data["undo"],
        detached=data["detached"],
        touches=(*data.get("touches", ()), *_touched(table)),
        table=table,
        parts=(*(f"{kind}.ps1" for kind in _kinds(table)), *data.get("parts", ())),
    )


def _kinds(items: Iterable[Json]) -> list[str]:
    """Return the kinds of the items of a table that have a part of their own: a refusal is only a condition."""
    some = {kind for item in items for kind in (item["kind"], *_kinds(item.get("items", ())))}
    return sorted(some - {"refuse"})


def _touched(items: Iterable[Json]) -> Iterator[str]:
    """Yield what the items of a table change, in words."""
    for item in items:
        kind = item["kind"]
        if kind == "detached":
            yield from (f"{one}, {item['after']} s later" for one in _touched(item["items"]))
        elif kind == "writer_services":
            yield from (f"service {name} (when {writer} is not stable)" for writer, name in item["services"].items())
        elif kind == "service":
            wants = (f"{word} {item[word]}" for word in ("start", "account", "state", "restart") if word in item)
            yield f"service {item['name']} ({', '.join(wants)})"
        elif kind in _WORDS:
            yield _WORDS[kind].format(**{"value": "", "name": "", "part": "", "arguments": "", "suffix": ""} | item)
        for one in item.get("dependents", ()):
            yield f"service {one} (stopped and started again with a service that it depends on)"


_WORDS = {
    "registry": "registry value {key}\\{name}",
    "registry_delete": "registry key {key}",
    "command": "program {file} {arguments}",
    "download": "download {url}",
    "rename": "folder {path} renamed to {path}{suffix}",
    "acl": "permissions of {path}",
    "certificates": "certificates {subjects} in {store}",
    "defender_exclusion": "exclusion {path} of Microsoft Defender",
    "dhcp": "address configuration of every network interface with a fixed address",
    "proxy": "proxy setting of {account}",
    "unzip": "file {entry} beside {archive}",
}
"""What an item of each kind changes, in words."""


def _linux_head(script: Script, verb: str, values: Mapping[str, str]) -> str:
    lines = ["#!/bin/sh", *_comment(script, verb), f"SCRIPT_ACTION='{script.action}'", f"SCRIPT_VERB='{verb}'"]
    return "\n".join([*lines, *(f"PARAMETER_{name.upper()}='{_base64(value)}'" for name, value in values.items())])


def _windows_head(script: Script, verb: str, values: Mapping[str, str]) -> str:
    table = json.dumps(script.table, ensure_ascii=True, separators=(",", ":")).replace("'", "''")
    pairs = "; ".join(f"'{name}' = '{_base64(value)}'" for name, value in values.items())
    lines = [
        *_comment(script, verb),
        f"$ScriptAction = '{script.action}'",
        f"$ScriptVerb = '{verb}'",
        f"$ScriptParameters = @{{ {pairs} }}" if pairs else "$ScriptParameters = @{}",
        f"$ScriptTable = '{table}'",
    ]
    return "\n".join(lines)


def _comment(script: Script, verb: str) -> tuple[str, str]:
    return f"# azure-backup-remediation: {script.action}, {verb}", f"# {script.title}. {script.purpose}"


def _base64(value: str) -> str:
    return base64.b64encode(value.encode()).decode("ascii")


@cache
def _body(path: Path) -> str:
    text = path.read_text(encoding="ascii")
    return text.split("\n", 1)[1] if text.startswith("#!") else text
