"""The threads that repair: each takes one delivery at a time; one of them sees to what nobody delivers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from arm.errors import RemediationError

from ..accepted import Accepted
from ..alerts.intake import Intake
from ..alerts.resolve import Result
from ..alerts.settings import AlertSettings
from ..alerts.taken import Handled
from ..automation.deadline import Deadline
from ..engine.execute import Parked
from ..engine.model import Event, Tell
from ..journal.retention import KEEP
from ..notify.notifier import Notifier
from ..remediation import Remediation
from .deliveries import Delivery, outcome_to_json
from .line import Line
from .metrics import Metrics
from .upkeep import Upkeep

IDLE = 1.0
"""Seconds that a worker waits for a delivery before it looks whether it is to end."""
TRIED_AGAIN = tuple(timedelta(minutes=one) for one in (1, 5, 15, 60, 180, 360, 720, 1440))
"""After so long a delivery is tried again that ended with what may pass; then never."""

_PASSING = (Result.ERROR, Result.LATER)


@dataclass(frozen=True)
class Bench:
    """What one worker works with.

    Attributes:
        remediation: the library; one that can only read, in the mode ``plan``.
        notifier: tells people how it ended.
        deadline: parks what is going on when the server stops.
    """

    remediation: Remediation
    notifier: Notifier
    deadline: Deadline


@dataclass(frozen=True)
class Duties:
    """What all workers have in common.

    Attributes:
        line: where deliveries wait.
        bench: opens what a worker works with; called in its thread.
        alerts: which alerts are taken.
        dry_run: nothing may be changed.
        tell: told of what happens.
        metrics: counts.
        now: the host's time.
        sweep_hours: how far back failed backups are looked for of which no alert has told; 0: not at all.
        keep: how long runs stay in the journal that are over.
    """

    line: Line
    bench: Callable[[], AbstractContextManager[Bench]]
    alerts: AlertSettings
    dry_run: bool
    tell: Tell
    metrics: Metrics
    now: Callable[[], datetime]
    sweep_hours: int = 0
    keep: timedelta = KEEP


class Worker(threading.Thread):
    """Takes deliveries until the line stops.

    Args:
        duties: what all workers have in common.
        keeps_up: it also sees to what nobody delivers; one of the workers does.
    """

    def __init__(self, duties: Duties, *, keeps_up: bool) -> None:
        super().__init__(name="worker", daemon=True)
        self._duties = duties
        words = (duties.now, lambda: duties.line.stopped, duties.tell, duties.metrics, self._count)
        upkeep = Upkeep(*words, sweep_hours=duties.sweep_hours, keep=duties.keep)
        self._upkeep = upkeep if keeps_up and not duties.dry_run else None
        self._bench: Bench | None = None
        self._stopping = False

    def stop(self) -> None:
        """Park what is going on, and end."""
        self._stopping = True
        bench = self._bench
        if bench is not None:
            bench.deadline.stop()

    def run(self) -> None:
        """Work, whatever goes wrong, until the line stops."""
        while not self._duties.line.stopped:
            self._attempt()

    def _attempt(self) -> None:
        """Open what is needed, and work with it until the line stops or something goes wrong."""
        try:
            with self._duties.bench() as bench:
                self._bench = bench
                if self._stopping:
                    bench.deadline.stop()
                self._work(bench)
        except Exception as error:  # noqa: BLE001  # the next attempt begins with a new session and journal
            self._unexpected(error)
            self._duties.line.take_breath(IDLE)
        finally:
            self._bench = None

    def _work(self, bench: Bench) -> None:
        duties = self._duties
        accepted = Accepted(yes=not duties.dry_run)
        intake = Intake(bench.remediation, duties.alerts, accepted=accepted, dry_run=duties.dry_run)
        while not duties.line.stopped:
            delivery = duties.line.take(IDLE)
            if delivery is not None:
                self._deal(delivery, intake, bench)
            if self._upkeep is not None and not duties.line.stopped:
                self._upkeep.do(bench.remediation, bench.notifier, intake)

    def _deal(self, delivery: Delivery, intake: Intake, bench: Bench) -> None:
        """Deal with a delivery, note what became of it, and tell people."""
        after = delivery
        try:
            handled = [intake.handle(one) for one in delivery.alerts]
            after = self._after(delivery, handled)
            bench.remediation.journal.mark(after.mark())
            for one in handled:
                self._count(one)
                bench.notifier.handled(one, given_up=after.settled)
        except Parked:
            pass  # the server stops; the journal still has the delivery as it was
        except Exception as error:  # noqa: BLE001  # a delivery must not take the worker with it
            self._unexpected(error)
            after = self._after(delivery, None)
            with suppress(Exception):  # what cannot be written down is begun again by the next process
                bench.remediation.journal.mark(after.mark())
        finally:
            self._duties.line.done(after)

    def _after(self, delivery: Delivery, handled: Sequence[Handled] | None) -> Delivery:
        """Return the delivery as it is now: done with, or what is left of it to be tried again after a while."""
        attempts = delivery.attempts + 1
        left, outcomes = delivery.alerts, delivery.outcomes
        if handled is not None:
            left = tuple(alert for alert, one in zip(left, handled, strict=True) if one.result in _PASSING)
            earlier = [one for one in outcomes if one["result"] not in _PASSING]
            outcomes = (*earlier, *map(outcome_to_json, handled))
        again = bool(left) and attempts <= len(TRIED_AGAIN)
        return replace(
            delivery,
            alerts=left,
            attempts=attempts,
            outcomes=outcomes,
            settled=not again,
            again=bool(left) and not again,
            due=self._duties.now() + TRIED_AGAIN[attempts - 1] if again else None,
        )

    def _count(self, handled: Handled) -> None:
        self._duties.metrics.count("remediate_alerts_total", result=handled.result.value)
        if handled.report is not None:
            self._duties.metrics.count("remediate_verdicts_total", verdict=handled.report.stand.verdict.value)

    def _unexpected(self, error: Exception) -> None:
        self._duties.metrics.count("remediate_worker_errors_total")
        text = error.message if isinstance(error, RemediationError) else f"{type(error).__name__}: {error}"
        with suppress(Exception):
            self._duties.tell(Event("worker", f"a worker met an error: {text}"))
