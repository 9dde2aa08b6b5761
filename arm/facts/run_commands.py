"""Facts of run commands: scripts that Azure runs inside a VM, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..session import Session
from .compute import API
from .times import parse_time
from .values import inner

GOING = ("", "unknown", "pending", "running")
"""Execution states, in lower case, of a script that may still come to an end."""


@dataclass(frozen=True)
class RunCommand:
    """One managed run command (v2) with its instance view.

    Attributes:
        state: execution state, such as ``Running`` or ``Succeeded``.
        exit_code: the script's own; ``None`` where Azure does not say.
        output: the end of what it wrote (Azure keeps the last 4096 bytes).
        error: the end of what it wrote as errors, or Azure's message.
    """

    id: str
    name: str
    state: str
    exit_code: int | None = None
    output: str = ""
    error: str = ""
    started: datetime | None = None
    ended: datetime | None = None

    @property
    def going(self) -> bool:
        """Whether it has not come to an end, as far as Azure knows."""
        return self.state.lower() in GOING


def read_run_command(session: Session, command_id: str) -> RunCommand:
    """Read a run command with its instance view.

    Permission: ``Microsoft.Compute/virtualMachines/runCommands/read``.

    Raises:
        NotFound: there is none.
    """
    return _run_command(session.get(command_id, API, expand_="instanceView"))


def read_run_commands(session: Session, vm_id: str) -> tuple[RunCommand, ...]:
    """Read the managed run commands of a VM with their instance views.

    Permission: ``Microsoft.Compute/virtualMachines/runCommands/read``.
    """
    pages = session.pages(f"{vm_id}/runCommands", API, expand_="instanceView")
    return tuple(_run_command(entry) for entry in pages)


def output_of(value: Mapping[str, Any]) -> tuple[str, str]:
    """Return what a script of the first kind (v1) wrote, and its errors, from the operation's output.

    Windows has an entry each for output and errors; Linux has one, with both behind ``[stdout]`` and ``[stderr]``.
    """
    entries = [one for one in value.get("value") or [] if isinstance(one, Mapping)]
    by_stream = {str(one.get("code") or "").lower(): str(one.get("message") or "") for one in entries}
    windows = {name: text for code, text in by_stream.items() for name in ("stdout", "stderr") if f"/{name}/" in code}
    if windows:
        return windows.get("stdout", ""), windows.get("stderr", "")
    said = next(iter(by_stream.values()), "")
    _, _, rest = said.partition("[stdout]\n")
    output, _, error = rest.rpartition("\n[stderr]\n")
    return output, error


def _run_command(entry: Mapping[str, Any]) -> RunCommand:
    view = inner(entry, "properties", "instanceView")
    code = view.get("exitCode")
    return RunCommand(
        id=str(entry.get("id", "")),
        name=str(entry.get("name", "")),
        state=str(view.get("executionState") or ""),
        exit_code=code if isinstance(code, int) else None,
        output=str(view.get("output") or ""),
        error=str(view.get("error") or view.get("executionMessage") or ""),
        started=parse_time(view.get("startTime")),
        ended=parse_time(view.get("endTime")),
    )
