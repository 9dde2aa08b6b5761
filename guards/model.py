"""What a guard looks at and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from actions.change import Change
from arm.facts.collect import VmFacts
from arm.ids import normal


@dataclass(frozen=True)
class Refusal:
    """A guard's "no".

    Attributes:
        guard: the guard's name.
        saw: the evidence.
        next_step: what the human does next.
        passing: it goes away by itself (a job ends); a run in flight waits instead of giving up.
    """

    guard: str
    saw: str
    next_step: str
    passing: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the refusal for reports."""
        return {"guard": self.guard, "saw": self.saw, "next_step": self.next_step}


@dataclass(frozen=True)
class Guarded:
    """The situation in which a change is judged.

    Attributes:
        facts: facts of the VM.
        dry_run: nothing may be sent.
        repaying: the change gives back what a run took on loan; that is owed whatever else has changed.
        removed_locks: ids of locks that earlier changes of the same plan remove.
    """

    facts: VmFacts
    dry_run: bool = False
    repaying: bool = False
    removed_locks: frozenset[str] = field(default_factory=frozenset)

    def after(self, change: Change) -> Guarded:
        """Return the situation for the changes behind this one in a plan."""
        if change.operation != "locks.delete":
            return self
        return replace(self, removed_locks=self.removed_locks | {normal(change.target)})


Guard = Callable[[Change, Guarded], "Refusal | None"]
