"""Tells people for a command or a job. Whatever goes wrong with it, settings included, goes no further than the log."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from arm.errors import UsageError
from arm.runtime import Runtime

from ..engine.model import Event, Tell

if TYPE_CHECKING:
    from ..alerts.taken import Handled
    from ..diagnosis import DiagnosisReport
    from ..remediation import Remediation
    from ..report import Report
    from .notifier import Notifier
    from .settings import NotifySettings


class People:
    """The people who are told how it ended; nobody, where nothing is configured.

    Args:
        settings: reads the settings, when there is something to tell; what is wrong with them is logged.
        machine: the library, for journal and credential.
        tell: told of what went wrong.
        silent: nobody is told: a dry run, or a drill.
        runtime: time and sleep; default that of the library.
    """

    def __init__(
        self,
        settings: Callable[[], NotifySettings],
        machine: Remediation,
        tell: Tell,
        *,
        silent: bool,
        runtime: Runtime | None = None,
    ) -> None:
        self._settings = settings
        self._machine = machine
        self._tell = tell
        self._silent = silent
        self._runtime = runtime or machine.session.runtime

    def outcome(self, outcome: Report | DiagnosisReport) -> None:
        """Tell how a repair ended, or what it waits for.

        Args:
            outcome: the report.
        """
        self._try(lambda notifier: notifier.outcome(outcome))

    def handled(self, handled: Handled, *, given_up: bool = True) -> None:
        """Tell what became of an alert, where somebody is to know.

        Args:
            handled: what became of it.
            given_up: it is not tried again.
        """
        self._try(lambda notifier: notifier.handled(handled, given_up=given_up))

    def _try(self, work: Callable[[Notifier], object]) -> None:
        with suppress(Exception, KeyboardInterrupt):  # it is over; an interruption ends the telling only
            if not self._silent and self._notifier is not None:
                work(self._notifier)

    @cached_property
    def _notifier(self) -> Notifier | None:
        try:
            settings = self._settings()
        except UsageError as error:
            self._tell(Event("notify", f"nobody is told: {error.message}. {error.next_step}"))
            return None
        if not settings:
            return None
        from .notifier import Notifier

        session = self._machine.session
        return Notifier(
            settings,
            lambda: self._machine.journal,
            self._runtime,
            tell=self._tell,
            credential=session.credential,
            cloud=session.cloud.name,
        )
