"""What a runbook is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING

from arm.errors import UsageError

from .entry import Entry

if TYPE_CHECKING:  # what an error is called is known without importing how its VM is repaired
    from actions.change import Change, NoChange
    from arm.facts.collect import VmFacts


@dataclass(frozen=True)
class Finding:
    """One thing that was found, for people and programs."""

    label: str
    value: str


class Decision(str, Enum):
    """What follows from a diagnosis."""

    REPAIR = "repair"
    NOTHING = "nothing to do"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Diagnosis:
    """What was found, what is the cause, and what follows.

    Attributes:
        reason: the cause, or why nothing is done.
        next_step: what the human does next, when it is refused.
    """

    decision: Decision
    reason: str
    findings: tuple[Finding, ...]
    next_step: str = ""


@dataclass(frozen=True)
class Wait:
    """Azure needs time: look again at ``until``, at the latest ``up_to`` after the step began."""

    reason: str
    up_to: timedelta
    until: datetime | None = None


@dataclass(frozen=True)
class BackupResult:
    """How a backup that a step started has ended: its job, and the job's status in Azure's words."""

    started: datetime
    job: str
    status: str

    @property
    def completed(self) -> bool:
        """Whether it succeeded; ``CompletedWithWarnings`` is not success."""
        return self.status == "Completed"


@dataclass(frozen=True)
class Progress:
    """What the run has done so far, as its journal tells.

    Attributes:
        backups: the backups started, by step.
        changed_at: Azure's time of the last change that was no backup; the run's start before there is one.
    """

    backups: Mapping[str, BackupResult]
    changed_at: datetime


@dataclass(frozen=True)
class Situation:
    """What a step looks at: fresh facts, Azure's time, and the run so far."""

    facts: VmFacts
    now: datetime
    progress: Progress


StepEffects = Iterator["Change | NoChange | Wait"]


@dataclass(frozen=True)
class Step:
    """One named step of a chain.

    Attributes:
        effects: yields the changes still needed, why none is, or what to wait for.
        only_if: when it is not planned ahead: what must have happened before it is even considered.
        go_on: a failure here leads to the next step instead of ending the run.
    """

    name: str
    summary: str
    effects: Callable[[Situation], StepEffects]
    only_if: str = ""
    go_on: bool = False


@dataclass(frozen=True)
class Runbook:
    """The chain for one error.

    Attributes:
        facts: names of the facts it looks at, read at the same time beforehand.
        proof: it ends with a verification by a newer recovery point; only then can it say Fixed.
    """

    code: str
    title: str
    facts: tuple[str, ...]
    diagnose: Callable[[VmFacts], Diagnosis]
    steps: tuple[Step, ...]
    proof: bool = True
    entry: Entry | None = None

    def step(self, name: str) -> Step:
        """Return a step by its name, as a run has pinned it.

        Raises:
            UsageError: this version has no such step; the run was begun by another one.
        """
        for step in self.steps:
            if step.name == name:
                return step
        raise UsageError(
            f"{self.code} has no step {name!r} in this version",
            "Go on with the version of this software that began the run.",
        )
