"""What a runbook is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from arm.errors import UsageError

from .entry import Entry

if TYPE_CHECKING:  # what an error is called is known without importing how its VM is repaired
    from actions.change import Change, NoChange
    from arm.facts.collect import VmFacts


CHOOSE = "choose"
"""The name under which a choice is among a run's arguments."""


@dataclass(frozen=True)
class Finding:
    """One thing that was found, for people and programs."""

    label: str
    value: str


class Standing(str, Enum):
    """How sure it is that a cause is the one."""

    FOUND = "found"
    POSSIBLE = "possible"
    RULED_OUT = "ruled out"


@dataclass(frozen=True)
class Cause:
    """One cause that an error may have, with the evidence.

    Attributes:
        name: its name, the same for ever: lower case, words joined by dashes.
        summary: the cause in one line, for people.
        evidence: what speaks for it.
        against: what speaks against it.
    """

    name: str
    summary: str
    standing: Standing
    evidence: tuple[str, ...] = ()
    against: tuple[str, ...] = ()


class Decision(str, Enum):
    """What follows from a diagnosis.

    ``ADVISE``: only a human can do what is left, and the diagnosis says exactly what. ``CHOOSE``: there are several
    ways on, and a human has to choose one of the runbook's choices first.
    """

    REPAIR = "repair"
    NOTHING = "nothing to do"
    REFUSE = "refuse"
    ADVISE = "advise"
    CHOOSE = "choose"


@dataclass(frozen=True)
class Diagnosis:
    """What was found, what is the cause, and what follows.

    Attributes:
        reason: the cause, or why nothing is done.
        next_step: what the human does next, when nothing is repaired.
        causes: every cause that was looked at, with the evidence for and against it.
    """

    decision: Decision
    reason: str
    findings: tuple[Finding, ...]
    next_step: str = ""
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True)
class Wait:
    """Azure needs time: look again at ``until``, at the latest ``up_to`` after the step began."""

    reason: str
    up_to: timedelta
    until: datetime | None = None


@dataclass(frozen=True)
class GiveUp:
    """What a step has waited for has not happened in time: the run ends, not fixed, and a human goes on."""

    reason: str
    next_step: str


@dataclass(frozen=True)
class HandOver:
    """Only a human can go on from here: the run ends, and says exactly what is left to be done."""

    reason: str
    next_step: str


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
        said: what each script that has ended well inside the VM answered last, by its action.
        not_copied: locks whose copy could not be written onto the VM, by their ids for comparison, and why.
    """

    backups: Mapping[str, BackupResult]
    changed_at: datetime
    said: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    not_copied: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Situation:
    """What a diagnosis and a step look at: fresh facts, Azure's time, the run so far, and the operator's inputs.

    Attributes:
        inputs: values by the names in the runbook's ``inputs``, and under ``choose`` the choice, where given.
    """

    facts: VmFacts
    now: datetime
    progress: Progress
    inputs: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def at_first(cls, facts: VmFacts, inputs: Mapping[str, str] | None = None) -> Situation:
        """Return the situation before a run has done anything."""
        now = facts.azure_now
        return cls(facts, now, Progress({}, now), dict(inputs or {}))

    @property
    def choice(self) -> str:
        """What the operator has chosen; empty when nothing."""
        return self.inputs.get(CHOOSE, "")


StepEffects = Iterator["Change | NoChange | Wait | GiveUp | HandOver"]


@dataclass(frozen=True)
class Step:
    """One named step of a chain.

    Attributes:
        effects: yields the changes still needed, why none is, what to wait for, or that waiting was in vain.
        only_if: when it is not planned ahead: what must have happened before it is even considered.
        go_on: a failure here leads to the next step instead of ending the run.
        foreseen: a plan shows what it would change if it were needed, so that one approval can cover it.
    """

    name: str
    summary: str
    effects: Callable[[Situation], StepEffects]
    only_if: str = ""
    go_on: bool = False
    foreseen: bool = False


@dataclass(frozen=True)
class Runbook:
    """The chain for one error.

    Attributes:
        facts: names of the facts it looks at, read at the same time beforehand.
        writes: the operations it may plan, keys of :data:`arm.writes.OPERATIONS`.
        also_reads: names of facts it reads on some paths only.
        scripts: the scripts that it may run inside the VM.
        inputs: what the operator may tell it by ``--input NAME=VALUE``, with what each means.
        choices: what the operator may choose by ``--choose NAME``, with what each does.
        if_not_fixed: what a human does next when the backup at its end fails; ``None``: Azure's message says it.
        proof: it ends with a verification by a newer recovery point; only then can it say Fixed.
    """

    code: str
    title: str
    facts: tuple[str, ...]
    diagnose: Callable[[Situation], Diagnosis]
    steps: tuple[Step, ...]
    writes: tuple[str, ...] = ()
    also_reads: tuple[str, ...] = ()
    scripts: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    choices: Mapping[str, str] = field(default_factory=dict)
    if_not_fixed: Callable[[Situation], str] | None = None
    proof: bool = True
    entry: Entry | None = None

    def check_arguments(self, arguments: Mapping[str, str]) -> None:
        """Refuse inputs and choices that it does not know.

        Raises:
            UsageError: an unknown name; the error lists those there are.
        """
        for name, value in arguments.items():
            known = self.choices if name == CHOOSE else self.inputs
            word = value if name == CHOOSE else name
            if word not in known:
                what = "choice" if name == CHOOSE else "input"
                some = [f"{one}: {meaning}" for one, meaning in known.items()]
                raise UsageError(
                    f"{self.code} has no {what} {word!r}", "Use one of these." if some else "Leave it out.", some
                )

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
