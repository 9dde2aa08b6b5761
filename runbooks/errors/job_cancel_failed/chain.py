"""The chain, as Microsoft documents it: the cancellation has failed, so wait until the job has ended."""

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
    spoken_job,
    uncancellable,
)
from ...model import Cause, Diagnosis, Runbook, Situation, Standing

ENTRY = load("job_cancel_failed")


def diagnose(situation: Situation) -> Diagnosis:
    """Find the job and its phase; Microsoft names no cause of its own for this error."""
    return diagnose_cancel(situation, _causes)


def _causes(situation: Situation, job: Job | None) -> tuple[Cause, ...]:
    summary = "the service failed to cancel a job that could have been cancelled; Microsoft gives no cause"
    why = uncancellable(job) if job is not None else ""
    unknown = (
        Cause("not-given", summary, Standing.POSSIBLE, (spoken_job(job),))
        if job is not None and not why
        else Cause("not-given", summary, Standing.RULED_OUT, (), (why or "no job is in progress",))
    )
    return (
        unknown,
        one_of(
            job,
            "not-cancellable",
            "the job cannot be cancelled in the phase it is in, or not at all",
            holds=bool(why),
            otherwise="that can be cancelled",
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
