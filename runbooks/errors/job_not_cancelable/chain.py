"""The chain, as Microsoft documents it: the job is too far to be cancelled, so wait until it has ended."""

from __future__ import annotations

from arm.facts.backup import Job

from ...catalogue import load
from ...jobs import (
    AWAIT_JOBS,
    BACK_UP_UNLESS_DONE,
    INPUTS,
    JOB_FACTS,
    diagnose_cancel,
    one_of,
    over,
)
from ...model import Cause, Diagnosis, Runbook, Situation

ENTRY = load("job_not_cancelable")


def diagnose(situation: Situation) -> Diagnosis:
    """Find the job that cannot be cancelled any more, and its phase."""
    return diagnose_cancel(situation, _causes)


def _causes(situation: Situation, job: Job | None) -> tuple[Cause, ...]:
    backup = job is not None and job.operation == "Backup"
    late = backup and job is not None and not job.cancellable and job.status == "InProgress"
    cancelling = job is not None and job.status == "Cancelling"
    return (
        one_of(
            job,
            "past-the-snapshot",
            "the job transfers data to the vault, or has nearly ended; only the snapshot can be cancelled",
            holds=late,
            otherwise="that is no backup past its snapshot",
        ),
        one_of(
            job,
            "being-cancelled",
            "the job is being cancelled already",
            holds=cancelling,
            otherwise="nobody has cancelled it",
        ),
        over(situation, job),
    )


RUNBOOK = Runbook(
    code=ENTRY.id,
    title=ENTRY.title,
    facts=JOB_FACTS,
    also_reads=("read_job", "recovery_points"),
    writes=("backups.trigger",),
    diagnose=diagnose,
    steps=(AWAIT_JOBS, BACK_UP_UNLESS_DONE),
    inputs=INPUTS,
    entry=ENTRY,
)
