"""Reports as text for a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from actions.change import Change, Impact
from runbooks.model import Cause, Standing

from ..engine.model import Verdict
from ..engine.plan import Plan, PlannedStep
from ..report import Report

_COLOURS = {
    Verdict.FIXED: "green",
    Verdict.APPLIED: "green",
    Verdict.NOTHING_TO_DO: "green",
    Verdict.PLANNED: "cyan",
    Verdict.PENDING: "yellow",
    Verdict.NEEDS_APPROVAL: "yellow",
    Verdict.NEEDS_CHOICE: "yellow",
    Verdict.NEEDS_HUMAN: "yellow",
}
WIDTH = 20
_STEPS = re.compile(r" (?=\(\d+\) |Then run again|When that is done|Or: )")
"""Where the lines of a next step begin."""


def report_text(report: Report) -> str:
    """Return a report as text, with ANSI styles that ``click.echo`` drops where they do not belong."""
    return "\n".join(_lines(report))


def _lines(report: Report) -> Iterator[str]:
    name = report.vm_id.rsplit("/", 1)[-1]
    yield click.style(f"{report.runbook} on {name}" if report.runbook else name, bold=True)
    yield f"  {report.title}"
    if report.findings:
        yield ""
        yield click.style("Findings", bold=True)
        for finding in report.findings:
            yield f"  {finding.label:<{WIDTH}}{finding.value}"
    yield from causes_text(report.causes)
    if report.plan is not None and not report.sent:
        yield from _plan(report.plan, dry_run=report.dry_run)
    if report.sent:
        yield ""
        yield click.style("Changes", bold=True)
        for sent in report.sent:
            mark = {"applied": "✓", "expected failure": "✓", "failed": "✗"}.get(sent.result, "…")
            yield f"  {mark} {sent.change.summary}"
            yield f"      {sent.result or 'in progress'}: {sent.detail}" if sent.detail else "      in progress"
        if report.plan is not None and report.stand.verdict is Verdict.NEEDS_APPROVAL:
            yield from _plan(report.plan, dry_run=False)
    yield ""
    yield from _verdict(report)


def labelled(label: str, text: str) -> Iterator[str]:
    """Yield a text behind its label: each numbered step of it, and what comes after the last, on a line of its own."""
    for line in _STEPS.split(text):
        yield f"  {label:<{WIDTH}}{line}"
        label = ""


def causes_text(causes: Sequence[Cause]) -> Iterator[str]:
    """Yield the lines that name each cause with the evidence for and against it."""
    if causes:
        yield ""
        yield click.style("Causes", bold=True)
    for cause in causes:
        yield click.style(f"  {cause.standing.value:<{WIDTH}}{cause.summary}", dim=cause.standing is Standing.RULED_OUT)
        for word, lines in (("for", cause.evidence), ("against", cause.against)):
            for line in lines:
                yield click.style(f"  {'':<{WIDTH}}{word + ':':<9}{line}", dim=True)


def _plan(plan: Plan, *, dry_run: bool) -> Iterator[str]:
    yield ""
    sent = " (dry run: nothing is sent)" if dry_run else ""
    yield click.style(f"Plan {plan.digest}", bold=True) + sent
    for number, step in enumerate(plan.steps, 1):
        yield from _step(number, step)


def _step(number: int, step: PlannedStep) -> Iterator[str]:
    yield f"  {number}  {step.summary}"
    if step.only_if:
        yield click.style(f"       only if {step.only_if}; asked about then", dim=True)
    for note in step.notes:
        yield click.style(f"       nothing to do: {note}", dim=True)
    for change in step.changes:
        yield from _change(change)
    if step.wait:
        yield click.style(f"       wait: {step.wait}", dim=True)


def _change(change: Change) -> Iterator[str]:
    colour = {Impact.NONE: "cyan", Impact.DESTRUCTIVE: "red"}.get(change.impact, "yellow")
    yield click.style(f"     → {change.summary}", fg=colour)
    yield f"         {'before':<8}{_values(change.before)}"
    yield f"         {'after':<8}{_values(change.after, gone=change.method == 'DELETE')}"
    yield f"         {'why':<8}{change.reason}"
    undo = (
        "put back at the end of the run" if change.loan else "'remediate undo'" if change.undo else "cannot be undone"
    )
    if change.operation in ("backups.trigger", "virtual_machine_extensions.delete"):
        undo = "not needed"
    yield f"         {'impact':<8}{change.impact.value}; undo: {undo}"
    yield f"         {'needs':<8}{', '.join(change.permissions)}"


def _values(values: Mapping[str, Any] | None, *, gone: bool = False) -> str:
    if values is None:
        return "gone" if gone else "-"
    return ", ".join(f"{name} {_value(value)}" for name, value in values.items())


def _value(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return f"{len(value)}: {', '.join(str(one) for one in value)}"
    return repr(value) if isinstance(value, str) and " " in value else str(value)


def _verdict(report: Report) -> Iterator[str]:
    stand = report.stand
    colour = _COLOURS.get(stand.verdict, "red")
    yield click.style(stand.verdict.value, fg=colour, bold=True) + f"  {stand.reason}"
    if stand.refusal is not None:
        yield f"  {'guard':<{WIDTH}}{stand.refusal.guard}"
    if stand.proof is not None:
        yield f"  {'proof':<{WIDTH}}recovery point {stand.proof.recovery_point}, backup job {stand.proof.job}"
    if stand.until is not None:
        yield f"  {'look again at':<{WIDTH}}{stand.until:%Y-%m-%d %H:%M} UTC (Azure's time)"
    if stand.next_step:
        yield from labelled("next", stand.next_step)
    if report.run is not None:
        yield f"  {'run':<{WIDTH}}{report.run.id[:12]}"
    yield f"  {'requests':<{WIDTH}}{report.spoken_requests}"
