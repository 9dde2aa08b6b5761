"""The job ``remediate_resume``, for a schedule: goes on with parked runs, pays their duties, sweeps for lost alerts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from arm.errors import RemediationError

from ..accepted import Accepted
from ..alerts.resolve import Result
from ..engine.duties import spoken
from ..journal.model import Run
from ..journal.retention import prune_at_times
from ..sweep import Left, left_open
from .alert import intake_of, say_handled, tell_people
from .door import COMPLETED, FAILED, Job, run_job, say_error, say_report
from .settings import Settings
from .sweep import MOST, failed_jobs

_QUIET = (Result.DUPLICATE, Result.NOTHING, Result.IGNORED)
"""What became of most failed backups that a sweep sees: seen to, or over."""
_ELSEWHERE = "out-of-scope"
"""A sweep sees every vault that the identity may read; that some are not in the scope is no news."""


def main(argv: Sequence[str], settings: Settings | None = None, out: TextIO | None = None) -> int:
    """Go on with what is parked, then look for what was lost; return the exit status.

    Args:
        argv: what the job was started with; it takes no parameters.
        settings: the account's settings; default what is found here.
        out: where to write; default stdout.
    """
    return run_job(lambda job: _resume(job, argv[1:]), settings, out)


def _resume(job: Job, words: Sequence[str]) -> int:
    if any(one.strip() for one in words):
        job.streams.warning("this runbook takes no parameters; they are not looked at")
    status = _go_on(job) if job.has_journal else COMPLETED
    if job.settings.sweep_hours and job.deadline.left:
        status = max(status, _sweep(job))
    if job.has_journal and not job.settings.dry_run and job.deadline.left:
        _prune(job)
    return status


def _prune(job: Job) -> None:
    """Forget runs that have been over for long."""
    gone = prune_at_times(job.remediation.journal, job.deadline.now(), job.settings.config.keep)
    if gone:
        job.streams.verbose(f"{gone} runs that have been over for long are out of the journal")


def _go_on(job: Job) -> int:
    machine, streams = job.remediation, job.streams
    runs = left_open(machine.journal, machine.session.endpoint)
    streams.output(f"{len(runs)} open {'run' if len(runs) == 1 else 'runs'}")
    statuses = [COMPLETED]
    for number, left in enumerate(runs):
        if not job.deadline.left:
            streams.warning(
                f"{job.deadline.reason}; {len(runs) - number} of {len(runs)} runs are left for the next job"
            )
            break
        statuses.append(_left_alone(job, left.run) if job.settings.dry_run else _resumed(job, left))
    return max(statuses)


def _resumed(job: Job, left: Left) -> int:
    """Go on with one run; an error in it does not keep the others from going on."""
    machine, run, before = job.remediation, left.run, left.run.verdict
    try:
        report = machine.resume(run.id, accepted=Accepted(), now=left.dead)
    except RemediationError as error:
        return say_error(error, job.streams, f"run {run.id[:12]}: ")
    status = say_report(report, job.streams, told=report.stand.verdict.value == before)
    job.people.outcome(report)
    return status


def _left_alone(job: Job, run: Run) -> int:
    """Say that a run does not go on; somebody must look when it has something on loan."""
    owed = [spoken(duty) for duty in job.remediation.journal.duties(run.id)]
    line = f"run {run.id[:12]} on {run.vm_id} does not go on as long as REMEDIATE_MODE is plan"
    if not owed:
        job.streams.warning(line)
        return COMPLETED
    job.streams.error(f"{line}; it owes: {', '.join(owed)}")
    return FAILED


def _sweep(job: Job) -> int:
    intake, streams = intake_of(job), job.streams
    statuses, taken = [COMPLETED], 0
    for row in failed_jobs(job.remediation.session, job.settings.sweep_hours):
        if taken >= MOST or not job.deadline.left:
            reason = f"{MOST} failed backups were seen to" if taken >= MOST else job.deadline.reason
            streams.warning(f"{reason}; the next job goes on with the rest")
            break
        for handled in intake.take(dict(row)).alerts:
            if handled.result in _QUIET or handled.why == _ELSEWHERE:
                streams.verbose(f"{row.get('name')}: {handled.result.value}: {handled.reason}")
                continue
            taken += 1
            statuses.append(say_handled(handled, job))
            tell_people(handled, job)
    streams.output(f"the sweep has found {taken} failed {'backup' if taken == 1 else 'backups'} to see to")
    return max(statuses)
