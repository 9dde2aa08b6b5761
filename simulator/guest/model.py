"""What every guest can do, whatever it is made of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from simulator.wire import Json


@dataclass(frozen=True)
class Result:
    """What a script did: its exit code, and all it wrote.

    ``timed_out``: it was stopped at its time limit; what it wrote until then is there. ``slept``: how many simulated
    seconds it took beyond the moment that every script takes.
    """

    exit_code: int = 0
    stdout: str = ""
    stderr: str = ""
    timed_out: bool = False
    slept: int = 0


class Guest(Protocol):
    """The inside of one VM. It sees scripts and restarts, and time passing; it knows nothing of Azure."""

    @property
    def state(self) -> Json:
        """What is inside, as JSON: scenarios set it and conditions ask it, before and after scripts have run."""

    def run(self, script: str, seconds: int) -> Result:
        """Run a script as root or SYSTEM and return what it did; ``seconds`` is its limit in simulated time."""

    def boot(self) -> None:
        """Restart the machine: what waits for a restart takes effect, services that start with it start."""

    def later(self, now: datetime) -> datetime | None:
        """Do what scripts have handed over and is due at ``now``; return when the next of it is due, if any is left.

        Called after every script and every restart, and again at the time returned.
        """

    def agent_reports(self) -> bool:
        """Say whether the VM agent runs and reaches the platform."""

    def close(self) -> None:
        """Give back everything that it holds on this machine; called once the world is gone, at the latest."""
