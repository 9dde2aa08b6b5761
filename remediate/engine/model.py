"""What the engine gives back, and what it tells while it works."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from guards import Refusal


class Verdict(str, Enum):
    """How a run ended, or stands."""

    FIXED = "Fixed"
    NOTHING_TO_DO = "NothingToDo"
    PLANNED = "Planned"
    APPLIED = "Applied"
    PENDING = "Pending"
    NOT_FIXED = "NotFixed"
    INCONCLUSIVE = "Inconclusive"
    REFUSED = "Refused"
    NEEDS_APPROVAL = "NeedsApproval"
    NEEDS_CHOICE = "NeedsChoice"
    NEEDS_HUMAN = "NeedsHuman"

    @property
    def exit_code(self) -> int:
        """Exit status of the command line."""
        return _EXIT_CODES[self]

    @property
    def final(self) -> bool:
        """Whether the run is over."""
        return self not in (Verdict.PENDING, Verdict.NEEDS_APPROVAL)


_EXIT_CODES = {
    Verdict.FIXED: 0,
    Verdict.NOTHING_TO_DO: 0,
    Verdict.PLANNED: 0,
    Verdict.APPLIED: 0,
    Verdict.NOT_FIXED: 1,
    Verdict.INCONCLUSIVE: 1,
    Verdict.REFUSED: 3,
    Verdict.NEEDS_APPROVAL: 4,
    Verdict.NEEDS_CHOICE: 4,
    Verdict.NEEDS_HUMAN: 4,
    Verdict.PENDING: 5,
}


@dataclass(frozen=True)
class Proof:
    """Why a verdict of Fixed is true: a completed job, and a recovery point newer than the repair."""

    recovery_point: str
    recovery_point_time: datetime
    newer_than: datetime
    job: str


@dataclass(frozen=True)
class Stand:
    """Where a run stands: a verdict with its reason.

    Attributes:
        until: for Pending: Azure's time at which to look again.
        refusal: for Refused: the guard's own words.
    """

    verdict: Verdict
    reason: str
    next_step: str = ""
    until: datetime | None = None
    refusal: Refusal | None = None
    proof: Proof | None = None


@dataclass(frozen=True)
class Event:
    """Something that happened, for progress and logs."""

    kind: str
    text: str
    data: Mapping[str, Any] = field(default_factory=dict)


Tell = Callable[[Event], None]
