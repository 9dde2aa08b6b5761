"""The report of a run or a dry run: one object, rendered as text, JSON or Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from arm.facts.times import iso
from runbooks.model import Cause, Diagnosis, Finding

from .engine.history import Sent
from .engine.model import Stand
from .engine.plan import Plan, PlannedStep
from .journal.model import Run

SCHEMA = "remediate.report/1"


@dataclass(frozen=True)
class Report:
    """What happened, or would happen, on one VM.

    Attributes:
        runbook: error code, ``action:NAME`` or ``undo:RUN``.
        diagnosis: what was found before anything was begun; ``None`` where a run only goes on.
        run: the run; ``None`` for a dry run and where nothing was begun.
        plan: what is, or was, ahead when the report was made; ``None`` when nothing was planned.
        sent: what the run has changed so far.
        arguments: arguments of a single action.
        requests: ARM reads and writes this process sent.
    """

    runbook: str
    title: str
    vm_id: str
    arguments: Mapping[str, str]
    dry_run: bool
    stand: Stand
    diagnosis: Diagnosis | None
    plan: Plan | None
    run: Run | None
    sent: Sequence[Sent]
    requests: Mapping[str, int]

    @property
    def spoken_requests(self) -> str:
        """The requests, as people say it."""
        return spoken_requests(self.requests)

    @property
    def findings(self) -> Sequence[Finding]:
        """What was found before anything was begun."""
        return self.diagnosis.findings if self.diagnosis else ()

    @property
    def causes(self) -> Sequence[Cause]:
        """The causes that were looked at."""
        return self.diagnosis.causes if self.diagnosis else ()

    @property
    def exit_code(self) -> int:
        """Exit status of the command line."""
        return self.stand.verdict.exit_code

    def to_json(self) -> dict[str, Any]:
        """Return the report as ``remediate.report/1`` (documented in ``docs/schemas``)."""
        stand = self.stand
        proof = None
        if stand.proof is not None:
            proof = {
                "recovery_point": stand.proof.recovery_point,
                "recovery_point_time": iso(stand.proof.recovery_point_time),
                "newer_than": iso(stand.proof.newer_than),
                "job": stand.proof.job,
            }
        return {
            "schema": SCHEMA,
            "runbook": self.runbook,
            "title": self.title,
            "vm_id": self.vm_id,
            "dry_run": self.dry_run,
            "run": self.run.id if self.run else None,
            "verdict": stand.verdict.value,
            "exit_code": stand.verdict.exit_code,
            "reason": stand.reason,
            "next_step": stand.next_step,
            "next_check_at": iso(stand.until) if stand.until else None,
            "refusal": stand.refusal.to_json() if stand.refusal else None,
            "proof": proof,
            "findings": [asdict(finding) for finding in self.findings],
            "causes": [cause_to_json(cause) for cause in self.causes],
            "plan": plan_to_json(self.plan, self.vm_id, self.runbook, self.arguments) if self.plan else None,
            "changes": [_sent(one) for one in self.sent],
            "requests": dict(self.requests),
        }


def spoken_requests(requests: Mapping[str, int]) -> str:
    """Return how many requests were sent, as people say it."""
    return ", ".join(f"{count} {what if count != 1 else what[:-1]}" for what, count in requests.items())


def cause_to_json(cause: Cause) -> dict[str, Any]:
    """Return a cause with its evidence as JSON."""
    return {**asdict(cause), "standing": cause.standing.value}


def plan_to_json(plan: Plan, vm_id: str, runbook: str, arguments: Mapping[str, str]) -> dict[str, Any]:
    """Return a plan as ``remediate.plan/1``: what ``--plan-out`` writes and ``apply`` reads."""
    return {
        "schema": "remediate.plan/1",
        "digest": plan.digest,
        "runbook": runbook,
        "vm_id": vm_id,
        "arguments": dict(arguments),
        "steps": [_step(step) for step in plan.steps],
        "refusals": [refusal.to_json() for refusal in plan.refusals],
        "needs_approval": [
            {"fingerprint": change.fingerprint, "summary": change.summary, "impact": impact.value}
            for change, impact in plan.missing
        ],
    }


def _step(step: PlannedStep) -> dict[str, Any]:
    return {
        "name": step.name,
        "summary": step.summary,
        "changes": [change.to_json() for change in step.changes],
        "foreseen": [change.to_json() for change in step.foreseen],
        "notes": list(step.notes),
        "wait": step.wait,
        "only_if": step.only_if,
    }


def _sent(sent: Sent) -> dict[str, Any]:
    return {
        "step": sent.change.step,
        "action": sent.change.action,
        "operation": sent.change.operation,
        "target": sent.change.target,
        "summary": sent.change.summary,
        "before": sent.change.before,
        "after": sent.change.after,
        "impact": sent.change.impact.value,
        "sent_at": iso(sent.at),
        "result": sent.result or "in progress",
        "detail": sent.detail,
        "job": sent.job,
        "said": dict(sent.said) if sent.said is not None else None,
    }
