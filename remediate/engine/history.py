"""What a run has done, read from its journal; nothing of it is kept anywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from actions.change import Change
from arm.operations import Operation
from runbooks.model import BackupResult, Progress

from ..journal.model import Journal, Record, Run

INTENT, ACCEPTED, JOB, OUTCOME = "intent", "accepted", "job", "outcome"
PARKED, VERDICT, REPAID = "parked", "verdict", "repaid"
APPLIED, EXPECTED_FAILURE, FAILED, NOT_APPLIED = "applied", "expected failure", "failed", "not applied"
DONE = (APPLIED, EXPECTED_FAILURE)
REPAY = "repay"
"""The step name of what gives back a loan; it is in no chain."""


@dataclass(frozen=True)
class Sent:
    """One change as far as it got.

    Attributes:
        at: Azure's time just before it was sent.
        operation: the accepted operation, when Azure named one.
        job: the backup job it started.
        result: how it ended, empty while that is open.
    """

    change: Change
    at: datetime
    operation: Operation | None = None
    job: str = ""
    result: str = ""
    detail: str = ""
    job_status: str = ""
    ended: datetime | None = None


class History:
    """The changes of a run, in order, built from its records."""

    def __init__(self, run: Run, records: Sequence[Record]) -> None:
        self._run = run
        self.sent = _fold(records)

    @classmethod
    def of(cls, run: Run, journal: Journal) -> History:
        """Read the history of a run."""
        return cls(run, journal.records(run.id))

    @property
    def unfinished(self) -> Sent | None:
        """The change whose outcome is not known; there is at most one, the last."""
        return next((sent for sent in self.sent if not sent.result), None)

    def done(self, change: Change) -> bool:
        """Say whether exactly this change has been made in this run."""
        return any(sent.result in DONE and sent.change.fingerprint == change.fingerprint for sent in self.sent)

    @property
    def progress(self) -> Progress:
        """Return what steps may know of the run."""
        backups: dict[str, BackupResult] = {}
        changed_at = self._run.started_at
        for sent in self.sent:
            if sent.result not in DONE or sent.change.step == REPAY:
                continue  # giving back a loan repairs nothing: no recovery point has to be newer than that
            if sent.change.operation == "backups.trigger":
                backups[sent.change.step] = BackupResult(sent.at, sent.job, sent.job_status)
            else:
                changed_at = max(changed_at, sent.ended or sent.at)
        return Progress(backups, changed_at)


def _fold(records: Sequence[Record]) -> list[Sent]:
    sent: list[Sent] = []
    for record in records:
        data: Any = record.data
        if record.kind == INTENT:
            sent.append(Sent(Change.from_json(data["change"]), record.at))
            continue
        if record.kind not in (ACCEPTED, JOB, OUTCOME):
            continue
        last = sent[-1]
        if record.kind == ACCEPTED:
            operation = Operation.from_json(data["operation"]) if data["operation"] else None
            sent[-1] = Sent(last.change, last.at, operation)
        elif record.kind == JOB:
            sent[-1] = Sent(last.change, last.at, last.operation, data["job"])
        else:
            sent[-1] = Sent(
                last.change,
                last.at,
                last.operation,
                data.get("job") or last.job,
                data["result"],
                data["detail"],
                data.get("job_status", ""),
                record.at,
            )
    return sent
