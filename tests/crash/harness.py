"""Programs that stop for good at a boundary, and what whoever comes after them must find."""

from __future__ import annotations

import re
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from azure.core.pipeline.transport import RequestsTransport

from arm.credentials import LoopbackCredential
from arm.facts.graph import VmReference
from arm.session import Session
from arm.transport import is_read
from remediate.campaign.wire import ENDPOINT, LocalTransport
from remediate.engine.history import INTENT, OUTCOME, VERDICT
from remediate.engine.lease import LEASE_SECONDS
from remediate.engine.model import Event, Verdict
from remediate.journal.model import CLOSED
from remediate.journal.sqlite import SqliteJournal
from remediate.remediation import Accepted, Remediation
from remediate.report import Report

from ..drill import Drill

ROUNDS = 60


class Stopped(BaseException):
    """The program does not go on. Raised only when it is buried, long after everything has been judged."""


@dataclass(frozen=True)
class Point:
    """One place at which a program may stop.

    Attributes:
        number: how many boundaries come before it in the whole case, over all of its programs.
        name: of the boundary.
        operation: the write that was under way, or nothing.
    """

    number: int
    name: str
    operation: str


@dataclass(frozen=True, eq=False)
class Case:
    """What an operator has done, in which scenario.

    Attributes:
        prepare: does to the world what makes the case special, before anything else.
        undo: the run is taken back when it is over; or already when it first waits.
        cancel: the run is cancelled when it first waits.
    """

    name: str
    scenario: str
    code: str
    arguments: dict[str, str] = field(default_factory=dict)
    prepare: Callable[[Drill], None] = lambda _world: None
    undo: str = ""
    cancel: bool = False
    otherwise: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """Where a boundary ("name, operation") makes another end right: the verdict, and how many writes take effect."""


class Programs:
    """The programs that one case needs, one after the other; each but the last may stop at a boundary.

    A program that stops is a thread that never goes on: nothing of it is cleaned up, its lease stays, its connection to
    the journal stays open. So it is with a machine that loses its power.
    """

    def __init__(self, world: Drill, case: Case, stops: tuple[int, ...] = (), *, sockets: bool = False) -> None:
        self.sockets = sockets
        self.world = world
        self.case = case
        self.stops = stops
        self.reached: list[Point] = []
        self.starts: list[int] = []
        """How many boundaries had been reached when each program was started."""
        self.sent: list[tuple[str, str]] = []
        """Every write that left for Azure, with the boundary that was reached last."""
        self.answered: list[str] = []
        """What was reached first after each of them."""
        self._asked = False
        self._operation = ""
        self._over = threading.Event()
        self._buried: list[threading.Thread] = []

    def call(self, work: Work) -> Report | None:
        """Let a new program do something; ``None`` when it has stopped on the way."""
        self.starts.append(len(self.reached))
        stopped, ended = threading.Event(), threading.Event()
        results: list[Report] = []
        errors: list[BaseException] = []

        def reach(name: str) -> None:
            self._check()
            if self._asked:
                self.answered.append(name)
                self._asked = False
            self.reached.append(Point(len(self.reached), name, self._operation))
            if self.reached[-1].number in self.stops:
                stopped.set()
                ended.set()
                self._over.wait()
                raise Stopped

        def program() -> None:
            with ExitStack() as stack:
                try:
                    results.append(work.do(self.case, self.world.vm_id, self._remediation(stack, reach)))
                except Stopped:
                    pass
                except BaseException as error:  # noqa: BLE001  # raised again by the test
                    errors.append(error)
                ended.set()

        self._operation = ""
        thread = threading.Thread(target=program, daemon=True)
        thread.start()
        ended.wait()
        if stopped.is_set():
            self._buried.append(thread)
            return None
        thread.join()
        if errors:
            raise errors[0]
        return results[0]

    def _remediation(self, stack: ExitStack, reach: Callable[[str], None]) -> Remediation:
        def sleep(seconds: float) -> None:
            self._check()
            self.world.runtime.sleep(seconds)

        session = Session(
            endpoint=self.world.endpoint if self.sockets else ENDPOINT,
            read_only=False,
            credential=LoopbackCredential(),
            runtime=replace(self.world.runtime, sleep=sleep, reach=reach),
            transport=_Wire(self) if self.sockets else _Memory(self),
        )
        stack.callback(session.close)

        def journal() -> SqliteJournal:
            return stack.enter_context(closing(SqliteJournal(self.world.state)))

        return Remediation(session, journal, tell=self._hear, wait=3600)

    def _hear(self, event: Event) -> None:
        if event.kind == "change":
            self._operation = str(event.data["operation"])

    def asks(self, method: str, url: str) -> None:
        """Note that a request leaves."""
        self._check()
        if not is_read(method, urlsplit(url).path):
            self.sent.append((f"{method} {url}", self.reached[-1].name if self.reached else ""))
            self._asked = True

    def _check(self) -> None:
        if self._over.is_set():
            raise Stopped

    def bury(self) -> None:
        """End the threads of stopped programs; whatever they still try, nothing of it leaves."""
        self._over.set()
        for thread in self._buried:
            thread.join()


