"""One process of the software under test, and all its doors to the world: requests, time, journal, boundaries.

At every door others may go on, and the process may die there. After its death no door opens any more, so that what
still runs of it cannot do anything: that is what a killed process does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from azure.core.credentials import AccessToken

from actions.change import Change
from arm.runtime import Runtime
from arm.session import Session
from simulator.clock import START
from simulator.wire import Request, Response

from ..engine.boundaries import BEFORE_INTENT, BEFORE_SEND, LEASED
from ..engine.history import INTENT
from ..journal.model import Journal
from ..journal.sqlite import JournalError, SqliteJournal
from ..remediation import Remediation
from .baton import Actor, Gone
from .wire import ENDPOINT, READ_TIMEOUT, LocalTransport

if TYPE_CHECKING:
    from .history import History

FAR = 2**33
"""A time at which no token expires (seconds since 1970): tokens go by the host's real clock, which is none of ours."""
FLIGHT, SLOW_FLIGHT = 0.3, 20.0
"""Seconds that a request is on its way, at most: as a rule, and now and then."""
WRITES = ("create", "save", "append", "add_duty", "repaid", "acquire", "release", "mark", "unmark", "mark_once")
LEASING = ("acquire", "release")
SECRET = "the-bearers-secret"  # noqa: S105  # looked for in everything that is kept


@dataclass
class Role:
    """What a process was started for.

    Attributes:
        dry: it may change nothing.
        unknown: the error that it was given is none that anybody knows; it may change nothing.
        overtaken_by: a lock that the plan it was given does not know of, and the number of the event that set it.
        frail: it dies as soon as it has begun to work on the VM.
    """

    dry: bool = False
    unknown: bool = False
    overtaken_by: tuple[str, int] = ("", 0)
    frail: bool = False


@dataclass
class Process:
    """One process of the software under test.

    Attributes:
        history: what it is part of.
        actor: whose thread it runs in.
        name: unique in the history.
        number: in the order of their beginning.
        dead: it was killed.
        retries: how many requests it has sent again that had failed the same way.
        locks_read: number of the event at which it last read locks.
        locks_known: the same, where the answer was neither stale nor spoiled.
        sending_since: number of the event at which it last passed the boundary before a send.
        began: when it began.
        locks_read_at: when it last read locks.
        judged_with: when it had last read locks, as the guards last let a change pass.
        intends: id of the run for which it has last noted that it is about to send a change.
    """

    history: History
    actor: Actor
    name: str
    number: int
    role: Role = field(default_factory=Role)
    dead: bool = False
    retries: int = 0
    locks_read: int = 0
    locks_known: int = 0
    sending_since: int = 0
    began: datetime = START
    locks_read_at: datetime = START
    judged_with: datetime = START
    intends: str = ""
    _failed: str = ""
    _ids: int = 0
    _store: SqliteJournal | None = None

    def machine(self, wait: float) -> Remediation:
        """Return the software, as this process has it."""
        runtime = Runtime(
            now=lambda: self.history.host_time,
            sleep=self.sleep,
            new_id=self._new_id,
            reach=self.reach,
            monotonic=lambda: self.history.seconds,
            at_once=False,
        )
        session = Session(
            endpoint=ENDPOINT,
            read_only=self.role.dry,
            credential=_Credential(self.name),
            runtime=runtime,
            transport=LocalTransport(self.ask),
        )
        return Remediation(session, self.journal, wait=wait, limits=self.history.circumstance.limits)

    def _new_id(self) -> str:
        self._ids += 1
        return f"{self.number:04x}{self._ids:04x}{self.history.seed & 0xFFFFFFFF:08x}{0:016x}"

    def journal(self) -> Journal:
        """Open the journal. No door: the caller holds a lock of ``functools`` that all machines share."""
        self._alive()
        self._store = SqliteJournal(self.history.state)
        return cast("Journal", Ledger(self, self._store))

    def end(self) -> None:
        """Close what the process had open."""
        if self._store is not None:
            self._store.close()

    def die(self, where: str) -> None:
        """Be killed.

        Raises:
            Gone: always.
        """
        self.dead = True
        self.history.note(self.name, f"is killed: {where}")
        self.history.crashes += 1
        raise Gone

    def door(self, what: str, *, stall: bool = True) -> None:
        """Come to a place at which others may go on, or the process may die.

        Raises:
            Gone: it is dead.
        """
        self._alive()
        history = self.history
        if history.dies() or history.hardship.kills(what) or (self.role.frail and what == LEASED):
            self.die(what)
        history.happen()
        stalled = (history.stalls() if stall else 0.0) or history.hardship.holds(what)
        if stalled:
            history.note(self.name, f"stands still for {stalled:.0f} s: {what}")
        history.baton.pause(self.actor, stalled)
        self._alive()

    def _alive(self) -> None:
        if self.dead or self.history.stopped:
            raise Gone

    def reach(self, where: str) -> None:
        """Come to a boundary of the engine."""
        if where == BEFORE_INTENT:
            self.judged_with = self.locks_read_at
        if where == BEFORE_SEND:
            self.sending_since = self.history.number
        self.door(where)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self._alive()
        self.history.baton.pause(self.actor, seconds)
        self._alive()

    def ask(self, request: Request) -> Response | None:
        """Send a request, and wait for its answer; ``None``: nobody could be connected to."""
        self.door("request", stall=False)
        history = self.history
        if history.weather.refuses():
            history.note(self.name, f"{request.method} {request.path}: connection refused")
            return None
        history.baton.pause(self.actor, history.flight())
        response = history.answer(self, request)
        self._count(request, response)
        waited = min(response.seconds, READ_TIMEOUT) if response.delivery == "hang" else history.flight()
        history.baton.pause(self.actor, waited)
        self._alive()
        if history.dies():
            self.die("before the answer was read")
        return response

    def _count(self, request: Request, response: Response) -> None:
        """Count what is sent again because it has failed."""
        key = f"{request.method} {request.path} {sorted(request.query.items())}"
        if key == self._failed:
            self.retries += 1
        failed = response.delivery != "send" or response.status in (408, 429, 500, 502, 503, 504)
        self._failed = key if failed else ""


