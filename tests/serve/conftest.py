"""A server on a real socket, over a simulated Azure."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import requests

pytest.importorskip("starlette", reason="the extra [serve] is not installed")
pytest.importorskip("uvicorn", reason="the extra [serve] is not installed")

from arm.clouds import CLOUDS
from arm.credentials import LoopbackCredential
from remediate.engine.model import Event
from remediate.journal.sqlite import SqliteJournal
from remediate.notify.settings import NotifySettings
from remediate.serve.auth import Gate, SharedSecret
from remediate.serve.build import Order, build
from remediate.serve.server import Server
from remediate.serve.settings import REPAIR, Bounds, ServeSettings

from ..drill import Drill

SECRET = "a-secret-that-nobody-can-guess"
WITH_SECRET = {"X-Remediate-Secret": SECRET}
LONG = 60.0


@dataclass
class Served:
    """A server that runs in a thread of this process."""

    world: Drill
    server: Server
    url: str
    events: list[Event] = field(default_factory=list)

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {**WITH_SECRET, **more.pop("headers", {})}
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, f"{self.url}{path}", headers=headers, timeout=LONG, **more)

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.call("GET", path, **more)

    def deliver(self, payload: Any, **more: Any) -> requests.Response:
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        headers = {"Content-Type": "application/json; charset=utf-8", **more.pop("headers", {})}
        return self.call("POST", "/alerts", data=data, headers=headers, **more)

    def dealt_with(self, payload: Any) -> dict[str, Any]:
        """Deliver, wait until it is dealt with, and return what became of it."""
        answer = self.deliver(payload)
        assert answer.status_code == 202, answer.text
        assert self.server.line.rest(LONG)
        found: dict[str, Any] = self.get(answer.headers["Location"]).json()
        return found

    def until(self, true: Callable[[], bool]) -> None:
        """Wait for something that another thread does."""
        tick = threading.Event()
        for _ in range(int(LONG / 0.02)):
            if true():
                return
            tick.wait(0.02)
        raise AssertionError("it never happens")


Serve = Callable[..., Served]


@contextmanager
def serving(world: Drill, mode: str = REPAIR, *, gate: Gate | None = None, **more: Any) -> Iterator[Served]:
    bounds = replace(Bounds(), **more.pop("bounds", {}))
    workers = more.pop("workers", 1)
    hours = more.pop("sweep_hours", 0)
    events: list[Event] = []
    order = Order(
        settings=ServeSettings(port=0, mode=mode, workers=workers, sweep_hours=hours, bounds=bounds),
        cloud=CLOUDS["public"],
        journal=lambda: SqliteJournal(world.state),
        runtime=world.runtime,
        endpoint=world.endpoint,
        credential=LoopbackCredential(),
        notify=more.pop("notify", NotifySettings()),
        tell=events.append,
        **more,
    )
    server = build(order, gate or Gate([SharedSecret([SECRET])]))
    ready: list[str] = []
    up = threading.Event()

    def tell(url: str) -> None:
        ready.append(url)
        up.set()

    failed: list[BaseException] = []

    def run() -> None:
        try:
            server.run(tell)
        except BaseException as error:  # noqa: BLE001
            failed.append(error)
            up.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert up.wait(LONG)
    if failed:
        raise failed[0]
    try:
        yield Served(world, server, ready[0], events)
    finally:
        server.stop()
        thread.join(LONG)
        assert not thread.is_alive()
    assert failed == []


@pytest.fixture
def served() -> Iterator[Serve]:
    """Start a server: ``served(world)``; ``mode``, ``bounds`` and whatever an order has may be given."""
    with ExitStack() as stack:
        yield lambda world, *words, **more: stack.enter_context(serving(world, *words, **more))
