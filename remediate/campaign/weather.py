"""The fault menu: what can go wrong with a request, drawn anew for each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from random import Random
from typing import Any

from simulator.clock import VirtualClock
from simulator.faults import Fault, Faults
from simulator.wire import Request, Response

LAG = timedelta(seconds=10)
"""How old the state may be that a read shows; Azure names no bound, its replicas are observed to lag by seconds."""
PAUSES = ("86400", "-1", "soon", "1e308", "Wed, 21 Oct 2026 07:28:00 GMT", "0")
"""Absurd values of ``Retry-After``."""
BUSY = ("Conflict", "AnotherOperationInProgress", "OperationNotAllowed", "ScopeLocked", "SomethingElseInTheWay")
CREATED = ("PUT",)
_POLL = re.compile(
    r"/(operations|operationresults|operationsstatus|backupoperations|backupoperationresults)/[^/]+$", re.IGNORECASE
)


_JSON = {"Content-Type": "application/json; charset=utf-8"}


class Replayed(Fault):
    """An answer that was true a moment ago."""

    text: str

    def instead(self) -> Response | None:
        """Return the answer of then."""
        return Response(200, text=self.text, headers=dict(_JSON))


class For(Enum):
    """Which requests a kind of fault can hit."""

    ANY = "any"
    WRITE = "write"
    GET = "get"
    POLL = "poll"


@dataclass(frozen=True)
class Kind:
    """One kind of fault.

    Attributes:
        name: what counts and logs call it.
        fits: which requests it can hit.
        make: the simulator's fault.
    """

    name: str
    fits: For
    make: Callable[[Random], Fault]


def _kind(name: str, fits: For, kind: str, **given: Any) -> Kind:
    return Kind(name, fits, lambda _dice: Fault(kind, **given))


MENU: tuple[Kind, ...] = (
    _kind("429", For.ANY, "status", status=429),
    _kind("429 with Retry-After", For.ANY, "status", status=429, retry_after="20"),
    Kind(
        "429 with an absurd Retry-After",
        For.ANY,
        lambda dice: Fault("status", status=429, retry_after=dice.choice(PAUSES)),
    ),
    *(_kind(f"{status} before", For.ANY, "status", status=status) for status in (500, 502, 503, 504)),
    *(_kind(f"{status} after", For.ANY, "status_after", status=status) for status in (500, 502, 503, 504)),
    _kind("reset before", For.ANY, "reset_before"),
    _kind("reset after", For.ANY, "reset_after"),
    _kind("timeout before", For.ANY, "timeout_before"),
    _kind("timeout after", For.ANY, "timeout_after"),
    _kind("truncated", For.ANY, "truncate"),
    _kind("not JSON", For.ANY, "not_json"),
    _kind("401", For.ANY, "status", status=401),
    _kind("401, token revoked", For.ANY, "expire_tokens"),
    _kind("403", For.ANY, "deny"),
    Kind("409", For.WRITE, lambda dice: Fault("status", status=409, code=dice.choice(BUSY))),
    _kind("412", For.WRITE, "status", status=412),
    _kind("operation fails", For.WRITE, "operation_fails"),
    _kind("operation cancelled", For.WRITE, "operation_cancelled"),
    _kind("operation never ends", For.WRITE, "operation_never_ends"),
    _kind("operation lies", For.WRITE, "operation_lies"),
    _kind("202 without headers", For.WRITE, "no_headers"),
    _kind("page twice", For.GET, "page_duplicate"),
    _kind("pages in a loop", For.GET, "page_loop"),
    _kind("poll URL gone", For.POLL, "poll_gone"),
)
"""All kinds but three that need a memory: a refused connection, a stale read, 404 after create."""
LOST = {True: 0.4, False: 0.5}
"""How often, where answers lag, that to a write is lost (``True``), and a read shows what was before it."""
REFUSED, STALE, NOT_YET = "connection refused", "stale read", "404 after create"
KINDS = (*(kind.name for kind in MENU), REFUSED, STALE, NOT_YET)


_MENUS = {
    For.WRITE: [kind for kind in MENU if kind.fits in (For.ANY, For.WRITE)],
    For.ANY: [kind for kind in MENU if kind.fits is For.ANY],
    For.GET: [kind for kind in MENU if kind.fits in (For.ANY, For.GET)],
    For.POLL: [kind for kind in MENU if kind.fits in (For.ANY, For.GET, For.POLL)],
}


def _fitting(request: Request, *, write: bool) -> For:
    if write:
        return For.WRITE
    if request.method != "GET":
        return For.ANY
    return For.POLL if _POLL.search(request.path) else For.GET


class Weather(Faults):
    """Draws faults for the requests of one history.

    Args:
        dice: the source of chance.
        clock: virtual time.
        rate: how likely it is, between 0 and 1, that a read is hit; a write is three times as likely.
    """

    def __init__(self, dice: Random, clock: VirtualClock, rate: float) -> None:
        super().__init__()
        self._dice = dice
        self._clock = clock
        self._rate = rate
        self._answers: dict[str, list[tuple[datetime, str]]] = {}
        self._made: dict[str, datetime] = {}
        self.counts: Counter[str] = Counter()
        self._wrote: datetime | None = None
        self.lagging = False
        """Whether answers to writes are often lost, and reads just after them show what was before."""
        self.last = ""
        """The fault of the last request; empty for none."""

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self._rate = 0.0
        self.lagging = False

    def refuses(self) -> bool:
        """Draw whether the next connection is refused."""
        if self._dice.random() >= self._rate / 10:
            return False
        self.counts[REFUSED] += 1
        return True

    def take(self, request: Request, *, write: bool, identity: bool) -> Fault | None:
        """Draw the fault that hits this request; ``None`` for none."""
        self.last = ""
        lagging = self._behind(request, write=write) if self.lagging and not identity else None
        if lagging is not None:
            return lagging
        if identity or self._dice.random() >= self._rate * (3 if write else 1):
            return None
        name, fault = self._drawn(request, write=write)
        if fault is not None:
            self.last = name
            self.counts[name] += 1
        return fault

    def wants_snapshots(self) -> bool:
        """Say whether reads may be answered from the state before the last write; a write is just reaching it."""
        self._wrote = self._clock.now
        return self.lagging

    def _behind(self, request: Request, *, write: bool) -> Fault | None:
        """Lose the answer to a write; answer a read just after it as if nothing had been written yet."""
        if not write and (_fitting(request, write=False) is not For.GET or not self._just_written()):
            return None
        if self._dice.random() >= LOST[write]:
            return None
        self.last = "reset after" if write else STALE
        self.counts[self.last] += 1
        return Fault("reset_after" if write else "stale")

    def _just_written(self) -> bool:
        return self._wrote is not None and self._clock.now - self._wrote <= LAG

    def _drawn(self, request: Request, *, write: bool) -> tuple[str, Fault | None]:
        if not write:
            remembered = self._remembered(request)
            if remembered is not None and self._dice.random() < 0.3:
                return remembered
        kind = self._dice.choice(_MENUS[_fitting(request, write=write)])
        return kind.name, kind.make(self._dice)

    def _remembered(self, request: Request) -> tuple[str, Fault] | None:
        now = self._clock.now
        made = self._made.get(request.path.lower())
        if request.method == "GET" and made is not None and now - made <= LAG:
            return NOT_YET, Fault("status", status=404)
        for at, text in self._answers.get(_key(request), ()):
            if now - at <= LAG:
                stale = Replayed("stale")
                stale.text = text
                return STALE, stale
        return None

    def note(self, request: Request, response: Response, *, write: bool) -> None:
        """Remember an answer that was true, for stale reads later."""
        now = self._clock.now
        if write:
            if request.method in CREATED and response.status < 300:
                self._made[request.path.lower()] = now
        elif self._rate and response.status == 200:
            known = self._answers.setdefault(_key(request), [])
            known[:] = [(at, one) for at, one in known if now - at <= LAG][-3:]
            known.append((now, response.payload().decode()))


def _key(request: Request) -> str:
    query = "&".join(f"{name}={value}" for name, value in request.query.items())
    return f"{request.method} {request.path}?{query} {request.body!r}"
