"""What the chains about jobs in progress share: which run, in which phase, waiting for them, cancelling one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from actions.change import NoChange
from actions.jobs import cancel_backup_job
from arm.errors import NotFound
from arm.facts.backup import Job
from arm.facts.collect import VmFacts
from arm.facts.times import iso

from .model import CHOOSE, Cause, Decision, Diagnosis, Finding, Situation, Standing, Step, StepEffects
from .shared import FACTS, back_up, basics, gone, not_protected, still_failing, wait_for

JOB_FACTS = (*FACTS, "jobs_elsewhere", "job_details")
JOB_WRITES = ("jobs.cancel", "backups.trigger")
CANCEL = "cancel"
CHOICES = {CANCEL: "cancel the job in progress instead of waiting for it; its recovery point is lost"}
INPUTS = {"job": "name of the job (default: the only one in progress)"}
PATIENCE = timedelta(hours=24)
"""How long a job may go on before the run gives up: a daily backup ends within a day, says Microsoft."""
RECHECK = timedelta(minutes=30)
CANCELLING = timedelta(minutes=2)
"""How soon a job that is being cancelled is looked at again."""
BY_HAND = "remediate action cancel_backup_job"
_SUPPORT = (
    "A first backup, or one of very large disks, may take longer than a day: run again to go on waiting. If the job's "
    "transferred data does not grow any more, open a case at Microsoft Support."
)


def vault_name(job: Job) -> str:
    """Return the name of the vault a job is in."""
    return job.id[: job.id.lower().index("/backupjobs/")].rsplit("/", 1)[-1]


def spoken_job(job: Job) -> str:
    """Return a job in progress with its phase and whether Azure offers to cancel it, for people."""
    since = iso(job.started) if job.started else "an unknown time"
    tasks = ", ".join(f"{name} {status}" for name, status in job.tasks)
    offer = "Azure offers to cancel it" if job.cancellable else "Azure does not offer to cancel it"
    shown = f"{job.operation} job {job.name} in vault {vault_name(job)} since {since}: {job.status}"
    return "; ".join(text for text in (shown, tasks, offer) if text)


def uncancellable(job: Job) -> str:
    """Return why a job cannot be cancelled; empty when Azure offers it."""
    if job.operation != "Backup":
        return f"a {job.operation} job cannot be cancelled, only a backup can"
    if job.status == "Cancelling":
        return "it is being cancelled already"
    if job.cancellable:
        return ""
    phase = next((name for name, status in job.tasks if status == "InProgress"), "")
    return (
        f"its phase is {phase!r}: only while the snapshot is taken can a backup be cancelled"
        if phase
        else ("Azure does not offer it in the job's present state")
    )


def named(situation: Situation) -> list[Job]:
    """Return the jobs in progress that the operator means: the one of ``--input job=NAME``, else all."""
    name = situation.inputs.get("job", "").lower()
    return [job for job in situation.facts.job_details() if name in ("", job.name.lower())]


def jobs_found(facts: VmFacts) -> tuple[Finding, ...]:
    """Return the jobs in progress, in this vault and in others."""
    return tuple(Finding("job in progress", spoken_job(job)) for job in facts.job_details())


def unclear(situation: Situation, findings: tuple[Finding, ...], causes: tuple[Cause, ...]) -> Diagnosis | None:
    """Return why a job cannot be cancelled as chosen, or which one has to be named; ``None`` when all is clear."""
    jobs, name = named(situation), situation.inputs.get("job", "")
    cancel = situation.choice == CANCEL
    if name and not jobs and situation.facts.job_details():
        others = "; ".join(map(spoken_job, situation.facts.job_details()))
        reason = f"the job {name} is not in progress; in progress: {others}"
        return Diagnosis(Decision.REFUSE, reason, findings, "Name another with --input job=NAME, or none.", causes)
    if len(jobs) > 1 and cancel:
        names = ", ".join(f"{job.name} ({job.operation})" for job in jobs)
        reason = f"{len(jobs)} jobs of the VM are in progress: {names}"
        step = "Name the one to cancel: --input job=NAME --choose cancel."
        return Diagnosis(Decision.CHOOSE, reason, findings, step, causes)
    why = uncancellable(jobs[0]) if jobs and cancel else ""
    if not why:
        return None
    reason = f"the job {jobs[0].name} cannot be cancelled: {why}"
    return Diagnosis(Decision.REFUSE, reason, findings, f"Run again without --{CHOOSE} {CANCEL}: it waits.", causes)


def cancel_job(situation: Situation) -> StepEffects:
    """Cancel the job in progress, when that was chosen and as long as Azure offers it."""
    jobs = named(situation)
    if situation.choice != CANCEL:
        yield NoChange("waiting was not ruled out by --choose cancel")
    elif len(jobs) != 1:
        yield NoChange(f"{len(jobs)} jobs are in progress" if jobs else "no job is in progress any more")
    elif uncancellable(jobs[0]):
        yield NoChange(uncancellable(jobs[0]))
    else:
        yield from cancel_backup_job(jobs[0], reason="it keeps another backup from starting")


def await_jobs(situation: Situation) -> StepEffects:
    """Wait until no job of the VM is in progress, in this vault or in another one."""
    jobs = situation.facts.job_details()
    if not jobs:
        yield NoChange("no job of the VM is in progress")
        return
    recheck = CANCELLING if all(job.status == "Cancelling" for job in jobs) else RECHECK
    yield from wait_for(situation, "; ".join(map(spoken_job, jobs)), PATIENCE, recheck, _SUPPORT)


def back_up_unless_done(situation: Situation) -> StepEffects:
    """Back up, unless the backup that was waited for has ended well and brought what was missing."""
    last = _last_backup(situation.facts)
    ended = last.ended if last is not None else None
    waited = ended is not None and ended > situation.progress.changed_at
    if waited and situation.choice != CANCEL and not missing(situation.facts):
        yield NoChange(f"the backup that was waited for has ended well at {iso(ended) if ended else ''}")
    else:
        yield from back_up(situation)


def missing(facts: VmFacts) -> str:
    """Return why a backup is missing; empty when the last one ended well and is newer than the last failure."""
    failed, last = facts.last_failed_job(), _last_backup(facts)
    if last is not None and last.status != "Completed":
        return f"the last backup ended as {last.status}"
    if failed is not None and still_failing(facts, failed):
        return "no recovery point is newer than the last failed backup"
    return ""


def _last_backup(facts: VmFacts) -> Job | None:
    """Return the newest backup that has ended in the last days."""
    return next((job for job in facts.recent_jobs() if job.operation == "Backup" and not job.running), None)


AWAIT_JOBS = Step("await_jobs", "Wait until no job of the VM is in progress", await_jobs)
CANCEL_JOB = Step("cancel_job", "Cancel the job in progress, if that was chosen", cancel_job, go_on=True)
BACK_UP_UNLESS_DONE = Step("back_up", "Back up", back_up_unless_done)


def ended_job(situation: Situation) -> tuple[Finding, ...]:
    """Return what became of the job that the operator has named, when it is not in progress any more."""
    name = situation.inputs.get("job", "")
    if not name or named(situation):
        return ()
    try:
        job = situation.facts.read_job(name)
    except NotFound:
        return (Finding("job", f"the vault knows no job {name!r}"),)
    at = f" at {iso(job.ended)}" if job.ended else ""
    return (Finding("job", f"{job.operation} job {job.name} ended{at}: {job.status}"),)


Told = Callable[[Situation, "Job | None"], tuple[Cause, ...]]
"""What an error of a cancellation says of its causes, about the job in progress or about none."""


def diagnose_cancel(situation: Situation, told: Told) -> Diagnosis:
    """Find out which job could not be cancelled, why, and whether a backup is missing when it has ended.

    Args:
        situation: what is known.
        told: the causes of the error that the cancellation was answered with.
    """
    facts = situation.facts
    findings = (*basics(facts), *jobs_found(facts), *ended_job(situation))
    refused = not_protected(facts) or gone(facts)
    if refused is not None:
        return Diagnosis(Decision.REFUSE, refused[0], findings, refused[1])
    jobs = named(situation)
    causes = told(situation, jobs[0] if len(jobs) == 1 else None)
    if len(jobs) > 1:
        reason = f"{len(jobs)} jobs of the VM are in progress; which one could not be cancelled is not known"
        names = ", ".join(f"{job.name} ({job.operation})" for job in jobs)
        return Diagnosis(Decision.CHOOSE, reason, findings, f"Name one with --input job=NAME: {names}.", causes)
    problem = unclear(situation, findings, causes)
    if problem is not None:
        return problem
    if jobs:
        why = uncancellable(jobs[0])
        verdict = f"it cannot be cancelled: {why}" if why else f"it can be cancelled: {BY_HAND} --job {jobs[0].name}"
        reason = f"{spoken_job(jobs[0])}; {verdict}"
        return Diagnosis(Decision.REPAIR, reason, findings, causes=causes)
    lacking = missing(facts)
    if not lacking:
        return Diagnosis(
            Decision.NOTHING, "no job is in progress, and the last backup is good", findings, causes=causes
        )
    return Diagnosis(Decision.REPAIR, f"no job is in progress any more; {lacking}", findings, causes=causes)


def one_of(job: Job | None, name: str, summary: str, *, holds: bool, otherwise: str) -> Cause:
    """Return a cause that the job in progress proves or rules out.

    Args:
        job: the job; ``None`` when none is in progress.
        name: the cause's name.
        summary: the cause in one line.
        holds: whether the job proves it.
        otherwise: what speaks against it when not.
    """
    if job is not None and holds:
        return Cause(name, summary, Standing.FOUND, (spoken_job(job),))
    against = f"{spoken_job(job)}; {otherwise}" if job is not None else "no job is in progress"
    return Cause(name, summary, Standing.RULED_OUT, (), (against,))


def over(situation: Situation, job: Job | None) -> Cause:
    """Return the cause that the job has ended, which explains every error of a cancellation."""
    summary = "the job has ended, so there is nothing left to cancel"
    if job is None and not named(situation):
        said = tuple(one.value for one in ended_job(situation)) or ("no job of the VM is in progress",)
        return Cause("job-has-ended", summary, Standing.FOUND, said)
    return Cause("job-has-ended", summary, Standing.RULED_OUT, (), ("a job is in progress",))
