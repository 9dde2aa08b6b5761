"""Whether a run is begun: what the diagnosis says, what the plan says, and what has been accepted."""

from __future__ import annotations

from actions.change import Impact
from guards import Consent, Refusal
from runbooks.model import Decision, Diagnosis

from ..accepted import Accepted
from .drive import consent_of
from .model import Stand, Verdict
from .plan import Plan, not_accepted


def without_repair(diagnosis: Diagnosis) -> Stand | Consent | None:
    """Return where a run stands that the diagnosis ends before it begins, ``None`` when something is to be repaired."""
    if diagnosis.decision is Decision.NOTHING:
        return Stand(Verdict.NOTHING_TO_DO, diagnosis.reason, diagnosis.next_step)
    if diagnosis.decision is Decision.ADVISE:
        return Stand(Verdict.NEEDS_HUMAN, diagnosis.reason, diagnosis.next_step)
    if diagnosis.decision is Decision.CHOOSE:
        return Stand(Verdict.NEEDS_CHOICE, diagnosis.reason, diagnosis.next_step)
    if diagnosis.decision is Decision.REFUSE:
        return refused(Refusal("diagnosis", diagnosis.reason, diagnosis.next_step))
    return None


def decide(plan: Plan, accepted: Accepted, *, dry_run: bool) -> Stand | Consent:
    """Return the consent under which a plan is carried out, or where it stands when it is not.

    It is not when a guard refuses, nothing needs changing, it is only shown, it is not the plan that was read, or
    something in it has not been accepted.
    """
    if plan.refusals:
        return refused(plan.refusals[0])
    if not plan.changes:
        return Stand(Verdict.NOTHING_TO_DO, "; ".join(note for step in plan.steps for note in step.notes))
    if dry_run:
        safe = all(impact is Impact.NONE for _, impact in plan.missing)
        accept = "--yes" if safe else f"--approve {plan.digest}"
        return Stand(Verdict.PLANNED, "nothing was changed", f"Carry it out with {accept} instead of --dry-run.")
    consent = consent_of(plan, yes=accepted.yes, approve=accepted.approve)
    if isinstance(consent, Refusal):
        return refused(consent)
    if accepted.expect and accepted.expect != plan.digest:
        saw = (
            f"the plan in the file is {accepted.expect}, but the plan now is {plan.digest}: something has changed since"
        )
        return refused(Refusal("approval", saw, "Make a new plan with --plan-out and read it."))
    missing = [(change, impact) for change, impact in plan.missing if change.fingerprint not in consent.approved]
    if missing:
        only_safe = all(impact is Impact.NONE for _, impact in missing)
        accept = "Run again with --yes" if only_safe else f"Read the plan, then run again with --approve {plan.digest}"
        return Stand(Verdict.NEEDS_APPROVAL, not_accepted(missing[0][0]), f"{accept}.")
    return consent


def refused(refusal: Refusal) -> Stand:
    """Return where a run stands that a guard refuses."""
    return Stand(Verdict.REFUSED, refusal.saw, refusal.next_step, refusal=refusal)
