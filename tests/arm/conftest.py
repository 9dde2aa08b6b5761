from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timezone

import pytest

from arm.credentials import LoopbackCredential
from arm.runtime import Runtime
from arm.session import Session

from .scripted import Scripted


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def azure(stack) -> Scripted:
    """A server whose answers the test writes itself."""
    server = Scripted()
    stack.callback(server.close)
    return server


@pytest.fixture
def slept() -> list[float]:
    return []


@pytest.fixture
def session_at(stack, slept) -> Callable[..., Session]:
    """A session with an endpoint; sleeping takes no time."""

    def make(endpoint: str, **options) -> Session:
        runtime = Runtime(lambda: datetime(2026, 3, 2, tzinfo=timezone.utc), slept.append, lambda: "id")
        options = {"read_only": False, "credential": LoopbackCredential(), "runtime": runtime, **options}
        session = Session(endpoint=endpoint, **options)
        stack.callback(session.close)
        return session

    return make