class _Credential:
    """Gives a token of its own to each process, and another one each time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._given = 0

    def get_token(self, *_: str, **__: Any) -> AccessToken:
        """Return a token."""
        self._given += 1
        return AccessToken(f"{SECRET}-{self._name}-{self._given}", FAR)


class Ledger:
    """A process's connection to the journal: a door before each write, and a disk that may be full."""

    def __init__(self, process: Process, store: SqliteJournal) -> None:
        self._process = process
        self._store = store

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        return self._guarded(name, found) if callable(found) else found

    def _guarded(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        process = self._process

        def guarded(*given: Any, **named: Any) -> Any:
            if name not in WRITES:
                if process.dead:
                    raise Gone
                return call(*given, **named)
            process.door(f"journal {name}")
            if process.history.disk_is_full():
                process.history.note(process.name, f"journal {name}: the disk is full")
                raise JournalError(
                    f"the journal {self._store.path} cannot be used: database or disk is full",
                    "Nothing is changed without a journal. Check the disk and the permissions, or give --state PATH.",
                )
            found = call(*given, **named)
            process.history.note(process.name, f"journal {name}{_spoken(name, given)}")
            if name == "append" and given[1] == INTENT:
                process.intends = given[0]
                process.history.court.intended(process, Change.from_json(given[3]["change"]))
            if name in LEASING:
                process.history.court.took_lease(process)
            return found

        return guarded


def _spoken(name: str, given: tuple[Any, ...]) -> str:
    if name == "append":
        return f" {given[1]} {_brief(given[3])}"
    if name in ("save", "create"):
        return f" {given[0].id[:8]} {given[0].status} {given[0].verdict} at {given[0].position}"
    if name in ("add_duty", "repaid"):
        return f" {given[0].target.rsplit('/', 1)[-1]}"
    return ""


def _brief(data: Mapping[str, Any]) -> str:
    if "change" in data:
        change = Change.from_json(data["change"])
        return f"{change.step}: {change.operation} {change.target.rsplit('/', 1)[-1]}"
    words = (str(data[key]) for key in ("verdict", "result", "job", "detail", "reason") if data.get(key))
    return " ".join(words)[:160]
