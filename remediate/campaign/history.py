"""One seed, one history: a world in some scenario, actors who work on it, faults, crashes, and a court that watches."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from arm.errors import RemediationError
from arm.facts.graph import VmReference
from simulator import SCENARIOS, Simulator
from simulator.clock import START
from simulator.operations import Operation
from simulator.recorder import Record
from simulator.services.compute.model import RunCommand
from simulator.wire import Request, Response

from ..journal.sqlite import SqliteJournal
from . import actors, circumstances, happenings, hardships, misled, visitors
from .baton import Actor, Baton
from .court import Court, Violation, Write
from .process import FLIGHT, SLOW_FLIGHT, Process, Role
from .weather import Weather

MOST_EVENTS = 30_000
"""A history that has more has no end."""
SOON, PATIENCE = "1", "30"
"""Seconds that the simulator asks to wait, and that Azure does."""
LOCKS = "/microsoft.authorization/locks"
SHM = Path("/dev/shm")  # noqa: S108  # memory, where there is such a thing: what a machine loses is not tried here


@dataclass(frozen=True)
class Outcome:
    """What a history came to.

    Attributes:
        seconds: virtual time that has passed.
        requests: how many requests reached the simulator; ``writes`` of them wrote.
        faults: how often each kind of fault struck.
        verdicts: how often each verdict, or error, was the end of a call.
        violations: what the court found; the history ends at the first.
        log: what happened, one line each.
    """

    seed: int
    scenario: str
    seconds: float
    requests: int
    writes: int
    events: int
    crashes: int
    runs: int
    faults: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    happenings: Counter[str] = field(default_factory=Counter)
    violations: tuple[Violation, ...] = ()
    log: tuple[str, ...] = ()


class History:
    """One history, drawn from one seed.

    Args:
        seed: the seed.
        scenario: name of the scenario; empty for one that the seed draws from ``scenarios``.
        folder: where its journal is.
        scenarios: names of the scenarios to draw from.
    """

    def __init__(self, seed: int, folder: Path, scenarios: tuple[str, ...]) -> None:
        self.seed = seed
        self.dice = Random(f"history {seed}")  # noqa: S311  # repeatable on purpose, nothing secret
        self.scenario = SCENARIOS[self.dice.choice(scenarios)]
        self.simulator = Simulator(self.scenario, seed=seed, now=lambda: self.seconds)
        self.world = self.simulator.world
        self.world.operations.polls_move_clock = False
        self.vm = VmReference(self.simulator.setting.vm_id)
        self.state = folder / "journal.db"
        self.number = 0
        self.crashes = 0
        self.writes = 0
        self.stopped = False
        self.healed = False
        self.log: list[str] = []
        self.verdicts: Counter[str] = Counter()
        self.happened: Counter[str] = Counter()
        self.host_offset = timedelta(0)
        self.full_until = START
        self.processes: list[Process] = []
        self._draw_climate()
        self.playing = 0
        self.court = Court(self)
        self.hardship = hardships.of(self)
        self.circumstance = circumstances.of(self)
        actors.cast_for(self)
        visitors.come(self)
        misled.come(self)

    def __deepcopy__(self, _memo: object) -> History:
        """Return it itself: what is scheduled in the world knows it, and the world is copied for stale answers."""
        return self

    def _draw_climate(self) -> None:
        dice = self.dice
        self.weather = Weather(
            Random(f"weather {self.seed}"),  # noqa: S311  # as above
            self.world.clock,
            dice.choice((0.0, 0.01, 0.03, 0.06, 0.15)),
        )
        self.simulator.faults = self.weather
        self.baton = Baton(Random(f"baton {self.seed}"), self.world.clock, dice.choice((0.1, 0.3, 0.7)))  # noqa: S311
        self._death = dice.choice((0.0, 0.0, 0.002, 0.01, 0.03))
        self._stall = dice.choice((0.0, 0.0, 0.002, 0.01))
        self._event = dice.choice((0.0, 0.004, 0.015))
        self.world.authorization.removal_delay = timedelta(seconds=dice.choice((0, 0, 15, 45)))

    # Time

    @property
    def now(self) -> datetime:
        """Azure's time."""
        return self.world.clock.now

    @property
    def seconds(self) -> float:
        """Seconds since the beginning, on a clock that nobody sets."""
        return (self.now - START).total_seconds()

    @property
    def host_time(self) -> datetime:
        """What the clock of the host says that all processes run on; somebody sets it now and then."""
        return self.now + self.host_offset

    # What the processes meet

    def process(self, actor: Actor, role: Role | None = None) -> Process:
        """Begin a process."""
        number = len(self.processes) + 1
        found = Process(self, actor, f"{actor.name}#{number}", number, role or Role(), began=self.now)
        self.processes.append(found)
        return found

    def dies(self) -> bool:
        """Draw whether a process dies now."""
        return not self.healed and self.dice.random() < self._death

    def stalls(self) -> float:
        """Draw for how many seconds a process stands still now."""
        if self.healed or self.dice.random() >= self._stall:
            return 0.0
        return self.dice.choice((5.0, 45.0, 200.0, 400.0, 2000.0))

    def flight(self) -> float:
        """Draw for how many seconds a request, or an answer, is on its way."""
        if not self.healed and self.dice.random() < 0.01:
            return self.dice.random() * SLOW_FLIGHT
        return self.dice.random() * FLIGHT

    def disk_is_full(self) -> bool:
        """Say whether the journal's disk is full at this moment."""
        return self.now < self.full_until

    def lease_is_held(self) -> bool:
        """Say whether somebody has a lease whose time is not over."""
        return any(datetime.fromisoformat(end) > self.host_time for _, end in self.court.books.leases())

    @contextmanager
    def journal(self) -> Iterator[SqliteJournal]:
        """Open the journal for somebody who is no process of ours."""
        journal = SqliteJournal(self.state)
        try:
            yield journal
        finally:
            journal.close()

    def happen(self) -> None:
        """Let something happen that is nobody's doing of ours, now and then."""
        if not self.healed and self.dice.random() < self._event:
            happenings.one(self)

    def answer(self, process: Process, request: Request) -> Response:
        """Have the simulator answer a request, and the court look at it."""
        triggers = request.path.lower().endswith("/backup")
        backups = self._backups() if triggers else 0
        begun = len(self.world.operations.by_id)
        self.court.before(request.method)
        response = self.simulator.handle(request)
        if response.headers.get("Retry-After") == SOON:
            response.headers["Retry-After"] = PATIENCE  # time passes here by itself, not by polling
        if response.text is None and response.body is not None:
            response.text = response.payload().decode()  # it is needed as text more than once
        record = self.simulator.records[-1]
        if not record.fault:
            self.weather.note(request, response, write=record.write)
        fault = f"  [{self.weather.last}]" if record.fault else ""
        self.writes += record.write
        how = str(response.status) if response.delivery == "send" else response.delivery
        self.note(process.name, f"{request.method} {request.path} -> {how}{fault}")
        if request.method == "GET" and LOCKS in request.path.lower():
            process.locks_read, process.locks_read_at = self.number, self.now
            process.locks_known = process.locks_known if record.fault else self.number
        if record.write:
            new = list(self.world.operations.by_id.values())[begun:]
            done = not triggers or self._backups() > backups
            self._arrived(process, record, new[0] if new else None, done=done)
        return response

    def _backups(self) -> int:
        """Count the on-demand backups there have been."""
        vaults = self.world.recoveryservices.vaults.values()
        return sum(job.operation == "Backup" and job.user_triggered for one in vaults for job in one.jobs.values())

    def _arrived(self, process: Process, record: Record, operation: Operation | None, *, done: bool) -> None:
        self.court.arrived(
            Write(
                self.number,
                process,
                record.request.method,
                record.request.path,
                record.request.body,
                record.action or "",
                done and record.effect and record.done in (200, 201, 202),
                record.time,
                operation,
                script=self._made(record) if record.effect else None,
            )
        )

    def _made(self, record: Record) -> RunCommand | None:
        """Return the run command that a write has just made, where it has made one."""
        vm = self.world.compute.vms.get(self.vm.id.lower())
        path = record.request.path.lower()
        if vm is None or record.request.method != "PUT" or "/runcommands/" not in path:
            return None
        return vm.run_commands.get(path.rsplit("/", 1)[-1])

    def note(self, who: str, what: str) -> None:
        """Write a line of the history, and let the court look at the world."""
        self.number += 1
        self.log.append(f"{self.number:06d} {self.now.isoformat(' ', 'milliseconds')[:23]} {who:<12} {what}")
        if self.number > MOST_EVENTS and not self.stopped:
            self.court.find("it_comes_to_an_end", f"more than {MOST_EVENTS} events")
        self.court.look()

    # The whole

    def run(self) -> Outcome:
        """Play it to its end."""
        try:
            self.baton.run()
            if not self.stopped:
                self.court.at_rest()
        finally:
            self.world.close()
        records = self.simulator.records
        return Outcome(
            self.seed,
            self.scenario.name,
            self.seconds,
            len(records),
            self.writes,
            self.number,
            self.crashes,
            self.court.runs,
            self.weather.counts,
            self.verdicts,
            self.happened,
            tuple(self.court.violations),
            tuple(self.log),
        )

    def heal(self) -> None:
        """Let nothing go wrong any more: no fault, no crash, no happening; what never ended ends."""
        self.healed = True
        self.weather.clear()
        self.full_until = START
        for operation in list(self.world.operations.by_id.values()):
            if operation.forced is not None and operation.status == "InProgress":
                self.world.operations.give_up(operation)
        happenings.farewell(self)
        self.circumstance.farewell()
        self.note("world", "everything is well again")

    def ended(self, process: Process, what: str, error: RemediationError | None = None) -> None:
        """Note how a call of the software ended."""
        self.verdicts[what] += 1
        self.note(process.name, f"ends: {what}{f' {error.message}' if error else ''}")


def play(seed: int, scenarios: tuple[str, ...]) -> Outcome:
    """Play the history of one seed.

    Args:
        seed: the seed.
        scenarios: names of the scenarios that it draws from.
    """
    with tempfile.TemporaryDirectory(prefix="campaign-", dir=SHM if SHM.is_dir() else None) as folder:
        return History(seed, Path(folder), scenarios).run()
