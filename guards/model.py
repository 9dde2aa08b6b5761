"""What a guard looks at and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from actions.change import Change
from arm.facts.collect import VmFacts
from arm.ids import normal

from .memory import Memory


@dataclass(frozen=True)
class Refusal:
    """A guard's "no".

    Attributes:
        guard: the guard's name.
        saw: the evidence.
        next_step: what the human does next.
        passing: it goes away by itself (a job ends); a run in flight waits instead of giving up.
        lasting: that may take long; a run that has a lock on loan gives it back before it waits.
        until: Azure's time at which it goes away, where that is known.
    """

    guard: str
    saw: str
    next_step: str
    passing: bool = False
    lasting: bool = False
    until: datetime | None = None

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
        memory: what has happened before, and what is configured.
    """

    facts: VmFacts
    dry_run: bool = False
    repaying: bool = False
    removed_locks: frozenset[str] = field(default_factory=frozenset)
    memory: Memory = field(default_factory=Memory)

    def after(self, change: Change) -> Guarded:
        """Return the situation for the changes behind this one in a plan."""
        if change.operation != "locks.delete":
            return self
        return replace(self, removed_locks=self.removed_locks | {normal(change.target)})


Guard = Callable[[Change, Guarded], "Refusal | None"]
