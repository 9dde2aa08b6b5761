"""Runs, records, duties, leases, and the small interface that every store offers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from arm.errors import RemediationError
from arm.facts.times import iso, parse_time
from guards import Consent

OPEN, CLOSED = "open", "closed"


class JournalError(RemediationError):
    """The journal cannot be opened, read or written. Without it nothing is changed."""

    code = "Journal"
    exit_code = 2


class LeaseLost(RemediationError):
    """Another process works on this VM, or has worked on it since; nothing was written or sent."""

    code = "LeaseLost"
    exit_code = 3


def lease_lost() -> LeaseLost:
    """Return the error for a VM that somebody else works on."""
    return LeaseLost("another process is working on this VM", "Wait for it; 'remediate runs' shows what it does.")


@dataclass
class Run:
    """One runbook on one VM. It outlives the process.

    Attributes:
        endpoint: the Azure it runs against; a run is never resumed against another.
        runbook: error code, ``action:NAME`` or ``undo:RUN``.
        arguments: arguments of a single action.
        steps: names of its steps, pinned at the start.
        position: index of the step it is at.
        status: ``open`` until it has a final verdict.
        verdict: the last verdict, empty before the first.
        started_at: Azure's time when it started.
        next_check_at: Azure's time before which there is no use in looking again.
        consent: what the operator has accepted.
    """

    id: str
    endpoint: str
    vm_id: str
    runbook: str
    arguments: Mapping[str, str]
    steps: tuple[str, ...]
    started_at: datetime
    position: int = 0
    status: str = OPEN
    verdict: str = ""
    reason: str = ""
    next_check_at: datetime | None = None
    consent: Consent = field(default_factory=Consent)

    def to_json(self) -> dict[str, Any]:
        """Return the run for a store and for reports."""
        return {
            "id": self.id,
            "endpoint": self.endpoint,
            "vm_id": self.vm_id,
            "runbook": self.runbook,
            "arguments": dict(self.arguments),
            "steps": list(self.steps),
            "started_at": iso(self.started_at),
            "position": self.position,
            "status": self.status,
            "verdict": self.verdict,
            "reason": self.reason,
            "next_check_at": iso(self.next_check_at) if self.next_check_at else None,
            "consent": self.consent.to_json(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Run:
        """Return the run that :meth:`to_json` wrote."""
        started = parse_time(data["started_at"])
        if started is None:
            raise ValueError(f"run {data.get('id')} has no start time")
        return cls(
            id=data["id"],
            endpoint=data["endpoint"],
            vm_id=data["vm_id"],
            runbook=data["runbook"],
            arguments=dict(data["arguments"]),
            steps=tuple(data["steps"]),
            started_at=started,
            position=int(data["position"]),
            status=data["status"],
            verdict=data["verdict"],
            reason=data["reason"],
            next_check_at=parse_time(data["next_check_at"]),
            consent=Consent.from_json(data["consent"]),
        )


@dataclass(frozen=True)
class Record:
    """One line of a run's journal: what happened, when on Azure's clock, and its data."""

    run_id: str
    sequence: int
    kind: str
    at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Duty:
    """A debt of a run: this lock must exist again, or this run command must be removed.

    Attributes:
        target: id of the lock or run command.
        body: the lock as it was; empty for a run command.
    """

    run_id: str
    target: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Mark:
    """Something that guards remember beyond one run: the kill switch, an incident. There are never many.

    Attributes:
        topic: what kind of thing.
        key: which one of them; a second mark of the same topic and key replaces the first.
        at: when.
        data: the rest, as JSON has it.
    """

    topic: str
    key: str
    at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Held:
    """A lease as somebody holds it.

    Attributes:
        vm_id: the VM.
        owner: who holds it.
        fence: how often the lease has changed hands; whoever has a smaller number has lost it.
    """

    vm_id: str
    owner: str
    fence: int


class Journal(Protocol):
    """What every store offers. Each call is durable when it returns, and does all of its work or none.

    What is written for a run is written under the lease on its VM: the store compares the fence in the same
    transaction, and raises ``LeaseLost`` where somebody else has taken the lease since. Every call may raise
    ``JournalError``.
    """

    off_machine: bool
    """Whether the journal outlives this machine."""

    def create(self, run: Run, held: Held) -> None:
        """Add a run; ``LeaseLost`` as above."""

    def save(self, run: Run, held: Held) -> None:
        """Write a run's current state; ``LeaseLost`` as above."""

    def run(self, run_id: str) -> Run | None:
        """Return a run by its id, or by a beginning of it that only one has; ``None`` for an empty text."""

    def runs(self, limit: int, vm_id: str = "") -> Sequence[Run]:
        """Return the newest runs first; those of one VM when given."""

    def open_runs(self, vm_id: str = "") -> Sequence[Run]:
        """Return the runs without a final verdict, oldest first; those of one VM when given."""

    def append(self, run_id: str, kind: str, at: datetime, data: Mapping[str, Any], held: Held) -> None:
        """Add a record; ``LeaseLost`` as above."""

    def records(self, run_id: str) -> Sequence[Record]:
        """Return a run's records in order."""

    def add_duty(self, duty: Duty, held: Held) -> None:
        """Record a debt; one that is there already stays as it is, one that was repaid stands again."""

    def duties(self, run_id: str) -> Sequence[Duty]:
        """Return the unpaid debts of a run."""

    def repaid(self, duty: Duty, held: Held) -> None:
        """Strike a debt off; ``LeaseLost`` as above."""

    def mark(self, mark: Mark) -> None:
        """Set a mark; one of the same topic and key is replaced."""

    def marks(self, topic: str, since: datetime | None = None) -> Sequence[Mark]:
        """Return the marks of a topic, by key; only those of ``since`` or later when given."""

    def unmark(self, topic: str, key: str) -> None:
        """Remove a mark, if it is there."""

    def acquire(
        self, vm_id: str, owner: str, now: datetime, seconds: float, abandoned: Callable[[str], bool]
    ) -> Held | None:
        """Take or renew the lease on a VM.

        Args:
            vm_id: the VM.
            owner: who wants it.
            now: the host's time; a store with a clock of its own goes by that.
            seconds: how long it holds when it is not renewed.
            abandoned: says of another owner whose time is not over that it is known to be gone.

        Returns:
            The lease; ``None`` when another owner holds it.
        """

    def check(self, held: Held) -> None:
        """Raise ``LeaseLost`` when somebody else has taken the lease since; else do nothing."""

    def release(self, held: Held) -> None:
        """Give the lease back; one that was lost stays with whoever has it."""

    def prune(self, before: datetime) -> int:
        """Remove the runs that are over and began earlier, with their records and paid debts.

        A run that is open, or that still owes something, stays. So do marks.

        Returns:
            How many runs were removed.
        """

    def close(self) -> None:
        """Close the store."""
