"""Plans: what a run would change from where it stands, judged by every guard, without sending anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from actions.change import Change, Impact, NoChange, plan_digest
from actions.guest.run import REMOVE, SCRIPTS, run_command_of
from arm.facts.times import spoken
from arm.ids import normal
from guards import Consent, Guarded, Memory, Refusal, missing_approval, review
from runbooks.model import GiveUp, HandOver, Runbook, Situation, Step, Wait


@dataclass(frozen=True)
class PlannedStep:
    """One step of a plan.

    Attributes:
        notes: why nothing has to be changed.
        wait: what is waited for, and how long at the most.
        only_if: the step is not planned ahead; this must have happened first.
        given_up: what it has waited for has not happened in time, or only a human can go on.
        foreseen: what it would change if it were needed; an approval of the plan covers it, ``--yes`` does not ask yet.
    """

    name: str
    summary: str
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    wait: str = ""
    only_if: str = ""
    until: datetime | None = None
    given_up: GiveUp | HandOver | None = None
    foreseen: tuple[Change, ...] = ()


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
    def approvable(self) -> tuple[Change, ...]:
        """Every change that an approval of this plan covers: also those that may turn out to be needed."""
        return tuple(change for step in self.steps for change in (*step.changes, *step.foreseen))

    @property
    def digest(self) -> str:
        """What an approval of this plan is bound to."""
        return plan_digest(self.subject, self.approvable)

    def approval(self) -> Consent:
        """Return the consent that an approval of this very plan gives."""
        return Consent(approved=frozenset(change.fingerprint for change in self.approvable))


def planned_step(step: Step, situation: Situation) -> PlannedStep:
    """Run a step's generator and collect what it wants."""
    changes: list[Change] = []
    notes: list[str] = []
    wait, until = "", None
    given_up: GiveUp | HandOver | None = None
    for effect in step.effects(situation):
        if isinstance(effect, Change):
            changes.append(effect.in_step(step.name))
        elif isinstance(effect, NoChange):
            notes.append(effect.reason)
        elif isinstance(effect, (GiveUp, HandOver)):
            given_up = effect
        else:
            wait, until = _spoken_wait(effect), effect.until
    return PlannedStep(step.name, step.summary, tuple(changes), tuple(notes), wait, until=until, given_up=given_up)


def still_to_make(changes: Sequence[Change], done: Callable[[Change], bool]) -> tuple[Change, ...]:
    """Return the changes of a step that a run has not made.

    Its own script's run command, which could not be removed at once, is a duty of the run, not a step of it.
    """
    ran = {normal(run_command_of(one)) for one in changes if one.operation in SCRIPTS and done(one)}
    return tuple(one for one in changes if not done(one) and not (one.action == REMOVE and normal(one.target) in ran))


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
    runbook: Runbook,
    names: Sequence[str],
    situation: Situation,
    consent: Consent,
    *,
    dry_run: bool = False,
    done: Callable[[Change], bool] = lambda _change: False,
    memory: Memory | None = None,
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
        done: says whether exactly this change has been made in this run; it is not planned again.
        memory: what has happened before; nothing is remembered without it.
    """
    steps: list[PlannedStep] = []
    waits = len(names)
    for index, name in enumerate(names):
        step = runbook.step(name)
        if step.only_if and index:
            foreseen = planned_step(step, situation).changes if step.foreseen else ()
            steps.append(PlannedStep(step.name, step.summary, only_if=step.only_if, foreseen=foreseen))
        else:
            planned = planned_step(step, situation)
            steps.append(replace(planned, changes=still_to_make(planned.changes, done)))
            waits = min(waits, index) if steps[-1].until is not None else waits
    changes = [change for step in steps for change in step.changes]
    missing = [(change, impact) for change in changes if (impact := missing_approval(change, consent)) is not None]
    guarded = Guarded(situation.facts, dry_run=dry_run, memory=memory or Memory())
    now = {change.fingerprint for step in steps[:waits] for change in step.changes}
    refusals = judge(changes, guarded, lambda change, refusal: change.fingerprint in now or not refusal.passing)
    return Plan(
        subject=f"{runbook.code} {situation.facts.vm_id}",
        steps=tuple(steps),
        refusals=refusals,
        missing=tuple(missing),
    )
