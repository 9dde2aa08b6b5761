"""Looks, time and again, whether journal and Azure can be used; what is asked of the server is answered from that."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from arm.errors import RemediationError

from ..engine.memory import frozen
from ..journal.model import Journal
from ..remediation import Remediation
from .deliveries import forget

LOOKS_EVERY = 30.0
"""Seconds between two looks."""
FORGETS_EVERY = timedelta(hours=1)
_SUBSCRIPTIONS = "2022-12-01"


@dataclass(frozen=True)
class Seen:
    """What the last look has shown.

    Attributes:
        looked: whether there was one.
        journal: what keeps the journal from being used; empty when nothing does.
        azure: what keeps Azure from being read; empty when nothing does.
        frozen: the kill switch is on; ``None`` when nobody knows.
        open_runs: runs without a final verdict.
    """

    looked: bool = False
    journal: str = "not looked at yet"
    azure: str = "not looked at yet"
    frozen: bool | None = None
    open_runs: int = 0

    @property
    def ready(self) -> bool:
        """Whether alerts can be taken and dealt with."""
        return self.looked and not self.journal and not self.azure

    def to_json(self, mode: str) -> dict[str, Any]:
        """Return it as ``/readyz`` shows it: error codes, no more."""
        return {
            "ready": self.ready,
            "mode": mode,
            "frozen": self.frozen,
            "journal": self.journal or "ok",
            "azure": self.azure or "ok",
        }


class Watch(threading.Thread):
    """Looks until it is stopped.

    Args:
        machine: opens the library with a session that can only read; called in its thread.
        now: the host's time.
        remember: how long deliveries are kept that are done with.
    """

    def __init__(
        self,
        machine: Callable[[], AbstractContextManager[Remediation]],
        now: Callable[[], datetime],
        remember: timedelta,
    ) -> None:
        super().__init__(name="watch", daemon=True)
        self._machine = machine
        self._now = now
        self._remember = remember
        self._forget_at = now()
        self._end = threading.Event()
        self._looked = threading.Event()
        self.seen = Seen()

    def stop(self) -> None:
        """Look no more."""
        self._end.set()

    def first_look(self, seconds: float) -> bool:
        """Wait for the first look; ``False`` when it takes longer."""
        return self._looked.wait(seconds)

    def run(self) -> None:
        """Look, whatever goes wrong, until it is stopped."""
        while not self._end.is_set():
            self._attempt()

    def _attempt(self) -> None:
        try:
            with self._machine() as machine:
                while not self._end.is_set():
                    self.look(machine)
                    self._end.wait(LOOKS_EVERY)
        except Exception as error:  # noqa: BLE001  # nothing that is wrong may end the looking
            self.seen = Seen(looked=True, journal=type(error).__name__, azure=self.seen.azure)
            self._looked.set()
            self._end.wait(LOOKS_EVERY)

    def look(self, machine: Remediation) -> None:
        """Look once.

        Args:
            machine: the library.
        """
        journal, is_frozen, runs = self._journal(machine)
        self.seen = Seen(looked=True, journal=journal, azure=_azure(machine), frozen=is_frozen, open_runs=runs)
        self._looked.set()

    def _journal(self, machine: Remediation) -> tuple[str, bool | None, int]:
        try:
            journal = machine.journal
            if self._now() >= self._forget_at:
                forget(journal, self._now(), self._remember)
                self._forget_at = self._now() + FORGETS_EVERY
            return "", frozen(journal) is not None, _open_runs(journal, machine.session.endpoint)
        except RemediationError as error:
            return error.code, None, 0


def _open_runs(journal: Journal, endpoint: str) -> int:
    return sum(1 for one in journal.open_runs() if one.endpoint == endpoint)


def _azure(machine: Remediation) -> str:
    try:
        machine.session.get("/subscriptions", _SUBSCRIPTIONS)
    except RemediationError as error:
        return error.code
    return ""
