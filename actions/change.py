"""A change: one write that would be sent, as data; printed, digested, journaled, sent and reported as one object."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from typing import Any

from arm.ids import normal
from arm.writes import OPERATIONS

Json = dict[str, Any]


class Impact(str, Enum):
    """What a change can do to somebody. Everything but ``NONE`` needs an approval that names it."""

    NONE = "none"
    SECURITY = "security"
    DISRUPTIVE = "disruptive"
    DESTRUCTIVE = "destructive"


@dataclass(frozen=True)
class Undo:
    """How a change is taken back: another write, as data."""

    action: str
    operation: str
    target: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """One write that would be sent.

    Attributes:
        action: the verb that wants it, such as ``remove_lock``.
        operation: the write, a key of :data:`arm.writes.OPERATIONS`.
        target: ARM id of what is written to.
        summary: one line for people.
        reason: why it is needed.
        before: the state that is replaced, as far as it matters.
        after: the state that is wanted.
        impact: what it can do to somebody.
        body: the operation's arguments.
        undo: how it is taken back; ``None`` when it cannot be, or need not be.
        loan: what it takes away must be given back at the end of the run (a lock outside the service's own groups).
        may_fail_with: error code with which the started backup job is expected to fail; documented by Microsoft.
        repairs: ``False`` for what repairs nothing: a look inside the VM, or clearing up behind it.
        stands_for: fingerprint of the change that it does in another way; what approves that one approves it.
        step: the step of the run it belongs to; set by the engine.
    """

    action: str
    operation: str
    target: str
    summary: str
    reason: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    impact: Impact = Impact.NONE
    body: Mapping[str, Any] = field(default_factory=dict)
    undo: Undo | None = None
    loan: bool = False
    may_fail_with: str = ""
    repairs: bool = True
    stands_for: str = ""
    step: str = ""

    @property
    def method(self) -> str:
        """HTTP method of the write."""
        return OPERATIONS[self.operation].method

    @property
    def path(self) -> str:
        """Path the write goes to."""
        return OPERATIONS[self.operation].path(self.target)

    @property
    def permissions(self) -> tuple[str, ...]:
        """RBAC actions the write needs."""
        return OPERATIONS[self.operation].permissions

    @property
    def fingerprint(self) -> str:
        """Identity of exactly this change in exactly this step; approvals hold for it and nothing else."""
        if self.stands_for:
            return self.stands_for
        what = [self.step, self.action, self.operation, normal(self.target), self.before, self.after, self.impact.value]
        return _digest([*what, dict(self.body)])

    def in_step(self, step: str) -> Change:
        """Return the change as part of a step."""
        return replace(self, step=step)

    def to_json(self) -> Json:
        """Return the change for the journal, the plan file and reports."""
        data = asdict(self)
        data["impact"] = self.impact.value
        data["method"], data["path"] = self.method, self.path
        data["permissions"], data["fingerprint"] = list(self.permissions), self.fingerprint
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Change:
        """Return the change that :meth:`to_json` wrote."""
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        known["impact"] = Impact(known["impact"])
        known["undo"] = Undo(**known["undo"]) if known.get("undo") else None
        return cls(**known)


@dataclass(frozen=True)
class NoChange:
    """Why nothing has to be changed."""

    reason: str


Effects = Iterator["Change | NoChange"]
"""What an action is: a generator of the changes still needed, or of the reason why none is."""


def plan_digest(subject: str, changes: Sequence[Change]) -> str:
    """Return the digest that an approval is bound to.

    Args:
        subject: what is repaired where (code and VM id).
        changes: every change of the plan, in order.
    """
    return _digest([normal(subject), [change.fingerprint for change in changes]])


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
