"""What one of the workers does in between: parked runs, failed backups whose alert was lost, an old journal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from arm.errors import RemediationError

from ..accepted import Accepted
from ..alerts.intake import Intake
from ..alerts.resolve import Result
from ..alerts.taken import Handled
from ..automation.sweep import MOST, failed_jobs
from ..engine.execute import Parked
from ..engine.model import Event, Tell, Verdict
from ..journal.retention import KEEP, prune_at_times
from ..notify.notifier import Notifier
from ..remediation import Remediation
from ..sweep import Left, left_open
from .metrics import Metrics

RESUMES_EVERY = timedelta(minutes=1)
"""So often the journal is asked for runs that are due."""
SWEEPS_EVERY = timedelta(hours=1)
"""So often Resource Graph is asked for failed backups of which no alert has told."""
_QUIET = (Result.DUPLICATE, Result.NOTHING, Result.IGNORED)
_ELSEWHERE = "out-of-scope"
_SUBSCRIPTIONS = "2022-12-01"


class Upkeep:
    """Keeps things going when nothing is delivered.

    Args:
        now: the host's time.
        stopped: says that nothing more is to be begun.
        tell: told of what happens.
        metrics: counts.
        count: counts what became of an alert.
        sweep_hours: how far back failed backups are looked for; 0: not at all.
        keep: how long runs stay in the journal that are over.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        stopped: Callable[[], bool],
        tell: Tell,
        metrics: Metrics,
        count: Callable[[Handled], None],
        *,
        sweep_hours: int = 0,
        keep: timedelta = KEEP,
    ) -> None:
        self._now = now
        self._stopped = stopped
        self._tell = tell
        self._metrics = metrics
        self._count = count
        self._sweep_hours = sweep_hours
        self._keep = keep
        self._resume_at = self._sweep_at = now()

    def do(self, machine: Remediation, notifier: Notifier, intake: Intake) -> None:
        """Do what it is time for; what goes wrong is told, and tried again the next time.

        Args:
            machine: the library.
            notifier: tells people how it ended.
            intake: takes what a sweep has found, like any alert.
        """
        try:
            if self._now() >= self._resume_at:
                self._resume_at = self._now() + RESUMES_EVERY
                self._go_on(machine, notifier)
                prune_at_times(machine.journal, self._now(), self._keep)
            if self._sweep_hours and self._now() >= self._sweep_at and not self._stopped():
                self._sweep_at = self._now() + SWEEPS_EVERY
                self._sweep(machine, notifier, intake)
        except Parked:
            return
        except RemediationError as error:
            self._tell(Event("upkeep", f"not everything could be seen to: {error.message}"))

    def _go_on(self, machine: Remediation, notifier: Notifier) -> None:
        """Go on with the runs that are due; an error in one does not keep the others from going on."""
        left = [one for one in left_open(machine.journal, machine.session.endpoint) if one.dead or _waits(one)]
        if not left:
            return
        machine.session.get("/subscriptions", _SUBSCRIPTIONS)  # it tells Azure's time, by which runs are due
        now = machine.session.azure_now()
        for one in left:
            if not self._stopped() and (one.dead or one.run.next_check_at is None or one.run.next_check_at <= now):
                self._resume(one, machine, notifier)

    def _resume(self, left: Left, machine: Remediation, notifier: Notifier) -> None:
        try:
            report = machine.resume(left.run.id, accepted=Accepted(), now=left.dead)
        except RemediationError as error:
            self._tell(Event("upkeep", f"run {left.run.id[:12]}: {error.message}"))
            return
        self._metrics.count("remediate_verdicts_total", verdict=report.stand.verdict.value)
        notifier.outcome(report)

    def _sweep(self, machine: Remediation, notifier: Notifier, intake: Intake) -> None:
        """Hand failed backups to the intake of which no alert may have told."""
        taken = 0
        for row in failed_jobs(machine.session, self._sweep_hours):
            if taken >= MOST or self._stopped():
                return
            for handled in intake.take(dict(row)).alerts:
                if handled.result in _QUIET or handled.why == _ELSEWHERE:
                    continue
                taken += 1
                self._count(handled)
                notifier.handled(handled, given_up=False)


def _waits(left: Left) -> bool:
    """Say whether a run waits for Azure, not for a person."""
    return left.run.verdict in ("", Verdict.PENDING.value)
