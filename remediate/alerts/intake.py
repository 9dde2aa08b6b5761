"""The one way from an alert to a repair, for the command line, runbooks and the server alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from arm.errors import RemediationError
from arm.facts.backup import Job
from arm.facts.graph import VmReference
from arm.facts.times import iso

from ..accepted import Accepted
from ..engine.history import History, Sent
from ..engine.model import Event, Verdict
from ..journal.model import OPEN, Run
from ..remediation import Remediation
from ..report import Report
from .claims import AGAIN, BEING_TAKEN, DEALT_WITH, NO_TIME, Claims
from .model import Alert, Ignored
from .parse import parse
from .resolve import Declined, Result, Target, job_key, resolve
from .settings import AlertSettings
from .taken import Handled, Taken

_RUNS_LOOKED_AT = 10
LEFT_ALONE = timedelta(hours=24)
"""After so long an open run that nobody goes on with calls somebody."""
STARTS_WITHIN = timedelta(minutes=5)
"""So soon after Azure was asked for it an on-demand backup begins."""
SYSTEMIC = "systemic-breaker"
"""The guard that makes many machines with one cause one incident."""
INCIDENT_TOLD = timedelta(hours=6)
"""After so long an incident that still stands calls somebody again."""


class Intake:
    """Takes alerts. A payload is a hint, never an authority: whatever it says is read again from Azure.

    Of all deliveries about one failed backup, by all doors, one is taken. Give it to one thread, as its remediation.

    Args:
        remediation: repairs; with a read-only session for ``dry_run``.
        settings: which alerts are taken.
        accepted: what is accepted in advance.
        dry_run: show what would be done. Nothing is written then, not even to the journal: duplicates are not known.
        finish: goes on with a report that is not the end (a drill lets time pass).
    """

    def __init__(
        self,
        remediation: Remediation,
        settings: AlertSettings | None = None,
        *,
        accepted: Accepted = Accepted(),  # noqa: B008  # frozen
        dry_run: bool,
        finish: Callable[[Report], Report] = lambda report: report,
    ) -> None:
        self._remediation = remediation
        self._settings = settings or AlertSettings()
        self._accepted = accepted
        self._dry_run = dry_run
        self._finish = finish
        self._claims = Claims(lambda: remediation.journal, remediation.session.runtime)

    def take(self, payload: object) -> Taken:
        """Deal with everything in a payload; an error in one alert does not keep the others from being dealt with.

        Args:
            payload: as for :func:`remediate.alerts.parse.parse`.

        Returns:
            What became of each alert in it; errors of Azure and of the journal are in there.
        """
        handled = tuple(self.handle(one) for one in parse(payload))
        transport = self._remediation.session.transport
        return Taken(handled, {"reads": transport.reads, "writes": transport.writes})

    def handle(self, found: Alert | Ignored) -> Handled:
        """Deal with one thing that was in a payload, as :meth:`take`."""
        handled = Handled.ignored(found) if isinstance(found, Ignored) else self._hear(found)
        text = f"alert {handled.result.value}: {handled.reason}"
        self._remediation.tell(Event("alert", text, {"result": handled.result.value, "why": handled.why}))
        return handled

    def _hear(self, alert: Alert) -> Handled:
        if alert.vault_id and alert.job and self._claims.known(job_key(alert.vault_id, alert.job)):
            return _duplicate(alert, None)
        target = None
        try:
            found = resolve(self._remediation.session, alert, self._settings)
            if isinstance(found, Declined):
                return Handled.declined(alert, found)
            target = found
            for note in target.notes:
                self._remediation.tell(Event("alert", note))
            return self._plan(alert, target) if self._dry_run else self._claim(alert, target)
        except RemediationError as error:
            return Handled.failed(alert, target, error)

    def _plan(self, alert: Alert, target: Target) -> Handled:
        vm = VmReference(target.vm_id)
        outcome = self._remediation.repair_found(vm, accepted=self._accepted, dry_run=True)
        return Handled.carried_out(alert, target, outcome)

    def _claim(self, alert: Alert, target: Target) -> Handled:
        """Repair, when no other delivery about the same failed backup is at it or has been."""
        going = self._going_on(alert, target)
        if going is not None:
            self._claims.remember(target.keys, BEING_TAKEN)
            return going
        if not self._claims.take(target.keys):
            return _duplicate(alert, target)
        stands = NO_TIME  # also when something interrupts it: then it can be asked for again
        try:
            handled = self._told_once(self._repair(alert, target))
            stands = _stands(handled)
        finally:
            self._claims.keep(target.keys, stands)
        return handled

    def _going_on(self, alert: Alert, target: Target) -> Handled | None:
        """Say which run deals with the machine already; ``None`` when none does.

        A backup that a run has started itself and that fails, such as one that has Azure clean up, is no new failure.
        """
        journal, endpoint = self._remediation.journal, self._remediation.session.endpoint
        for run in journal.runs(_RUNS_LOOKED_AT, target.vm_id):
            if run.endpoint != endpoint:
                continue
            told = f"run {run.id[:12]} ({run.runbook})"
            if run.status == OPEN:
                return self._open(told, run, alert, target)
            if any(_started(sent, target.job) for sent in History.of(run, journal).sent):
                reason = f"{told} has started the backup that failed, job {target.job.name}, itself"
                return Handled(Result.NOTHING, "own-backup", reason, alert=alert, target=target)
        return None

    def _open(self, told: str, run: Run, alert: Alert, target: Target) -> Handled:
        """Say that a run is open; and that nobody goes on with it, where it seems so."""
        reason = f"{told} is open on this machine: {run.verdict or 'in progress'} {run.reason}".strip()
        since = run.next_check_at or run.started_at
        if self._remediation.session.azure_now() - since <= LEFT_ALONE:
            return Handled(Result.DUPLICATE, "run-open", reason, alert=alert, target=target)
        step = f"Run 'remediate resume {run.id[:12]}', and schedule 'remediate resume'."
        reason = f"{reason}; nobody has gone on with it since {iso(since)}"
        return Handled(Result.REFUSED, "run-left-alone", reason, step, 3, alert, target)

    def _told_once(self, handled: Handled) -> Handled:
        """Let one of the many alerts of an incident call somebody, not each."""
        if handled.why != SYSTEMIC or handled.report is None:
            return handled
        key = [f"incident/{self._remediation.session.endpoint}/{handled.report.runbook}"]
        if not self._claims.take(key):
            return handled
        self._claims.keep(key, INCIDENT_TOLD)
        return replace(handled, result=Result.REFUSED, exit_code=handled.report.exit_code)

    def _repair(self, alert: Alert, target: Target) -> Handled:
        outcome = self._remediation.repair_found(VmReference(target.vm_id), accepted=self._accepted)
        return Handled.carried_out(alert, target, self._finish(outcome) if isinstance(outcome, Report) else outcome)


def _started(sent: Sent, job: Job) -> bool:
    """Say whether a change of a run was what started a backup; where it never heard the job's name, by the time."""
    if sent.job or sent.change.operation != "backups.trigger" or not job.on_demand or job.started is None:
        return sent.job.lower() == job.name.lower()
    return abs(job.started - sent.at) <= STARTS_WITHIN


def _duplicate(alert: Alert, target: Target | None) -> Handled:
    job = target.job.name if target else alert.job
    reason = f"another delivery has been taken for job {job} already"
    return Handled(Result.DUPLICATE, "duplicate", reason, alert=alert, target=target)


def _stands(handled: Handled) -> timedelta:
    """Return how long the claim stands: for good when a run was begun or a person was told, else until asked again."""
    report = handled.report
    again = report is not None and report.run is None and report.stand.verdict in _ASK_AGAIN
    return AGAIN if again else DEALT_WITH


_ASK_AGAIN = (Verdict.REFUSED, Verdict.NOTHING_TO_DO)
