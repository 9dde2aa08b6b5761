"""The chain, as Microsoft documents it: wait for what is at work on the VM, then back up."""

from __future__ import annotations

from arm.facts.collect import VmFacts

from ...catalogue import load
from ...checks.extensions import extensions_of, spoken
from ...jobs import AWAIT_JOBS, BACK_UP_UNLESS_DONE, JOB_FACTS, jobs_found, spoken_job
from ...model import Cause, Decision, Diagnosis, Runbook, Situation, Standing
from ...shared import basics, outset
from ...state import AWAIT_STATE, state_of

ENTRY = load("extension_operation_in_progress")


def diagnose(situation: Situation) -> Diagnosis:
    """Find out what is at work on the VM: one of its jobs, or a change of the VM itself."""
    facts = situation.facts
    early = outset(facts, ENTRY)
    if early is not None:
        return early
    findings, causes = (*basics(facts), *jobs_found(facts)), _causes(facts)
    known = next((cause for cause in causes if cause.standing is Standing.FOUND), None)
    if known is not None:
        reason = f"{known.summary}: {'; '.join(known.evidence)}"
        return Diagnosis(Decision.REPAIR, reason, findings, causes=causes)
    return Diagnosis(Decision.REPAIR, "what was at work on the VM has ended", findings, causes=causes)


def _causes(facts: VmFacts) -> tuple[Cause, ...]:
    vm = facts.vm()
    jobs = tuple(map(spoken_job, facts.job_details()))
    moving = [state_of(vm)] if vm.in_transition else []
    moving += [spoken(one) for one in extensions_of(facts) if one.provisioning_state in ("Updating", "Creating")]
    job, changed = "a job of the VM is in progress", "the VM was changed while its restore point was made"
    settled = f"{state_of(vm)}; no extension is being changed"
    second = Standing.POSSIBLE if jobs and moving else Standing.FOUND if moving else Standing.RULED_OUT
    return (
        Cause("job-in-progress", job, Standing.FOUND, jobs)
        if jobs
        else Cause("job-in-progress", job, Standing.RULED_OUT, (), ("no job of the VM is in progress",)),
        Cause("vm-changed", changed, second, tuple(moving), () if moving else (settled,)),
    )


RUNBOOK = Runbook(
    code=ENTRY.id,
    title=ENTRY.title,
    facts=(*JOB_FACTS, "extensions"),
    also_reads=("recovery_points",),
    writes=("backups.trigger",),
    diagnose=diagnose,
    steps=(AWAIT_JOBS, AWAIT_STATE, BACK_UP_UNLESS_DONE),
    entry=ENTRY,
)
