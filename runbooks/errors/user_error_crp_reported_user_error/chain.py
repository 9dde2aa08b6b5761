"""The chain, as Microsoft documents it: read the error inside the failed job, and follow what is said of that one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from arm.facts.backup import Job
from arm.facts.collect import VmFacts
from arm.facts.times import iso

from ...catalogue import load
from ...classify import Classification, classify_job
from ...entry import Entry
from ...model import Cause, Decision, Diagnosis, Finding, Runbook, Situation, Standing
from ...shared import BACK_UP, FACTS, advise, basics, gone, not_protected, other_error, still_failing

ENTRY = load("user_error_crp_reported_user_error")
BACK = "back-up"
AROUND = timedelta(minutes=30)
"""How far from the job the activity log is looked through."""


def diagnose(situation: Situation) -> Diagnosis:
    """Find the error inside, and name its runbook; nothing is repaired for the wrapper itself."""
    facts, findings = situation.facts, basics(situation.facts)
    refused = not_protected(facts) or gone(facts)
    if refused is not None:
        return Diagnosis(Decision.REFUSE, refused[0], findings, refused[1])
    failed = facts.last_failed_job()
    if failed is None or not still_failing(facts, failed):
        last = "the last backup succeeded" if failed else "no backup failed in the last 30 days"
        return Diagnosis(Decision.NOTHING, last, findings)
    told = classify_job(failed)
    other = None if _wraps(failed, told) else other_error(failed, ENTRY, findings)
    if other is not None:
        return other
    if told.entry is not None and told.entry.id != ENTRY.id:
        return _unwrapped(facts, failed, told.entry, findings)
    return _unknown(situation, failed, told, findings)


def _wraps(failed: Job, told: Classification) -> bool:
    """Say whether the job shows the wrapper, whatever its message for programs says."""
    return told.wrapper is not None or ENTRY.describes(replace(failed, dynamic_message=""))


def _unwrapped(facts: VmFacts, failed: Job, inner: Entry, findings: tuple[Finding, ...]) -> Diagnosis:
    words = (f"the job says: {failed.dynamic_message}",)
    causes = (
        Cause("inner-error", f"the error inside is {inner.id}: {inner.title}", Standing.FOUND, words),
        Cause("unknown-inner-error", "the error inside is not known", Standing.RULED_OUT, (), words),
    )
    step = f"Run 'remediate {inner.id} --vm {facts.vm_id} --dry-run'."
    return advise(f"the error inside the job is {inner.id}", step, findings, *causes)


def _unknown(situation: Situation, failed: Job, told: Classification, findings: tuple[Finding, ...]) -> Diagnosis:
    facts = situation.facts
    shown = [failed.dynamic_message, *(f"{one.title} {one.text}".strip() for one in failed.errors)]
    words = " | ".join(dict.fromkeys(text for text in shown if text)) or "nothing"
    logged = _logged(facts, failed)
    found = (
        *findings,
        Finding("the job's own words", words),
        Finding("activity id", failed.activity_id or "the job names none"),
        *(Finding("activity log", one) for one in logged),
    )
    may_be = [one.id for one in told.candidates if one.id != ENTRY.id]
    evidence = (f"the job says: {words}", *logged)
    causes = (
        Cause("inner-error", "the error inside is one of the catalogue", Standing.POSSIBLE, tuple(may_be)),
        Cause("unknown-inner-error", "the error inside is not known", Standing.POSSIBLE, evidence),
    )
    if situation.choice == BACK:
        reason = "what the compute platform reported is said to be repaired"
        return Diagnosis(Decision.REPAIR, reason, found, causes=causes)
    ask = f"Open a case with Microsoft's support with the activity id {failed.activity_id}"
    step = f"{ask}; when it is repaired: --choose {BACK}."
    if may_be:
        step = f"It may be {' or '.join(may_be)}: run 'remediate explain' with the job's whole message. {step}"
    return advise("the error inside the job is not known, so nothing is tried", step, found, *causes)


def _logged(facts: VmFacts, failed: Job) -> tuple[str, ...]:
    """Return what failed on the VM around the time of the job, as its activity log tells."""
    if failed.started is None:
        return ()
    first, last = failed.started - AROUND, (failed.ended or failed.started) + AROUND
    return tuple(
        f"{iso(one.time)} {one.operation} {one.status} {one.detail}".strip()
        for one in facts.events()
        if one.time is not None and first <= one.time <= last and one.status.lower() == "failed"
    )


RUNBOOK = Runbook(
    code=ENTRY.id,
    title=ENTRY.title,
    facts=(*FACTS, "events"),
    also_reads=("recovery_points",),
    writes=("backups.trigger",),
    choices={BACK: "what the compute platform reported is repaired: back up, which proves it"},
    diagnose=diagnose,
    steps=(BACK_UP,),
    entry=ENTRY,
)
