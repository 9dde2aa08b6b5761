"""The chain, as Microsoft documents it: a job of this type cannot be cancelled, so wait until it has ended."""

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

ENTRY = load("job_cancel_not_supported")


def diagnose(situation: Situation) -> Diagnosis:
    """Find the job whose type cannot be cancelled."""
    return diagnose_cancel(situation, _causes)


def _causes(situation: Situation, job: Job | None) -> tuple[Cause, ...]:
    other = job is not None and job.operation != "Backup"
    summary = "a job of this type cannot be cancelled"
    return (
        one_of(job, "job-type", summary, holds=other, otherwise="a backup can be, while its snapshot is taken"),
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
