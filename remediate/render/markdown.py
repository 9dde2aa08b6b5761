"""Reports as Markdown, for tickets and chat."""

from __future__ import annotations

from collections.abc import Iterator

from runbooks.model import Cause

from ..engine.plan import PlannedStep
from ..report import Report


def report_markdown(report: Report) -> str:
    """Return a report as Markdown."""
    return "\n".join(_lines(report)) + "\n"


def cell(text: object) -> str:
    """Return a text as it may stand in a table."""
    return str(text).replace("|", "\\|").replace("\n", " ")


def _lines(report: Report) -> Iterator[str]:
    about = f"{report.runbook} on " if report.runbook else ""
    yield f"## {report.stand.verdict.value}: {about}{report.vm_id.rsplit('/', 1)[-1]}"
    yield from ("", f"{report.stand.reason}.", "")
    yield from (f"* {fact}" for fact in _facts(report))
    if report.findings:
        yield from ("", "| found | |", "|---|---|")
        yield from (f"| {cell(finding.label)} | {cell(finding.value)} |" for finding in report.findings)
    if report.causes:
        yield from ("", "| cause | | for | against |", "|---|---|---|---|")
        yield from (cause_row(cause) for cause in report.causes)
    if report.plan is not None and not report.sent:
        yield from ("", f"### Plan `{report.plan.digest}`", "", "| step | change | impact |", "|---|---|---|")
        for step in report.plan.steps:
            yield from _step(step)
    if report.sent:
        yield from ("", "| change | result | detail |", "|---|---|---|")
        for sent in report.sent:
            yield f"| {cell(sent.change.summary)} | {sent.result or 'in progress'} | {cell(sent.detail)} |"


def cause_row(cause: Cause) -> str:
    """Return a cause with its evidence as a row of a table."""
    evidence, against = ("; ".join(lines) for lines in (cause.evidence, cause.against))
    return f"| {cell(cause.summary)} | {cause.standing.value} | {cell(evidence)} | {cell(against)} |"


def _facts(report: Report) -> Iterator[str]:
    stand = report.stand
    if stand.proof is not None:
        yield f"Proof: recovery point `{stand.proof.recovery_point}`, backup job `{stand.proof.job}`"
    if stand.refusal is not None:
        yield f"Guard: {stand.refusal.guard}"
    if stand.until is not None:
        yield f"Look again at {stand.until:%Y-%m-%d %H:%M} UTC (Azure's time)"
    if stand.next_step:
        yield f"Next: {stand.next_step}"
    if report.run is not None:
        yield f"Run: `{report.run.id}`"
    yield f"VM: `{report.vm_id}`"
    yield f"Requests: {report.spoken_requests}"


def _step(step: PlannedStep) -> Iterator[str]:
    yield from (f"| {step.name} | {cell(one.summary)} | {one.impact.value} |" for one in step.changes)
    yield from (f"| {step.name} | if needed: {cell(one.summary)} | {one.impact.value} |" for one in step.foreseen)
    if step.wait or step.only_if:
        text = f"only if {step.only_if}" if step.only_if else f"wait: {step.wait}"
        yield f"| {step.name} | {cell(text)} | |"