class _Memory(LocalTransport):
    """A transport without sockets, which tells what leaves."""

    def __init__(self, programs: Programs) -> None:
        super().__init__(programs.world.simulator.handle)
        self._programs = programs

    def send(self, request: Any, **kwargs: Any) -> Any:
        self._programs.asks(request.method, request.url)
        return super().send(request, **kwargs)


class _Wire(RequestsTransport):
    """The real transport, which tells what leaves."""

    def __init__(self, programs: Programs) -> None:
        super().__init__(connection_timeout=10, read_timeout=60, use_env_settings=False)
        self._programs = programs
        self._last: Any = None

    def send(self, request: Any, **kwargs: Any) -> Any:
        self._programs.asks(request.method, request.url)
        self._last = super().send(request, **kwargs)
        return self._last

    def close(self) -> None:
        """Close, also under an answer that a stopped program has never read."""
        if self._last is not None:
            self._last.close()
        super().close()


@dataclass(frozen=True)
class Work:
    """What a program is started for: ``begin``, ``resume``, ``undo`` or ``cancel``, and of which run."""

    kind: str
    run: str = ""

    def do(self, case: Case, vm_id: str, remediation: Remediation) -> Report:
        """Do it, as an operator does who reads each plan and approves it."""
        if self.kind == "begin":
            return _begin(case, VmReference(vm_id), remediation)
        if self.kind == "cancel":
            return remediation.cancel(self.run)
        return (_undo if self.kind == "undo" else _resume)(self.run, remediation)


def operate(world: Drill, programs: Programs, rounds: int = ROUNDS) -> bool:
    """Do what an operator and a schedule do until everything is over: repair, resume when due, approve, undo.

    Args:
        world: where.
        programs: with what.
        rounds: how many programs are started at most.

    Returns:
        Whether everything is over.
    """
    for _ in range(rounds):
        work = next_work(world, programs.case)
        if work is None:
            return True
        if programs.call(work) is None:
            world.pass_time(timedelta(seconds=LEASE_SECONDS + 1))
    if rounds == ROUNDS:
        raise AssertionError(f"not over after {ROUNDS} rounds")
    return False


def next_work(world: Drill, case: Case) -> Work | None:
    """Return what is to be done now, as the journal alone tells; ``None`` when nothing is left."""
    with closing(SqliteJournal(world.state)) as journal:
        runs = list(journal.runs(10))
    undoing = [run for run in runs if run.runbook.startswith("undo:")]
    repairs = [run for run in runs if run not in undoing]
    if not repairs:
        return Work("begin")
    run = repairs[0]
    is_open = run.status != CLOSED
    waits = is_open and run.verdict == Verdict.PENDING.value
    wanted = (case.undo == "when over" and not is_open) or (case.undo == "when it waits" and waits)
    begun = bool(undoing) and (is_open or undoing[0].status != CLOSED)
    if begun or (wanted and not undoing):
        return Work("undo", run.id)
    if not is_open:
        return None
    if case.cancel and waits:
        return Work("cancel", run.id)
    if run.next_check_at is not None:
        world.pass_time(max(run.next_check_at - world.simulator.world.clock.now, timedelta(0)))
    return Work("resume", run.id)


def _begin(case: Case, vm: VmReference, remediation: Remediation) -> Report:
    report = remediation.plan(case.code, vm, case.arguments)
    digest = report.plan.digest if report.plan is not None else ""
    return remediation.repair(case.code, vm, case.arguments, accepted=Accepted(yes=True, approve=digest))


def _resume(run: str, remediation: Remediation) -> Report:
    report = remediation.resume(run, accepted=Accepted())
    if report.stand.verdict is Verdict.NEEDS_APPROVAL and report.plan is not None:
        return remediation.resume(run, accepted=Accepted(approve=report.plan.digest))
    return report


def _undo(run: str, remediation: Remediation) -> Report:
    plan = remediation.undo(run, accepted=Accepted(), dry_run=True).plan
    digest = plan.digest if plan is not None and plan.changes else ""
    return remediation.undo(run, accepted=Accepted(yes=True, approve=digest))


