"""The chain, as Microsoft documents it: retry after some minutes, a few times; then other hours for the backup."""

from __future__ import annotations

from datetime import timedelta

from actions.change import NoChange
from actions.protection import trigger_on_demand_backup
from arm.facts.backup import Job
from arm.facts.collect import VmFacts
from arm.facts.times import iso
from arm.facts.times import spoken as spoken_time

from ...catalogue import load
from ...model import Cause, Decision, Diagnosis, Finding, Runbook, Situation, Standing, Step, StepEffects, Wait
from ...shared import FACTS, advise, back_up, basics, outset

ENTRY = load("copying_vh_ds_from_back_up_vault_taking_long_time")
PAUSES = (timedelta(minutes=20), timedelta(hours=1))
"""From the start of one attempt to the next."""
MOST = len(PAUSES) + 1
"""On-demand backups that are spent on retries in a day; Azure allows nine."""
AGAIN = "back-up"
_DAY = timedelta(days=1)
_FAILED = "the attempt before it has failed in the same way"
_OTHER_HOURS = (
    "Move the VM to a policy that runs at another hour, away from its own load and at least an hour from other "
    "backups (at most a few VMs of one storage account at a time); spread its load over more disks; see that no other "
    "backup product runs then. Then run again with --choose back-up. If it stays, open a case at Microsoft Support."
)


def diagnose(situation: Situation) -> Diagnosis:
    """Find out whether enough retries have been made to know that it is no passing error of the storage."""
    facts = situation.facts
    early = outset(facts, ENTRY)
    if early is not None:
        return early
    tried = _attempts(facts)
    findings = (*basics(facts), *(Finding("attempt", f"{_at(job)} {job.status}") for job in tried))
    retried = f"{len(tried)} on-demand backups in the last {spoken_time(_DAY)} have failed"
    causes = _causes(facts, retried, many=len(tried) >= MOST)
    if len(tried) >= MOST and situation.choice != AGAIN:
        return advise(f"{retried}: it does not pass by itself", _OTHER_HOURS, findings, *causes)
    return Diagnosis(
        Decision.REPAIR, f"{retried}; {MOST} are tried before it counts as lasting", findings, causes=causes
    )


def _attempts(facts: VmFacts) -> list[Job]:
    """Return the on-demand backups of the last day that failed since the last recovery point, newest first."""
    item, since = facts.item(), facts.azure_now - _DAY
    last = item.last_recovery_point if item else None
    return [
        job
        for job in facts.recent_jobs()
        if (job.operation, job.status, job.on_demand) == ("Backup", "Failed", True)
        and job.started is not None
        and job.started > max(since, last or since)
    ]


def _at(job: Job) -> str:
    return iso(job.started) if job.started else "at an unknown time"


def _causes(facts: VmFacts, retried: str, *, many: bool) -> tuple[Cause, ...]:
    policy = facts.policy()
    hours = f"the policy {policy.name} backs up at {', '.join(policy.run_times)} {policy.time_zone}" if policy else ""
    passing = Standing.RULED_OUT if many else Standing.POSSIBLE
    return (
        Cause(
            "transient", "an error of the storage that passes", passing, () if many else (retried,), (retried,) * many
        ),
        Cause(
            "throttled",
            "the storage does not give the backup enough operations a second in time",
            Standing.POSSIBLE,
            tuple(text for text in (retried * many, hours) if text),
            () if many else ("it may pass by itself",),
        ),
    )


def _over(situation: Situation) -> str:
    """Return why no further attempt is made, or an empty text."""
    if any(backup.completed for backup in situation.progress.backups.values()):
        return "the backup succeeded"
    return "one backup was asked for" if situation.choice == AGAIN else ""


def first_attempt(situation: Situation) -> StepEffects:
    """Back up; only where one backup was asked for does its failure end the run."""
    if situation.choice == AGAIN:
        yield from back_up(situation)
    else:
        yield from attempt(situation)


def attempt(situation: Situation) -> StepEffects:
    """Back up; that it fails in the same way is expected, and leads to the next attempt."""
    over = _over(situation)
    if over:
        yield NoChange(over)
    else:
        reason = "the error may have passed"
        yield from trigger_on_demand_backup(situation.facts, reason=reason, may_fail_with=ENTRY.id)


def pause(situation: Situation) -> StepEffects:
    """Wait some minutes after a failed attempt, longer after each."""
    backups = situation.progress.backups.values()
    over = _over(situation)
    if over:
        yield NoChange(over)
        return
    span = PAUSES[max(len(backups) - 1, 0)]
    if not backups:
        yield Wait("the storage gets time before the next attempt", span)
        return
    due = max(backup.started for backup in backups) + span
    if situation.now < due:
        yield Wait("the storage gets time before the next attempt", span, due)
    else:
        yield NoChange(f"{spoken_time(span)} have passed since the last attempt")


def last_attempt(situation: Situation) -> StepEffects:
    """Back up for the last time in this run."""
    over = _over(situation)
    if over:
        yield NoChange(over)
    else:
        yield from back_up(situation)


RUNBOOK = Runbook(
    code=ENTRY.id,
    title=ENTRY.title,
    facts=(*FACTS, "policy"),
    also_reads=("recovery_points",),
    writes=("backups.trigger",),
    diagnose=diagnose,
    steps=(
        Step("first_attempt", "Back up; a failure is expected", first_attempt),
        Step("first_pause", "Wait some minutes", pause),
        Step("second_attempt", "Back up once more", attempt, only_if=_FAILED),
        Step("second_pause", "Wait an hour", pause, only_if=_FAILED),
        Step("back_up", "Back up", last_attempt, only_if=_FAILED),
    ),
    choices={AGAIN: "the hours or the load have changed: back up once, which proves it"},
    entry=ENTRY,
)
