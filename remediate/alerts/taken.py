"""What became of a payload: one object for each alert in it, rendered as text or JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from arm.errors import RemediationError

from ..diagnosis import DiagnosisReport
from ..engine.model import Verdict
from ..report import Report
from .model import Alert, Ignored
from .resolve import Declined, Result, Target

SCHEMA = "remediate.alerts/1"
_WAITS = (Verdict.PENDING,)
"""Verdicts that ask for nobody although they are not the end: the run is parked, and goes on by itself."""


@dataclass(frozen=True)
class Handled:
    """What became of one alert.

    Attributes:
        result: taken, or why not.
        why: for programs: why it was not taken; empty where it was.
        reason: one sentence that says what was seen.
        next_step: what a human does next; empty: nothing.
        exit_code: 0 unless someone must look.
        alert: what was read out of the payload; ``None`` when it was ignored.
        target: the failed backup in Azure; ``None`` when it was not found, or not looked for.
        outcome: the report of the repair or its dry run; the diagnosis, where the error cannot be told.
        error: what kept it from being dealt with.
    """

    result: Result
    why: str
    reason: str
    next_step: str = ""
    exit_code: int = 0
    alert: Alert | None = None
    target: Target | None = None
    outcome: Report | DiagnosisReport | None = None
    error: RemediationError | None = None

    @property
    def report(self) -> Report | None:
        """The report of the repair or its dry run, where there is one."""
        return self.outcome if isinstance(self.outcome, Report) else None

    @classmethod
    def ignored(cls, one: Ignored) -> Handled:
        """Return what becomes of something that asks for no repair."""
        result = Result.REFUSED if one.why.exit_code else Result.IGNORED
        step = "Look at what was sent, and by whom; docs/alerts.md shows every shape." if one.why.exit_code else ""
        return cls(result, one.why.value, one.reason, step, one.why.exit_code)

    @classmethod
    def declined(cls, alert: Alert, one: Declined) -> Handled:
        """Return what becomes of an alert that Azure's answers, or the scope, speak against."""
        status = 3 if one.result is Result.REFUSED else 0
        return cls(one.result, one.why, one.reason, one.next_step, status, alert)

    @classmethod
    def failed(cls, alert: Alert, target: Target | None, error: RemediationError) -> Handled:
        """Return what becomes of an alert that an error stopped; that another process is at it is none."""
        if error.code == "LeaseLost":
            return cls(Result.LATER, "at-work", error.message, error.next_step, 0, alert, target, error=error)
        return cls(Result.ERROR, "error", error.message, error.next_step, error.exit_code, alert, target, error=error)

    @classmethod
    def carried_out(cls, alert: Alert, target: Target, outcome: Report | DiagnosisReport) -> Handled:
        """Return what becomes of an alert by what became of its repair."""
        if isinstance(outcome, DiagnosisReport):
            why = outcome.result.replace(" ", "-")
            return cls(Result.TAKEN, why, outcome.reason, outcome.next_step, outcome.exit_code, alert, target, outcome)
        stand = outcome.stand
        passing = stand.refusal is not None and stand.refusal.passing
        status = 0 if stand.verdict in _WAITS or passing else outcome.exit_code
        result = Result.LATER if passing else Result.TAKEN
        why = stand.refusal.guard if stand.refusal is not None else ""
        return cls(result, why, stand.reason, stand.next_step, status, alert, target, outcome)

    def to_json(self) -> dict[str, Any]:
        """Return it for ``remediate.alerts/1``."""
        target, report = self.target, self.report
        return {
            "result": self.result.value,
            "why": self.why or None,
            "reason": self.reason,
            "next_step": self.next_step,
            "exit_code": self.exit_code,
            "alert": self.alert.to_json() if self.alert else None,
            "vm_id": target.vm_id if target else None,
            "vault_id": target.vault_id if target else None,
            "job": target.job.name if target else None,
            "error": (target.error or None) if target else None,
            "notes": list(target.notes) if target else [],
            "verdict": report.stand.verdict.value if report else None,
            "run": report.run.id if report and report.run else None,
            "report": report.to_json() if report else None,
            "diagnosis": self.outcome.to_json() if isinstance(self.outcome, DiagnosisReport) else None,
        }


@dataclass(frozen=True)
class Taken:
    """What became of a payload.

    Attributes:
        alerts: one for each alert in it, in order; at least one.
        requests: ARM reads and writes this process sent.
    """

    alerts: tuple[Handled, ...]
    requests: Mapping[str, int] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """Exit status of the command line: the highest of its alerts; 0 unless someone must look."""
        return max(one.exit_code for one in self.alerts)

    def to_json(self) -> dict[str, Any]:
        """Return it as ``remediate.alerts/1`` (documented in ``docs/schemas``)."""
        return {
            "schema": SCHEMA,
            "alerts": [one.to_json() for one in self.alerts],
            "exit_code": self.exit_code,
            "requests": dict(self.requests),
        }
