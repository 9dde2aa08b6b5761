"""The guest of a simulated Windows VM: it interprets the tables of scripts and never executes PowerShell.

Of a script's text it reads the four assignments at its head (action, verb, parameters, table), does what the table
says to a machine made of data, and answers as the script would.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import datetime, timedelta
from pathlib import Path

from simulator.clock import START, iso
from simulator.wire import Json

from .model import Result
from .windows_machine import AGENT_SERVICES, Machine
from .windows_script import Run, read_head
from .windows_verbs import invoke, invoke_task

HEALTHY = Path(__file__).with_name("windows_server_2022.json")


def healthy() -> Json:
    """Return the state of a Windows Server 2022 on which everything works."""
    state: Json = json.loads(HEALTHY.read_text(encoding="utf-8"))
    return state


def broken(state: Json, patch: Json) -> Json:
    """Return a state with a patch laid over it: objects are merged, ``None`` takes away, anything else replaces."""
    result = deepcopy(state)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict) and isinstance(result.get(name), dict):
            result[name] = broken(result[name], value)
        else:
            result[name] = deepcopy(value)
    return result


class WindowsGuest:
    """What is inside one Windows VM.

    Args:
        state: all of it, as one JSON document that may be read and changed; ``None``: a healthy machine.
        now: says what time it is.
    """

    def __init__(self, state: Json | None = None, now: Callable[[], datetime] = lambda: START) -> None:
        self.machine = Machine(healthy() if state is None else state, now)
        self._booted = False

    @property
    def state(self) -> Json:
        """The state of the machine."""
        return self.machine.state

    def run(self, script: str, seconds: int) -> Result:  # noqa: ARG002  # interpreting takes no time
        """Interpret a script and return what it writes and how it ends; a text that is no such script fails."""
        try:
            run = Run(self.machine, read_head(script))
        except ValueError as error:
            return Result(exit_code=1, stderr=f"simulator: {error}")
        invoke(run)
        return Result(exit_code=run.exit_code, stdout=run.answer())

    def boot(self) -> None:
        """Restart the machine."""
        self.machine.boot()
        self._booted = True

    def later(self, now: datetime) -> datetime | None:
        """Run the scheduled tasks that are due, and return when the next one is; a task due during a boot is missed."""
        tasks = self.state["tasks"]
        for task in tasks:
            task["due"] = task["due"] or iso(now + timedelta(seconds=task["after"]))
        due = [one for one in tasks if one["due"] <= iso(now)]
        tasks[:] = [one for one in tasks if one not in due]
        if not self._booted:
            for task in due:
                invoke_task(self.machine, task)
        self._booted = False
        following = min((task["due"] for task in tasks), default="")
        return datetime.fromisoformat(f"{following[:19]}+00:00") if following else None

    def agent_reports(self) -> bool:
        """Say whether the agent's services run, with what they need, and reach the platform."""
        services = [self.machine.service(name) for name in AGENT_SERVICES]
        running = all(one is not None and one["state"] == "Running" and not one.get("hung") for one in services)
        return running and all(self.state["network"]["wireserver"][port] for port in ("80", "32526"))

    def close(self) -> None:
        """Give back nothing: a machine made of data holds nothing."""
