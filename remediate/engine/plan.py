"""Plans: what a run would change from where it stands, judged by every guard, without sending anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from actions.change import Change, Impact, NoChange, plan_digest
from arm.facts.times import spoken
from guards import Consent, Guarded, Refusal, missing_approval, review
from runbooks.model import GiveUp, Runbook, Situation, Step, Wait


@dataclass(frozen=True)
class PlannedStep:
    """One step of a plan.

    Attributes:
        notes: why nothing has to be changed.
        wait: what is waited for, and how long at the most.
        only_if: the step is not planned ahead; this must have happened first.
        given_up: what it has waited for has not happened in time.
    """

    name: str
    summary: str
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    wait: str = ""
    only_if: str = ""
    until: datetime | None = None
    given_up: GiveUp | None = None


@dataclass(frozen=True)
class Plan:
    """What would be changed, in order, and what the guards say to it.

    Attributes:
        subject: runbook and VM, as the digest names them.
        refusals: one for each change that a guard refuses.
        missing: changes whose impact has not been accepted.
    """

    subject: str
    steps: tuple[PlannedStep, ...]
    refusals: tuple[Refusal, ...]
    missing: tuple[tuple[Change, Impact], ...]

    @property
    def changes(self) -> tuple[Change, ...]:
        """Every change of the plan, in order."""
        return tuple(change for step in self.steps for change in step.changes)

    @property
    def digest(self) -> str:
        """What an approval of this plan is bound to."""
        return plan_digest(self.subject, self.changes)

    def approval(self) -> Consent:
        """Return the consent that an approval of this very plan gives."""
        return Consent(approved=frozenset(change.fingerprint for change in self.changes))


def planned_step(step: Step, situation: Situation) -> PlannedStep:
    """Run a step's generator and collect what it wants."""
    changes: list[Change] = []
    notes: list[str] = []
    wait, until, given_up = "", None, None
    for effect in step.effects(situation):
        if isinstance(effect, Change):
            changes.append(effect.in_step(step.name))
        elif isinstance(effect, NoChange):
            notes.append(effect.reason)
        elif isinstance(effect, GiveUp):
            given_up = effect
        else:
            wait, until = _spoken_wait(effect), effect.until
    return PlannedStep(step.name, step.summary, tuple(changes), tuple(notes), wait, until=until, given_up=given_up)


def _spoken_wait(wait: Wait) -> str:
    return f"{wait.reason}; up to {spoken(wait.up_to)}"


def not_accepted(change: Change) -> str:
    """Return the sentence that says what an operator has not accepted."""
    impact = "" if change.impact is Impact.NONE else f"; its impact is {change.impact.value}"
    return f"nobody has accepted yet to {change.summary}{impact}"


def judge(
    changes: Sequence[Change],
    guarded: Guarded,
    counts: Callable[[Change, Refusal], bool] = lambda _change, _refusal: True,
) -> tuple[Refusal, ...]:
    """Return the guards' refusals of changes that would be sent one after the other.

    Args:
        changes: in order.
        guarded: the situation before the first.
        counts: says whether a refusal counts already now; each change is judged again right before it is sent.
    """
    refusals = []
    for change in changes:
        refusal = review(change, guarded)
        if refusal is not None and refusal not in refusals and counts(change, refusal):
            refusals.append(refusal)
        guarded = guarded.after(change)
    return tuple(refusals)


def make_plan(
    runbook: Runbook, names: Sequence[str], situation: Situation, consent: Consent, *, dry_run: bool = False
) -> Plan:
    """Plan the steps of the given names.

    A step with ``only_if`` is planned only when it is the first one; before that it is announced. What passes by
    itself (a job in progress) refuses no change that comes only after a wait.

    Args:
        runbook: the chain.
        names: the steps still ahead, in order.
        situation: fresh facts and the run so far.
        consent: what has been accepted.
        dry_run: nothing will be sent.
    """
    steps: list[PlannedStep] = []
    waits = len(names)
    for index, name in enumerate(names):
        step = runbook.step(name)
        if step.only_if and index:
            steps.append(PlannedStep(step.name, step.summary, only_if=step.only_if))
        else:
            steps.append(planned_step(step, situation))
            waits = min(waits, index) if steps[-1].until is not None else waits
    changes = [change for step in steps for change in step.changes]
    missing = [(change, impact) for change in changes if (impact := missing_approval(change, consent)) is not None]
    guarded = Guarded(situation.facts, dry_run=dry_run)
    now = {change.fingerprint for step in steps[:waits] for change in step.changes}
    refusals = judge(changes, guarded, lambda change, refusal: change.fingerprint in now or not refusal.passing)
    return Plan(
        subject=f"{runbook.code} {situation.facts.vm_id}",
        steps=tuple(steps),
        refusals=refusals,
        missing=tuple(missing),
    )
