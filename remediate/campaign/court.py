"""The court: it sees every write as it reaches Azure, and the world after every event, and keeps what it has seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from actions.change import Change
from arm.facts.times import parse_time
from arm.writes import OPERATIONS
from simulator.operations import Operation
from simulator.services.authorization.state import Lock
from simulator.services.compute.model import RunCommand
from simulator.services.recoveryservices.model import RecoveryPoint

from ..report import Report
from . import invariants
from .books import Books
from .process import SECRET, Process
from .standing import Standing

if TYPE_CHECKING:
    from .history import History

UNDO_STEP = "undo"
"""The step in which a run takes back what another one has changed."""


@dataclass(frozen=True)
class Violation:
    """Something that must not have happened.

    Attributes:
        invariant: the name of what was broken.
        event: number of the event.
    """

    invariant: str
    text: str
    event: int


@dataclass(frozen=True)
class Write:
    """One write as it reached Azure.

    Attributes:
        event: number of its event.
        process: who sent it.
        action: the permission that it needs.
        done: Azure has carried it out, or has begun to, and something was there to be changed.
        operation: what it has begun, where it takes long.
        at: Azure's time.
        run: id of the run whose durable intent it is; empty without one.
        change: the change of that intent.
        intent: the number of that intent among the run's.
        script: the run command that it has made, where it made one.
    """

    event: int
    process: Process
    method: str
    path: str
    body: bytes
    action: str
    done: bool
    at: datetime
    operation: Operation | None = None
    run: str = ""
    change: Change | None = None
    intent: int = 0
    script: RunCommand | None = None

    @property
    def effect(self) -> bool:
        """Whether it has changed something, as far as that is known by now; what fails changes nothing."""
        if self.operation is None:
            return self.done
        return self.done and self.operation.forced is None and self.operation.status != "Failed"

    @property
    def spoken(self) -> str:
        """Who sent what."""
        return f"{self.process.name} sent {self.method} {self.path}"


class Court:
    """Watches one history.

    Attributes:
        violations: what it has found; the history stops at the first.
        writes: every write so far.
        approved: method and path of every change in a plan that a person has approved.
        frozen_since: number of the event at which everything was frozen; 0 when it is not.
        expected: the locks as people have them: as found, and as set and removed in the portal since.
        contested: ids of locks of which nobody can tell how they have to be: people and a process had their hands on
            one at the same moment, or people removed one of their own that was also on loan.
        touched: number of the last event before people had a lock in their hands last.
        seen_locks: every lock that was ever there.
        points: every recovery point that was ever there.
        leased: owner of the lease on the VM, and its end, as last seen; two empty texts for nobody.
        latest: the latest time that the host's clock has ever shown.
        standing: what is true of the VM, and since when.
        believed: run and number of every intent that was done as the run says.
    """

    def __init__(self, history: History) -> None:
        self.history = history
        self.world = history.world
        self.books = Books(history.state)
        self.violations: list[Violation] = []
        self.writes: list[Write] = []
        self.approved: set[tuple[str, str]] = set()
        self.frozen_since = 0
        self.expected: dict[str, Lock] = {key: replace(lock) for key, lock in self.locks.items()}
        self.contested: set[str] = set()
        self.touched: dict[str, int] = {}
        self.seen_locks = dict(self.expected)
        self.points: dict[str, RecoveryPoint] = {}
        self.copied: set[str] = set()
        self.believed: set[tuple[str, int]] = set()
        self.leased = ("", "")
        self.latest = history.host_time
        self.keepsakes = invariants.keepsakes(self.world)
        self.tags = {vm.id: dict(vm.tags) for vm in self.world.compute.vms.values()}
        self.runs = 0
        self.standing = Standing(history)
        self._looked_at = (-1, 0, 0)
        self.look()

    @property
    def locks(self) -> Mapping[str, Lock]:
        """The locks that are there."""
        return self.world.authorization.locks

    def find(self, invariant: str, text: str) -> None:
        """Take a violation down, and stop the history."""
        self.violations.append(Violation(invariant, text, self.history.number))
        self.history.stopped = True

    # What people do, and know

    def approves(self, changes: tuple[Change, ...]) -> None:
        """A person approves these changes."""
        self.approved |= {written(change) for change in changes}

    def people_removed(self, lock: Lock) -> None:
        """A person has removed a lock in the portal."""
        key = lock.id.lower()
        self.expected.pop(key, None)
        self.touched[key] = self.history.number
        if any(one.lower() == key for one in self.books.owed()):
            self.contested.add(key)

    def people_set(self, lock: Lock) -> None:
        """A person has set a lock in the portal."""
        key = lock.id.lower()
        self.expected[key] = self.seen_locks[key] = replace(lock)
        self.contested.discard(key)
        self.touched[key] = self.history.number

    def due(self) -> datetime | None:
        """Return when the next of the open runs is due; ``None`` for at once, or when none is open."""
        times = [parse_time(one["next_check_at"]) for one in self.books.runs() if one["status"] == "open"]
        due = [one for one in times if one is not None]
        return min(due) if len(due) == len(times) and due else None

    # What is seen

    def look(self) -> None:
        """Look at the world as it is after an event, unless nothing can have changed since the last look."""
        self.latest = max(self.latest, self.history.host_time)
        state = self.world.clock.ran, self.history.writes, sum(self.history.happened.values())
        if state == self._looked_at:
            return
        self._looked_at = state
        self.standing.look()
        for check in invariants.ALWAYS:
            self._judge(check.__name__, check(self))

    def arrived(self, write: Write) -> None:
        """A write has reached Azure."""
        write = self._with_intent(write)
        if self.touched.get(write.path.lower(), -1) >= write.process.locks_known:
            self.contested.add(write.path.lower())
        for check in invariants.ON_WRITE:
            self._judge(check.__name__, check(self, write))
        self.writes.append(write)
        put_back = write.change is not None and write.change.step == UNDO_STEP and write.effect
        lock = self.locks.get(write.path.lower())
        if put_back and lock is not None:  # that a person has asked for, by undoing a run
            self.people_set(lock)

    def before(self, method: str) -> None:
        """A request is about to be answered: look at what is true as it arrives, before it changes that."""
        if method != "GET":
            self.standing.look()
        if method == "DELETE":
            self.standing.look_at_points()

    def intended(self, process: Process, change: Change) -> None:
        """A process has noted that it is about to send a change."""
        for check in invariants.ON_INTENT:
            self._judge(check.__name__, check(self, process, change))

    def took_lease(self, process: Process) -> None:
        """A process has taken, renewed or given back the lease on the VM."""
        for check in invariants.ON_LEASE:
            self._judge(check.__name__, check(self, process))
        self.leased = next(iter(self.books.leases()), ("", ""))

    def reported(self, process: Process, report: Report) -> None:
        """A call of the software has returned this."""
        for check in invariants.ON_REPORT:
            self._judge(check.__name__, check(self, process, report))
        if SECRET in json.dumps(report.to_json()):
            self.find("no_secret_is_kept", f"the report of {process.name} has a token in it")

    def at_rest(self) -> None:
        """Everything is over: nothing may be left open, taken, owed or changed."""
        self.runs = len(self.books.runs())
        for check in invariants.AT_REST:
            self._judge(check.__name__, check(self))
        self.books.close()

    def set_since(self, write: Write) -> bool:
        """Say whether people had their hands on a lock since a write of which nobody noted that Azure had taken it."""
        if self.touched.get(write.path.lower(), -1) < write.event:
            return False
        records = self.books.entries(write.run)
        intents = [at for at, one in enumerate(records) if one.kind == "intent"]
        behind = [*intents, len(records)][write.intent - 1 : write.intent + 1]
        return "accepted" not in [one.kind for one in records[slice(*behind)]]

    def _judge(self, name: str, text: str) -> None:
        if text and not self.history.stopped:
            self.find(name, text)

    def _with_intent(self, write: Write) -> Write:
        """Find the durable intent of a write: the last of its run, without an outcome, for just this request.

        Two runs may have one, when a process was killed and its run is undone. Then it is that of the writer's own run.
        """
        for run in sorted(self.books.unpaid_runs(), key=lambda one: one != write.process.intends):
            entries = self.books.entries(run)
            kinds = [one.kind for one in entries]
            if "intent" not in kinds:
                continue
            last = len(kinds) - 1 - kinds[::-1].index("intent")
            change = Change.from_json(entries[last].data["change"])
            if "outcome" not in kinds[last:] and written(change) == (write.method, write.path.lower()):
                return replace(write, run=run, change=change, intent=kinds.count("intent"))
        return write


def written(change: Change) -> tuple[str, str]:
    """Return method and path of the request that a change sends."""
    operation = OPERATIONS[change.operation]
    return operation.method, operation.path(change.target).lower()
