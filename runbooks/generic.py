"""The runbook of an error that has no chain: it collects facts, says what Microsoft documents, and changes nothing."""

from __future__ import annotations

from arm.facts.collect import VmFacts

from .classify import classify_job
from .entry import Entry
from .model import Cause, Decision, Diagnosis, Runbook, Situation, Standing
from .shared import FACTS, basics, still_failing


def generic(entry: Entry) -> Runbook:
    """Return the runbook for an error without a chain: every documented cause is possible, a human goes on."""
    return Runbook(
        code=entry.id,
        title=entry.title,
        facts=FACTS,
        diagnose=lambda situation: _diagnose(entry, situation),
        steps=(),
        proof=False,
        entry=entry,
    )


def _diagnose(entry: Entry, situation: Situation) -> Diagnosis:
    facts = situation.facts
    well, against = _backed_up(entry, facts), _against(entry, facts)
    evidence = tuple(text for text in (well, against) if text)
    causes = tuple(
        Cause(f"documented-{number}", text, Standing.POSSIBLE, (), evidence)
        for number, text in enumerate(entry.causes, 1)
    )
    if well:
        return Diagnosis(Decision.NOTHING, well, basics(facts), causes=causes)
    steps = " ".join(f"({number}) {step}" for number, step in enumerate(entry.documented_steps, 1))
    reason = f"{entry.title.rstrip('.')}: only a human can go on, nothing is changed"
    reason = f"{reason}; but {against}" if against else reason
    return Diagnosis(Decision.ADVISE, reason, basics(facts), f"Microsoft: {steps}", causes)


def _backed_up(entry: Entry, facts: VmFacts) -> str:
    """Return why the VM's backups need nothing, or an empty text."""
    item, failed = facts.item(), facts.last_failed_job()
    if entry.operation != "backup" or item is None or item.last_recovery_point is None:
        return ""
    if failed is None:
        return "no backup failed in the last 30 days"
    return "" if still_failing(facts, failed) else "the last backup succeeded"


def _against(entry: Entry, facts: VmFacts) -> str:
    """Return with which other error the last backup failed, or an empty text."""
    failed = facts.last_failed_job()
    if entry.operation != "backup" or failed is None:
        return ""
    other = classify_job(failed).entry
    return f"the last backup failed with {other.id}" if other is not None and other.id != entry.id else ""
