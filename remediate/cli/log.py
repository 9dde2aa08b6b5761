"""Logs (stderr) and progress (stderr, only on a terminal). Results go to stdout and are never mixed with these."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..engine.model import Event

_WARNINGS = ("ambiguous", "recover", "go_on", "notify")


class Log:
    """Writes events with structlog, which is imported when the first one is written.

    Args:
        verbose: also write what is merely informative.
        as_json: one JSON object a line.
    """

    def __init__(self, *, verbose: bool, as_json: bool) -> None:
        self._verbose = verbose
        self._as_json = as_json
        self._logger: Any = None

    def __call__(self, event: Event) -> None:
        """Write one event, if its level is wanted."""
        warning = event.kind in _WARNINGS
        if not (warning or self._verbose):
            return
        if self._logger is None:
            self._logger = self._configured()
        write = self._logger.warning if warning else self._logger.info
        write(event.text, kind=event.kind, **event.data)

    def _configured(self) -> Any:
        import structlog

        colours = sys.stderr.isatty()
        renderer: Any = (
            structlog.processors.JSONRenderer(ensure_ascii=False)
            if self._as_json
            else structlog.dev.ConsoleRenderer(colors=colours)
        )
        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                renderer,
            ],
            logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        )
        return structlog.get_logger("remediate")


class Progress:
    """What to tell events to: the log, and on a terminal a live line of what is going on."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._console: Any = None
        self._status: Any = None

    def __call__(self, event: Event) -> None:
        """Take one event."""
        self._log(event)
        if self._status is None:
            return
        self._status.update(event.text)
        if event.kind in ("outcome", "repaid", "clock"):
            self._console.print(f"  {event.text}", style="dim", markup=False, highlight=False)

    @contextmanager
    def live(self) -> Iterator[None]:
        """Show the live line while the block runs, if stderr is a terminal."""
        if not sys.stderr.isatty():
            yield
            return
        from rich.console import Console

        self._console = Console(stderr=True)
        self._status = self._console.status("starting")
        with self._status:
            yield
        self._status = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Take the live line away while a person is asked something."""
        if self._status is not None:
            self._status.stop()
        yield
        if self._status is not None:
            self._status.start()
