"""What a run has done, read from its journal; nothing of it is kept anywhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from actions.change import Change
from actions.guest.run import SCRIPTS, run_command_of
from arm.facts.times import iso
from arm.operations import Operation
from runbooks.model import BackupResult, Progress

from ..journal.model import Journal, Record, Run

INTENT, ACCEPTED, JOB, OUTCOME = "intent", "accepted", "job", "outcome"
PARKED, VERDICT, REPAID = "parked", "verdict", "repaid"
CLEARED = "cleared"
"""A second look has shown that a script whose answer was lost has done its work."""
APPLIED, EXPECTED_FAILURE, FAILED, NOT_APPLIED = "applied", "expected failure", "failed", "not applied"
UNCLEAR, NOT_OFFERED = "unclear", "not offered"
"""Nobody can tell whether it took effect; Azure does not offer this operation here."""
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
        said: what a script inside the VM answered.
    """

    change: Change
    at: datetime
    operation: Operation | None = None
    job: str = ""
    result: str = ""
    detail: str = ""
    job_status: str = ""
    ended: datetime | None = None
    said: Mapping[str, Any] | None = None

    @property
    def changed(self) -> bool:
        """Whether it has changed something in order to repair: more than a look, and than clearing up behind it.

        A script that nobody knows the end of, or that failed on its way, may have: a proof has to be newer than that.
        """
        if self.change.step == REPAY or not self.change.repairs:
            return False
        if self.change.operation in SCRIPTS:
            return self.result in (*DONE, UNCLEAR, FAILED) and (self.said or {}).get("needed") is not False
        return self.result in DONE


class History:
    """The changes of a run, in order, built from its records."""

    def __init__(self, run: Run, records: Sequence[Record]) -> None:
        self._run = run
        self._cleared = {str(one.data["fingerprint"]) for one in records if one.kind == CLEARED}
        self.sent = _fold(records)

    @classmethod
    def of(cls, run: Run, journal: Journal) -> History:
        """Read the history of a run."""
        return cls(run, journal.records(run.id))

    @property
    def unfinished(self) -> Sent | None:
        """The change whose outcome is not known; there is at most one, the last."""
        return next((sent for sent in self.sent if not sent.result), None)

    @property
    def unclear(self) -> Sent | None:
        """The script whose answer was lost, as long as nobody has looked what it has done."""
        lost = (sent for sent in self.sent if sent.result == UNCLEAR and sent.change.repairs)
        return next((sent for sent in lost if sent.change.fingerprint not in self._cleared), None)

    def done(self, change: Change) -> bool:
        """Say whether exactly this change has been made in this run; a script may have been sent either way."""
        made = (one.change for one in self.sent if one.result in DONE or one.change.fingerprint in self._cleared)
        return any(_mark(one) == _mark(change) for one in made)

    @property
    def progress(self) -> Progress:
        """Return what steps may know of the run."""
        backups: dict[str, BackupResult] = {}
        said: dict[str, Mapping[str, Any]] = {}
        changed_at = self._run.started_at
        for sent in self.sent:
            if sent.said is not None and sent.result in DONE:
                said[sent.change.action] = {**sent.said, "at": iso(sent.ended or sent.at)}
            if not sent.changed:
                continue  # giving back a loan repairs nothing: no recovery point has to be newer than that
            if sent.change.operation == "backups.trigger":
                backups[sent.change.step] = BackupResult(sent.at, sent.job, sent.job_status)
            else:
                changed_at = max(changed_at, sent.ended or sent.at)
        return Progress(backups, changed_at, said)


def _mark(change: Change) -> str:
    """Return what two changes have in common that do the same: for scripts, the very text that is run."""
    if change.operation in SCRIPTS:
        return f"{change.step} {run_command_of(change).lower()}"
    return change.fingerprint


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
                data.get("said"),
            )
    return sent
