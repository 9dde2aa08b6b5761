"""What is wrong with a VM's backups: the error, its causes with the evidence, and what would follow. It only reads."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from arm.facts.backup import Job
from arm.facts.collect import VmFacts
from arm.facts.times import iso
from runbooks import catalogue
from runbooks.classify import Classification, classify, classify_job
from runbooks.entry import Entry
from runbooks.model import CHOOSE, Cause, Decision, Diagnosis, Finding, Runbook, Situation
from runbooks.registry import find
from runbooks.shared import FACTS, basics, not_protected, still_failing

if TYPE_CHECKING:
    from runbooks.checks.model import Check, Result

from .report import cause_to_json, spoken_requests

SCHEMA = "remediate.diagnosis/1"
LAST_DAYS = timedelta(days=7)
"""How long ago a failed job that is no backup may have begun to be what the operator asks about."""


@dataclass(frozen=True)
class DiagnosisReport:
    """What is wrong with one VM's backups.

    Attributes:
        classification: which error the text or the failed job means; ``None`` when nothing failed.
        job: the failed job that was read; ``None`` when a text said it all, or nothing failed.
        runbook: the code of the runbook for the error; empty without exactly one error.
        diagnosis: what the runbook says of it; ``None`` without exactly one error.
        reason: what it comes to, in one line.
        next_step: what the human does next; empty: nothing, or one of the commands.
        findings: what was found about the VM and its backups.
        checks: the health checks that fail or warn, where they were asked for.
        commands: what to run next, ready to be pasted: the dry run of the repair, or of each choice.
        requests: ARM reads and writes this process sent.
    """

    vm_id: str
    classification: Classification | None
    job: Job | None
    runbook: str
    diagnosis: Diagnosis | None
    reason: str
    next_step: str
    findings: tuple[Finding, ...]
    checks: tuple[Result, ...]
    commands: tuple[str, ...]
    requests: Mapping[str, int]

    @property
    def entry(self) -> Entry | None:
        """What is known of the error; ``None`` when there is none, or not exactly one."""
        return self.classification.entry if self.classification else None

    @property
    def error(self) -> str:
        """The id of the error; empty when there is none, or not exactly one."""
        return self.entry.id if self.entry is not None else ""

    @property
    def result(self) -> str:
        """``found``, ``ambiguous``, ``unknown`` or ``nothing failed``."""
        if self.classification is None:
            return "nothing failed"
        return "found" if self.error else "ambiguous" if self.classification.candidates else "unknown"

    def with_finding(self, label: str, value: str) -> DiagnosisReport:
        """Return the same with one finding more."""
        return replace(self, findings=(*self.findings, Finding(label, value)))

    @property
    def causes(self) -> tuple[Cause, ...]:
        """Every cause that the error may have, with the evidence."""
        return self.diagnosis.causes if self.diagnosis else ()

    @property
    def exit_code(self) -> int:
        """Exit status of the command line: 2 when the error could not be told; else 0, whatever follows from it."""
        return 2 if self.result in ("ambiguous", "unknown") else 0

    @property
    def spoken_requests(self) -> str:
        """The requests, as people say it."""
        return spoken_requests(self.requests)

    def to_json(self) -> dict[str, Any]:
        """Return it as ``remediate.diagnosis/1`` (documented in ``docs/schemas``)."""
        told = self.classification or Classification()
        entry = self.entry
        return {
            "schema": SCHEMA,
            "vm_id": self.vm_id,
            "result": self.result,
            "error": self.error or None,
            "title": entry.title if entry else None,
            "class": entry.automation if entry else None,
            "runbook": entry is not None and catalogue.has_runbook(entry),
            "wrapper": told.wrapper.id if told.wrapper else None,
            "evidence": [asdict(one) for one in told.evidence],
            "candidates": [{"id": one.id, "title": one.title} for one in told.candidates],
            "closest": list(told.closest),
            "job": _job(self.job) if self.job else None,
            "decision": self.diagnosis.decision.value if self.diagnosis else None,
            "reason": self.reason,
            "next_step": self.next_step,
            "commands": list(self.commands),
            "findings": [asdict(finding) for finding in self.findings],
            "checks": [_check(one) for one in self.checks],
            "causes": [cause_to_json(cause) for cause in self.causes],
            "exit_code": self.exit_code,
            "requests": dict(self.requests),
        }


def _check(result: Result) -> dict[str, Any]:
    said = {name: getattr(result, name) for name in ("id", "saw", "expected", "why", "inside")}
    return {**said, "status": result.status.value}


def _job(job: Job) -> dict[str, Any]:
    return {
        "name": job.name,
        "operation": job.operation,
        "status": job.status,
        "started": iso(job.started) if job.started else None,
        "ended": iso(job.ended) if job.ended else None,
        "errors": [{"code": one.code, "title": one.title, "text": one.text} for one in job.errors],
    }


def diagnose(facts: VmFacts, text: str, arguments: Mapping[str, str], *, checks: bool) -> DiagnosisReport:
    """Find out what is wrong; see :meth:`remediate.remediation.Remediation.diagnose`."""
    asked = _asked(facts) if checks else []
    facts.prefetch(*dict.fromkeys([*FACTS, *(name for check in asked for name in check.facts)]))
    told, job = _told(facts, text)
    runbook = find(told.entry.id) if told is not None and told.entry is not None else None
    diagnosis = None
    if runbook is not None:
        runbook.check_arguments(arguments)
        facts.prefetch(*runbook.facts)
        diagnosis = runbook.diagnose(Situation.at_first(facts, arguments))
    reason, next_step = (diagnosis.reason, diagnosis.next_step) if diagnosis else _spoken(facts, told, job)
    return DiagnosisReport(
        vm_id=facts.vm_id,
        classification=told,
        job=job,
        runbook=runbook.code if runbook else "",
        diagnosis=diagnosis,
        reason=reason,
        next_step=next_step,
        findings=diagnosis.findings if diagnosis else basics(facts),
        checks=_amiss(facts, asked) if asked else (),
        commands=_commands(runbook, diagnosis, facts.vm_id, arguments) if runbook and diagnosis else (),
        requests={"reads": facts.session.transport.reads, "writes": facts.session.transport.writes},
    )


def _asked(facts: VmFacts) -> list[Check]:
    """Return the health checks that can be answered: without a look inside the VM, those that Azure can answer."""
    from runbooks.checks import CHECKS, Where  # a repair does without them

    return [check for check in CHECKS if check.where is not Where.GUEST or facts.guest() is not None]


def _amiss(facts: VmFacts, asked: list[Check]) -> tuple[Result, ...]:
    """Return those that fail or warn."""
    from runbooks.checks import Status, look_at

    results = [look_at(check, facts) for check in asked]
    return tuple(one for one in results if one.status in (Status.FAIL, Status.WARN))


def _told(facts: VmFacts, text: str) -> tuple[Classification | None, Job | None]:
    """Return which error is meant: by the text, where there is one, else by the failure that still stands.

    A text that only says that another error is inside is answered by the job, where that knows which.
    """
    if not text:
        return _last_failure(facts)
    said = classify(text)
    if said.entry is not None and said.entry.wrapper:
        inside, job = _last_failure(facts)
        if inside is not None and inside.wrapper is not None and inside.wrapper.id == said.entry.id:
            return inside, job
    return said, None


def _spoken(facts: VmFacts, told: Classification | None, job: Job | None) -> tuple[str, str]:
    """Return what to say, and what the human does next, where there is not exactly one error."""
    if told is None:
        unprotected = not_protected(facts)
        well = "no backup is failing, and no other job has failed lately"
        return (f"{well}; but {unprotected[0]}", unprotected[1]) if unprotected else (well, "")
    said = "the failed job" if job else "the text"
    step = "Give the whole message as Azure shows it, or the code; 'remediate list' shows every code."
    if told.candidates:
        return f"{said} may mean any of {len(told.candidates)} errors", step
    return f"{said} means no error that is known", step


def _last_failure(facts: VmFacts) -> tuple[Classification | None, Job | None]:
    """Return the newest failure that still stands: of a backup, else of another job of the last days."""
    failed = facts.last_failed_job()
    if failed is None or not still_failing(facts, failed):
        failed = facts.last_other_failed_job()
        if failed is None or not _stands(facts, failed):
            return None, None
    return classify_job(failed), failed


def _stands(facts: VmFacts, failed: Job) -> bool:
    lately = failed.started is not None and failed.started >= facts.azure_now - LAST_DAYS
    return lately and not facts.completed_since(failed)


def _commands(runbook: Runbook, diagnosis: Diagnosis, vm_id: str, arguments: Mapping[str, str]) -> tuple[str, ...]:
    """Return the commands that go on: the dry run of the repair, or of each choice where a human has to choose."""
    said = [f"--input {shlex.quote(f'{name}={value}')}" for name, value in arguments.items() if name != CHOOSE]
    call = " ".join(["remediate", runbook.code, "--vm", shlex.quote(vm_id), *said])
    if diagnosis.decision is Decision.REPAIR:
        chosen = f" --choose {arguments[CHOOSE]}" if CHOOSE in arguments else ""
        return (f"{call}{chosen} --dry-run",)
    if diagnosis.decision in (Decision.CHOOSE, Decision.ADVISE):
        return tuple(f"{call} --choose {choice} --dry-run" for choice in runbook.choices)
    return ()
