"""A lock goes on loan only with a copy somewhere else than on this machine, or where somebody has approved without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from actions.change import Change, Undo
from actions.tags import note_loan, why_no_copy
from arm.ids import normal
from runbooks.model import Runbook, Situation, StepEffects

_Effects = Callable[[Situation], StepEffects]


def keeping_copies(runbook: Runbook, kept_in: str) -> Runbook:
    """Return a runbook that writes a copy of every lock onto the VM, as tags, before it takes the lock on loan.

    Where that cannot be, the removal of the lock says so, and wants an approval that was given for just that.

    Args:
        runbook: a chain; a single action takes nothing on loan, and stays as it is.
        kept_in: the journal, where it is on this machine and would be lost with it; empty where it is not.
    """
    if not kept_in or not runbook.proof:
        return runbook
    return replace(
        runbook, steps=tuple(replace(step, effects=_with_copies(step.effects, kept_in)) for step in runbook.steps)
    )


def _with_copies(effects: _Effects, kept_in: str) -> _Effects:
    def step(situation: Situation) -> StepEffects:
        for effect in effects(situation):
            if isinstance(effect, Change) and effect.loan and effect.undo is not None:
                yield from _on_loan(situation, effect, effect.undo, kept_in)
            else:
                yield effect

    return step


def _on_loan(situation: Situation, change: Change, undo: Undo, kept_in: str) -> StepEffects:
    failed = situation.progress.not_copied.get(normal(undo.target), "")
    why = failed or why_no_copy(situation.facts, undo)
    if not why:
        yield note_loan(situation.facts, undo)
        yield change
        return
    yield replace(
        change,
        before={**(change.before or {}), "its only copy": "in the journal"},
        reason=f"{change.reason}. Its only copy will be in {kept_in}, as no tag can be written on the VM: {why}",
    )
