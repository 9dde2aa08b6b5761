"""The process: it opens the door, starts the workers, and on SIGTERM stops both in bounded time."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from arm.errors import UsageError
from arm.runtime import Runtime

from ..alerts.settings import AlertSettings
from ..engine.model import Event, Tell
from ..journal.model import Journal
from ..journal.retention import KEEP
from ..remediation import Remediation
from .app import Door, House
from .auth import Gate
from .deliveries import left_over
from .line import Line
from .metrics import Metrics
from .settings import ServeSettings
from .watch import Watch
from .worker import Bench, Duties, Worker

ANSWERS_END = 5
"""Seconds that requests have to be answered when the server stops."""
SCHEMA = "remediate.serving/1"


@dataclass(frozen=True)
class Plant:
    """What a server is built of.

    Attributes:
        settings: what it is told.
        gate: who may deliver.
        alerts: which alerts are taken.
        journal: opens the journal.
        machine: opens the library with a session that can only read.
        bench: opens what a worker works with.
        runtime: time.
        tell: told of what happens.
        metrics: counts.
        keep: how long runs stay in the journal that are over.
    """

    settings: ServeSettings
    gate: Gate
    alerts: AlertSettings
    journal: Callable[[], Journal]
    machine: Callable[[], AbstractContextManager[Remediation]]
    bench: Callable[[], AbstractContextManager[Bench]]
    runtime: Runtime
    tell: Tell
    metrics: Metrics
    keep: timedelta = KEEP


class Server:
    """One server; :meth:`run` returns when it has been told to stop.

    Args:
        plant: what it is built of.
    """

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        settings, now = plant.settings, plant.runtime.now
        self.line = Line(settings.bounds.queue, now)
        self.watch = Watch(plant.machine, now, settings.bounds.remember)
        duties = Duties(
            line=self.line,
            bench=plant.bench,
            alerts=plant.alerts,
            dry_run=settings.dry_run,
            tell=plant.tell,
            metrics=plant.metrics,
            now=now,
            sweep_hours=settings.sweep_hours,
            keep=plant.keep,
        )
        self._workers = [Worker(duties, keeps_up=number == 0) for number in range(settings.workers)]
        self._door = Door(
            House(
                settings=settings,
                gate=plant.gate,
                line=self.line,
                watch=self.watch,
                journal=plant.journal,
                metrics=plant.metrics,
                tell=plant.tell,
                now=now,
                workers=self._alive,
            )
        )
        self._http: _Http | None = None
        self._told_to_stop = False

    def _alive(self) -> int:
        return sum(1 for one in self._workers if one.is_alive())

    def run(self, ready: Callable[[str], None] | None = None) -> None:
        """Serve until told to stop: by SIGTERM or SIGINT in the main thread, or by :meth:`stop`.

        Args:
            ready: told the server's URL when it can be reached; default: one JSON line on stdout.

        Raises:
            UsageError: the address cannot be listened on.
            JournalError: the journal cannot be used.
        """
        listener = _listen(self._plant.settings)
        try:
            self._take_up()
            for thread in (self.watch, *self._workers):
                thread.start()
            self._http = _Http(self._config())
            self._http.should_exit = self._told_to_stop
            (ready or self._announce)(self._url(listener))
            asyncio.run(self._http.serve([listener]))
        finally:
            listener.close()
            self._end()

    def stop(self) -> None:
        """Stop, from another thread."""
        self._told_to_stop = True
        if self._http is not None:
            self._http.should_exit = True

    def _take_up(self) -> None:
        """Queue what an earlier process has answered with 202 and not dealt with."""
        journal = self._plant.journal()
        try:
            left = left_over(journal)
        finally:
            journal.close()
        if left:
            self._plant.tell(Event("door", f"going on with {len(left)} deliveries of an earlier process"))
        self.line.put(left)

    def _end(self) -> None:
        """Let every worker park what it is at, and wait for it as long as is configured, no longer."""
        self.line.stop()
        self.watch.stop()
        for one in self._workers:
            one.stop()
        until = self._plant.runtime.monotonic() + self._plant.settings.bounds.stop
        for one in self._workers:
            if one.is_alive():
                one.join(max(0.0, until - self._plant.runtime.monotonic()))
        if self._alive():
            self._plant.tell(Event("door", "a worker did not end in time; the journal knows how far it got"))
        self._door.close()

    def _config(self) -> uvicorn.Config:
        settings = self._plant.settings
        certificate, key = settings.tls or (None, None)
        return uvicorn.Config(
            self._door.app(),
            http=_protocol(settings.bounds.request),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=settings.bounds.connections,
            h11_max_incomplete_event_size=settings.bounds.header,
            timeout_graceful_shutdown=ANSWERS_END,
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )

    def _url(self, listener: socket.socket) -> str:
        settings, port = self._plant.settings, listener.getsockname()[1]
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        return f"{'https' if settings.tls else 'http'}://{host}:{port}"

    def _announce(self, url: str) -> None:
        settings = self._plant.settings
        line = {"schema": SCHEMA, "url": url, "mode": settings.mode, "workers": settings.workers}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


class _Http(uvicorn.Server):
    """A server for which being told to stop is no failure: its process then ends with 0."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Take SIGTERM and SIGINT while it serves."""

        def told(_number: int, _frame: FrameType | None) -> None:
            self.should_exit = True

        try:
            before = {number: signal.signal(number, told) for number in (signal.SIGTERM, signal.SIGINT)}
        except ValueError:  # not the main thread: somebody calls stop()
            yield
            return
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _protocol(seconds: float) -> type[H11Protocol]:
    """Return the protocol in which every connection has so many seconds, from its first moment to its last."""

    class Bounded(H11Protocol):
        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._clock = self.loop.call_later(seconds, transport.abort)

        def connection_lost(self, exc: Exception | None) -> None:
            self._clock.cancel()
            super().connection_lost(exc)

    return Bounded


def _listen(settings: ServeSettings) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        return socket.create_server((settings.host, settings.port), family=family, backlog=128)
    except OSError as error:
        raise UsageError(
            f"{settings.host}:{settings.port} cannot be listened on: {error.strerror or error}",
            "Is another server running? Give another --host or --port.",
        ) from error
