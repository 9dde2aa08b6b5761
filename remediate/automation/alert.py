"""The job ``remediate_backup_alert``: an alert has come by the webhook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from ..alerts.intake import Intake
from ..alerts.resolve import Result
from ..alerts.taken import Handled
from .argv import payload_of
from .door import COMPLETED, FAILED, Job, run_job, say_report
from .settings import Settings


def main(argv: Sequence[str], settings: Settings | None = None, out: TextIO | None = None) -> int:
    """Take the alert that the job was started with; return the exit status.

    Args:
        argv: what the job was started with, the script's name first.
        settings: the account's settings; default what is found here.
        out: where to write; default stdout.
    """
    return run_job(lambda job: _take(job, payload_of(argv)), settings, out)


def intake_of(job: Job) -> Intake:
    """Return the intake of the account."""
    dry_run = job.settings.dry_run
    return Intake(job.remediation, job.alerts, accepted=job.accepted, dry_run=dry_run)


def _take(job: Job, payload: str) -> int:
    taken = intake_of(job).take(payload)
    status = max([say_handled(one, job) for one in taken.alerts], default=COMPLETED)
    for one in taken.alerts:
        tell_people(one, job)
    return status


def tell_people(handled: Handled, job: Job) -> None:
    """Tell what became of an alert. What is put off is not told: the schedule's job sweeps for it again."""
    job.people.handled(handled, given_up=handled.result is Result.ERROR)


def say_handled(handled: Handled, job: Job) -> int:
    """Write what became of an alert, and return the job's status for it."""
    streams = job.streams
    streams.output(f"alert {handled.result.value}: {handled.reason}")
    for note in handled.target.notes if handled.target else ():
        streams.warning(note)
    if handled.outcome is not None:
        return say_report(handled.outcome, streams)
    if not handled.exit_code:
        return COMPLETED
    streams.error(f"{handled.why}: {handled.reason}")
    streams.output(f"  next:  {handled.next_step}")
    return FAILED
