"""The chain, as Microsoft documents it: wait a minute, cancel once more if that is chosen, else wait for the end."""

from __future__ import annotations

from datetime import timedelta

from actions.change import NoChange
from arm.facts.backup import Job

from ...catalogue import load
from ...jobs import (
    AWAIT_JOBS,
    BACK_UP_UNLESS_DONE,
    CANCEL,
    CANCEL_JOB,
    CHOICES,
    INPUTS,
    JOB_FACTS,
    JOB_WRITES,
    diagnose_cancel,
    named,
    one_of,
    over,
)
from ...model import Cause, Diagnosis, Runbook, Situation, Step, StepEffects, Wait

ENTRY = load("job_not_in_progress")
MINUTE = timedelta(minutes=1)


def diagnose(situation: Situation) -> Diagnosis:
    """Find out whether the job was between two states, or has ended."""
    return diagnose_cancel(situation, _causes)


def _causes(situation: Situation, job: Job | None) -> tuple[Cause, ...]:
    offered = job is not None and job.cancellable
    return (
        one_of(
            job,
            "transitory-state",
            "the job was between two states when it was cancelled; it is in progress now",
            holds=offered,
            otherwise="it cannot be cancelled now either",
        ),
        over(situation, job),
    )


def await_a_minute(situation: Situation) -> StepEffects:
    """Let the transitory state pass before the job is cancelled once more."""
    due = situation.progress.changed_at + MINUTE
    if situation.choice != CANCEL or not named(situation):
        yield NoChange("nothing is cancelled once more")
    elif situation.now < due:
        yield Wait("the job's transitory state passes", MINUTE, due)
    else:
        yield NoChange("a minute has passed")


RUNBOOK = Runbook(
    code=ENTRY.id,
    title=ENTRY.title,
    facts=JOB_FACTS,
    also_reads=("read_job", "recovery_points"),
    writes=JOB_WRITES,
    diagnose=diagnose,
    steps=(
        Step("await_a_minute", "Wait a minute before the job is cancelled once more", await_a_minute),
        CANCEL_JOB,
        AWAIT_JOBS,
        BACK_UP_UNLESS_DONE,
    ),
    inputs=INPUTS,
    choices=CHOICES,
    entry=ENTRY,
)
