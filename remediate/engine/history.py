"""What a run has done, read from its journal; nothing of it is kept anywhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from actions.change import Change
from actions.guest.run import SCRIPTS, run_command_of
from actions.tags import WRITE
from arm.facts.times import iso
from arm.ids import normal, same
from arm.operations import Operation
from runbooks.model import BackupResult, Progress

from ..journal.model import Journal, Record, Run
from .duties import owed

INTENT, ACCEPTED, JOB, OUTCOME = "intent", "accepted", "job", "outcome"
PARKED, VERDICT, REPAID = "parked", "verdict", "repaid"
CANCELLED = "cancelled"
"""A person has ended the run; whoever goes on with it settles and pays, and repairs nothing any more."""
CLEARED = "cleared"
"""A second look has shown that a script whose answer was lost has done its work."""
APPLIED, EXPECTED_FAILURE, FAILED, NOT_APPLIED = "applied", "expected failure", "failed", "not applied"
UNCLEAR, NOT_OFFERED = "unclear", "not offered"
"""Nobody can tell whether it took effect; Azure does not offer this operation here."""
CALLED_OFF = "the run was cancelled before its end was known"
"""The detail of a change in progress when its run was cancelled; nobody waits for its end."""
DONE = (APPLIED, EXPECTED_FAILURE)
REPAY = "repay"
"""The step name of what gives back a loan; it is in no chain."""


@dataclass(frozen=True)
class Sent:
    """One change as far as it got.

    Attributes:
        at: Azure's time just before it was sent, as the last answer had it; a process that stood still sent it later.
        operation: the accepted operation, when Azure named one.
        job: the backup job it started.
        result: how it ended, empty while that is open.
        said: what a script inside the VM answered.
        returned: what it made the run owe has been paid since: where the run goes on, it has to be made again.
        accepted: Azure's time just after it was known that Azure has taken it; never sent again since then.
        unseen: a process stopped while it was sent; it is not there now, which does not say that it never was.
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
    returned: bool = False
    accepted: datetime | None = None
    unseen: bool = False

    @property
    def changed(self) -> bool:
        """Whether it has changed something in order to repair: more than a look, and than clearing up behind it.

        What nobody knows the end of, or a script that failed on its way, may have: a proof has to be newer than that,
        and the loop breaker counts it.
        """
        if self.change.step == REPAY or not self.change.repairs:
            return False
        if self.change.operation in SCRIPTS:
            return self.result in (*DONE, UNCLEAR, FAILED) and (self.said or {}).get("needed") is not False
        return self.result in (*DONE, UNCLEAR)


class History:
    """The changes of a run, in order, built from its records.

    Attributes:
        called_off: a person has cancelled it.
        sent: every change that was to be sent, in order.
    """

    def __init__(self, run: Run, records: Sequence[Record]) -> None:
        self._run = run
        self.called_off = any(one.kind == CANCELLED for one in records)
        self._cleared = {str(one.data["fingerprint"]) for one in records if one.kind == CLEARED}
        self.sent = _fold(records)

    @classmethod
    def of(cls, run: Run, journal: Journal) -> History:
        """Read the history of a run."""
        return cls(run, journal.records(run.id))

    @property
    def unfinished(self) -> Sent | None:
        """The last change whose outcome is not known; a run that is stopped in one gives its loans back in others."""
        return next((sent for sent in reversed(self.sent) if not sent.result), None)

    @property
    def unclear(self) -> Sent | None:
        """The script whose answer was lost, as long as nobody has looked what it has done."""
        lost = (sent for sent in self.sent if sent.result == UNCLEAR and sent.change.repairs)
        return next((sent for sent in lost if sent.change.fingerprint not in self._cleared), None)

    def look_after(self, lost: Sent, check: Change) -> Sent | None:
        """Return the look at what a script has done whose answer was lost, when it has been taken since."""
        since = self.sent[[one.at for one in self.sent].index(lost.at) :]
        return next((one for one in since if _mark(one.change) == _mark(check) and one.result in DONE), None)

    def done(self, change: Change) -> bool:
        """Say whether exactly this change has been made in this run; a script may have been sent either way."""
        sent = (one for one in self.sent if not one.returned)
        made = (one.change for one in sent if one.result in DONE or one.change.fingerprint in self._cleared)
        return any(_mark(one) == _mark(change) for one in made)

    @property
    def progress(self) -> Progress:
        """Return what steps may know of the run."""
        backups: dict[str, BackupResult] = {}
        said: dict[str, Mapping[str, Any]] = {}
        not_copied: dict[str, str] = {}
        changed_at = self._run.started_at
        for sent in self.sent:
            if sent.change.action == WRITE and sent.result == FAILED:
                not_copied[normal(str(sent.change.body["lock"]))] = sent.detail
            if sent.said is not None and sent.result in DONE:
                said[sent.change.action] = {**sent.said, "at": iso(sent.ended or sent.at)}
            if sent.unseen and sent.change.repairs and sent.change.step != REPAY:
                changed_at = max(changed_at, sent.ended or sent.at)  # no proof is older than that, either
            if not sent.changed:
                continue  # giving back a loan repairs nothing: no recovery point has to be newer than that
            if sent.change.operation == "backups.trigger":
                backups[sent.change.step] = BackupResult(sent.at, sent.job, sent.job_status)
            else:
                changed_at = max(changed_at, sent.ended or sent.at)
        return Progress(backups, changed_at, said, not_copied)


def _mark(change: Change) -> str:
    """Return what two changes have in common that do the same: for scripts, the very text that is run."""
    if change.operation in SCRIPTS:
        return f"{change.step} {run_command_of(change).lower()}"
    return change.fingerprint


def _gave_back(change: Change, target: str) -> bool:
    """Say whether paying a duty has undone this change: a lock that was taken away, or its copy on the VM."""
    duty = owed(change, "", proof=True) if change.loan or change.action == WRITE else None
    return duty is not None and same(duty.target, target)


def _fold(records: Sequence[Record]) -> list[Sent]:
    sent: list[Sent] = []
    for record in records:
        data: Any = record.data
        if record.kind == INTENT:
            sent.append(Sent(Change.from_json(data["change"]), record.at))
            continue
        if record.kind == REPAID:
            sent = [replace(one, returned=True) if _gave_back(one.change, data["target"]) else one for one in sent]
        if record.kind not in (ACCEPTED, JOB, OUTCOME):
            continue
        index = max((at for at, one in enumerate(sent) if not one.result), default=-1)  # the last that has not ended
        last = sent[index]
        if record.kind == ACCEPTED:
            operation = Operation.from_json(data["operation"]) if data["operation"] else None
            sent[index] = replace(last, operation=operation, accepted=record.at)
        elif record.kind == JOB:
            sent[index] = replace(last, job=data["job"])
        else:
            sent[index] = replace(
                last,
                job=data.get("job") or last.job,
                result=data["result"],
                detail=data["detail"],
                job_status=data.get("job_status", ""),
                ended=record.at,
                said=data.get("said"),
                unseen=data.get("unseen", False),
            )
    return sent
