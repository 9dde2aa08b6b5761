"""The chain, as Microsoft documents it: wait for the other backup, or cancel it if that is chosen; then back up."""

from __future__ import annotations

from datetime import timedelta

from arm.facts.backup import Job
from arm.facts.collect import VmFacts
from arm.facts.times import spoken as spoken_time
from arm.ids import same

from ...catalogue import load
from ...jobs import (
    AWAIT_JOBS,
    BACK_UP_UNLESS_DONE,
    CANCEL_JOB,
    CHOICES,
    INPUTS,
    JOB_FACTS,
    JOB_WRITES,
    jobs_found,
    spoken_job,
    unclear,
)
from ...model import Cause, Decision, Diagnosis, Finding, Runbook, Situation, Standing
from ...shared import basics, gone, not_protected, outset

ENTRY = load("user_error_backup_operation_in_progress")
_DAY = timedelta(days=1)


def diagnose(situation: Situation) -> Diagnosis:
    """Find the job that is in the way: in the VM's vault, or in an earlier vault that still knows the VM."""
    facts = situation.facts
    refused = not_protected(facts) or gone(facts)
    if refused is not None:
        return Diagnosis(Decision.REFUSE, refused[0], basics(facts), refused[1])
    jobs, durations = facts.job_details(), _durations(facts)
    findings = (*basics(facts), *jobs_found(facts), *durations)
    causes = _causes(facts, jobs)
    if not jobs:
        early = outset(facts, ENTRY)
        reason = "the other backup has ended, and no newer one has succeeded"
        return early or Diagnosis(Decision.REPAIR, reason, findings, causes=causes)
    problem = unclear(situation, findings, causes)
    if problem is not None:
        return problem
    reason = "; ".join(map(spoken_job, jobs))
    return Diagnosis(Decision.REPAIR, f"in the way: {reason}", findings, causes=causes)


def _causes(facts: VmFacts, jobs: tuple[Job, ...]) -> tuple[Cause, ...]:
    own = facts.protection().vault_id
    here = [job for job in jobs if same(job.id.split("/backupJobs/")[0], own)]
    there = [job for job in jobs if job not in here]
    longest = max((facts.azure_now - job.started for job in here if job.started), default=timedelta(0))
    interval = _interval(facts)
    overlap = interval is not None and longest >= interval
    said = f"the job goes on since {spoken_time(longest)}"
    every = f"backups are scheduled every {spoken_time(interval)}" if interval else "the policy's interval is not known"
    return (
        _found("job-in-this-vault", "a job of the VM is in progress in its vault", here, "none in the VM's vault"),
        _found(
            "job-in-another-vault",
            "a job of the VM is in progress in another vault, where it was protected before",
            there,
            "none in another vault that holds an item of the VM",
            Standing.POSSIBLE if here else Standing.FOUND,
        ),
        Cause(
            "backups-overlap",
            "backups take longer than the time between two of them",
            Standing.POSSIBLE if overlap else Standing.RULED_OUT,
            (said, every) if overlap else (),
            () if overlap else (said if here else "no backup is in progress in the VM's vault", every),
        ),
    )


def _found(name: str, summary: str, jobs: list[Job], none: str, standing: Standing = Standing.FOUND) -> Cause:
    if jobs:
        return Cause(name, summary, standing, tuple(map(spoken_job, jobs)))
    return Cause(name, summary, Standing.RULED_OUT, (), (none,))


def _interval(facts: VmFacts) -> timedelta | None:
    """Return the time between two scheduled backups, ``None`` where the policy does not say."""
    policy = facts.policy()
    return _DAY / len(policy.run_times) if policy and policy.run_times else None


def _durations(facts: VmFacts) -> tuple[Finding, ...]:
    """Return how long backups took lately, against the time between two of them."""
    took = [
        job.ended - job.started
        for job in facts.recent_jobs()
        if job.operation == "Backup" and not job.running and job.started and job.ended and job.status != "Failed"
    ]
    interval = _interval(facts)
    if not took or interval is None:
        return ()
    mean = sum(took, timedelta(0)) / len(took)
    shown = f"{spoken_time(mean)} on average of {len(took)}; scheduled every {spoken_time(interval)}"
    return (Finding("duration of backups", shown),)


RUNBOOK = Runbook(
    code=ENTRY.id,
    title=ENTRY.title,
    facts=(*JOB_FACTS, "policy"),
    also_reads=("recovery_points",),
    writes=JOB_WRITES,
    diagnose=diagnose,
    steps=(CANCEL_JOB, AWAIT_JOBS, BACK_UP_UNLESS_DONE),
    inputs=INPUTS,
    choices=CHOICES,
    entry=ENTRY,
)
