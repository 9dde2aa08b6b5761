"""Hardships: in a few histories one thing goes wrong again and again, so that what seldom meets does meet.

Each is drawn from a source of its own: all other histories stay as they are without it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, cast

from simulator.clock import VirtualClock
from simulator.services.compute.model import Misbehaviour, Vm
from simulator.services.recoveryservices.model import Job, ProtectedItem, RecoveryPoint
from simulator.services.recoveryservices.service import BackupService

from ..engine.boundaries import AFTER_INTENT, AFTER_OUTCOME, BEFORE_SEND, LEASED
from . import happenings

if TYPE_CHECKING:
    from .history import History

SHARE = 0.25
"""How many histories have one."""


class Hardship:
    """None: what a history has in most cases.

    Args:
        history: what it is laid upon.
        dice: its own source of chance.
    """

    name = ""

    def __init__(self, history: History, dice: Random) -> None:
        self.history = history
        self.dice = dice

    def kills(self, _where: str) -> bool:
        """Say whether a process dies here."""
        return False

    def holds(self, _where: str) -> float:
        """Return for how many seconds a process stands still here."""
        return 0.0


class StandingStill(Hardship):
    """Processes stand still between the intent and the send, at times long enough for another one to take over."""

    name = "standing still"

    def holds(self, where: str) -> float:
        """Return for how many seconds a process stands still here."""
        if self.history.healed or where not in (AFTER_INTENT, BEFORE_SEND) or self.dice.random() > 0.4:
            return 0.0
        return self.dice.choice((28.0, 320.0, 700.0, 2500.0, 5000.0))


class DyingBetween(Hardship):
    """Processes die when they have noted how a change ended, and before they have drawn any conclusion."""

    name = "dying between"
    places: tuple[str, ...] = (AFTER_OUTCOME, LEASED)
    most = 6

    def kills(self, where: str) -> bool:
        """Say whether a process dies here."""
        if self.history.healed or where not in self.places or self.most <= 0 or self.dice.random() > 0.35:
            return False
        self.most -= 1
        return True


class MadScripts(DyingBetween):
    """What scripts inside the VM answer is cut off, mixed with something else, says nothing, or that it is not so."""

    name = "mad scripts"
    places = (AFTER_OUTCOME,)
    most = 3

    def __init__(self, history: History, dice: Random) -> None:
        super().__init__(history, dice)
        vm = history.world.compute.vms.get(history.vm.id.lower())
        if vm is not None:
            kinds = [dice.choice(("garbled", "truncated", "hangs", "dies", "says")) for _ in range(3)]
            vm.misbehaves += [
                Misbehaviour(cast("Any", kind), runs=dice.random() < 0.6, skip=dice.choice((0, 1, 1, 2)), times=1)
                for kind in kinds
            ]


class LatePoints(Hardship):
    """A backup completes, and its recovery point is seen hours later, or never."""

    name = "late points"

    def __init__(self, history: History, dice: Random) -> None:
        super().__init__(history, dice)
        service = history.world.recoveryservices.service
        service.__class__ = _Late
        late = cast("_Late", service)
        late.clock, late.delay = history.world.clock, lambda: timedelta(minutes=dice.choice((16, 40, 200, 1700)))


class LaggingAnswers(Hardship):
    """Answers to writes are often lost, and what is read just after them shows what was before."""

    name = "lagging answers"

    def __init__(self, history: History, dice: Random) -> None:
        super().__init__(history, dice)
        history.weather.lagging = True


class _Late(BackupService):
    """The backup service, whose recovery points show up late."""

    clock: VirtualClock
    delay: Callable[[], timedelta]

    def _add_point(
        self, item: ProtectedItem, time: datetime, restore_point: str, expires: datetime | None
    ) -> RecoveryPoint:
        point = super()._add_point(item, time, restore_point, expires)
        item.points.remove(point)

        def shows() -> None:
            item.points.append(point)
            item.points.sort(key=lambda one: one.time)

        self.clock.call_later(self.delay(), shows)
        return point


class BusyService(Hardship):
    """After a change, the backup service often begins a backup of its own; it takes hours, and may fail at the end."""

    name = "busy service"

    def __init__(self, history: History, dice: Random) -> None:
        super().__init__(history, dice)
        service = history.world.recoveryservices.service
        service.__class__ = _Slow
        cast("_Slow", service).takes = lambda: timedelta(minutes=dice.choice((15, 100, 300, 900)))

    def holds(self, where: str) -> float:
        """Begin a backup soon, when a change has just ended; nobody stands still for it."""
        if not self.history.healed and where == AFTER_OUTCOME and self.dice.random() < 0.5:
            self.history.world.clock.call_later(timedelta(seconds=self.dice.choice((1, 30, 120, 11000))), self._begin)
        return 0.0

    def _begin(self) -> None:
        service = self.history.world.recoveryservices.service
        item = self.history.world.recoveryservices.item_of(self.history.vm.id)
        if self.history.healed or item is None or item.state == "ProtectionStopped":
            return
        if service.running_backup(item) is None:
            job = service.start(item)
            if self.dice.random() < 0.3:
                self.history.world.clock.call_later(timedelta(minutes=90), lambda: service.fail(job, TRANSFER_FAILED))


class _Slow(BackupService):
    """The backup service, whose transfers may take hours."""

    takes: Callable[[], timedelta]

    def _transfer(self, job: Job, vm: Vm, taken: datetime, ends_in: timedelta) -> None:
        super()._transfer(job, vm, taken, max(ends_in, self.takes()))


class RestlessPeople(Hardship):
    """People set locks, change them and take them off all the time."""

    name = "restless people"

    def holds(self, _where: str) -> float:
        """Let somebody do something to a lock, now and then; nobody stands still for it."""
        if not self.history.healed and self.dice.random() < 0.03:
            happenings.let(self.history, "human", self.dice.choice((happenings.removes_a_lock, happenings.sets_a_lock)))
        return 0.0


TRANSFER_FAILED = "BackUpOperationFailed"
ALL: tuple[type[Hardship], ...] = (
    StandingStill,
    DyingBetween,
    MadScripts,
    LatePoints,
    LaggingAnswers,
    BusyService,
    RestlessPeople,
)


def of(history: History) -> Hardship:
    """Draw the hardship of a history; in most cases none."""
    dice = Random(f"lot of {history.seed}")  # noqa: S311  # repeatable on purpose, nothing secret
    kind = dice.choice(ALL) if dice.random() < SHARE else Hardship
    return kind(history, dice)