@dataclass(frozen=True)
class End:
    """How a case ended, on the simulator's own truth."""

    verdicts: tuple[tuple[str, str], ...]
    effects: tuple[tuple[str, int], ...]
    locks: tuple[tuple[str, Any], ...]
    backups: int
    run_commands: tuple[str, ...]


def end_of(world: Drill) -> End:
    """Look how it ended: what took effect how often, the locks, the on-demand backups, what is left inside the VM."""
    truth = world.simulator.world
    with closing(SqliteJournal(world.state)) as journal:
        verdicts = tuple((run.runbook.partition(":")[0], run.verdict) for run in journal.runs(10))
    locks = {key: (one.name, one.level, one.notes, str(one.owners)) for key, one in truth.authorization.locks.items()}
    effects = Counter(re.sub(r"(roleAssignments)/[-0-9a-f]+", r"\1/ID", one) for one in world.effects)
    left = [name for vm in truth.compute.vms.values() for name in vm.run_commands]
    backups = sum(one.endswith("/backup") for one in world.effects)
    return End(verdicts, tuple(sorted(effects.items())), tuple(sorted(locks.items())), backups, tuple(left))


def inconsistencies(state: Path) -> list[str]:
    """Return what is wrong with the journal of a case that is over."""
    found: list[str] = []
    with closing(SqliteJournal(state)) as journal:
        for run in journal.runs(10):
            records = journal.records(run.id)
            if [one.sequence for one in records] != list(range(1, len(records) + 1)):
                found.append(f"{run.id}: a record is missing")
            open_changes = 0
            for record in records:
                open_changes += (record.kind == INTENT) - (record.kind == OUTCOME)
                if open_changes not in (0, 1):
                    found.append(f"{run.id}: two changes at once, or an outcome without an intent")
            if open_changes:
                found.append(f"{run.id}: an intent without an outcome")
            if run.status != CLOSED or journal.duties(run.id):
                found.append(f"{run.id}: {run.status}, owes {journal.duties(run.id)}")
            said = [one.data["verdict"] for one in records if one.kind == VERDICT]
            if run.reason != "undone by the operator" and said[-1:] != [run.verdict]:
                found.append(f"{run.id}: the records say {said}, the run says {run.verdict}")
    return found


@cache
def recorded(case: Case, *stops: int) -> tuple[Programs, End, tuple[str, ...]]:
    """Carry a case out: what is reached, how it ends, and every write that Azure has seen."""
    with staged(case) as world:
        programs = Programs(world, case, stops)
        try:
            operate(world, programs)
            return programs, end_of(world), tuple(world.writes)
        finally:
            programs.bury()


@contextmanager
def staged(case: Case) -> Iterator[Drill]:
    """Give a case its world."""
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        world = Drill(case.scenario, Path(folder), stack)
        case.prepare(world)
        yield world


def stopped_at(case: Case, *stops: int) -> list[str]:
    """Stop a case's programs at these boundaries, let others go on, and return what is not as without a stop."""
    reached = recorded(case)[0].reached
    with staged(case) as world:
        programs = Programs(world, case, stops)
        try:
            operate(world, programs)
            another_way = reached[: stops[0]] != programs.reached[: stops[0]]
            return differences(world, case, reached[stops[0]]) + ["another way there"] * another_way
        finally:
            programs.bury()


def differences(world: Drill, case: Case, point: Point) -> list[str]:
    """Return what is not as without a stop, when a program has been stopped at a point and everything is over."""
    found, end, expected = inconsistencies(world.state), end_of(world), recorded(case)[1]
    if not _lease_free(world):
        found.append("the lease is not free")
    verdict, writes = case.otherwise.get(f"{point.name}, {point.operation}", ("", 0))
    if verdict:
        right = end.verdicts[0][1] == verdict and sum(count for _, count in end.effects) == writes
        return found if right else [*found, f"{end.verdicts} after {end.effects}"]
    return found + [
        f"{one.name}: {getattr(end, one.name)} instead of {getattr(expected, one.name)}"
        for one in fields(End)
        if getattr(end, one.name) != getattr(expected, one.name)
    ]


def _lease_free(world: Drill) -> bool:
    world.pass_time(timedelta(seconds=LEASE_SECONDS + 1))
    with closing(SqliteJournal(world.state)) as journal:
        return bool(journal.acquire(world.vm_id, "somebody", world.runtime.now(), 1, lambda _owner: False))
