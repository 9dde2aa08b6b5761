"""Reports as text for a terminal."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import click

from actions.change import Change, Impact
from actions.guest.run import SCRIPTS
from runbooks.model import Cause, Standing

from ..engine.history import Sent
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
            yield from _said(sent)
        if report.plan is not None and report.stand.verdict is Verdict.NEEDS_APPROVAL:
            yield from _plan(report.plan, dry_run=False)
    yield ""
    yield from _verdict(report)


def _said(sent: Sent) -> Iterator[str]:
    """Yield what a script inside the VM has changed; of a look, what it has seen."""
    said = sent.said or {}
    for one in said.get("changed") or ():
        yield f"      {one.get('kind')} {one.get('what')}: {one.get('before') or '-'} -> {one.get('after') or '-'}"
    if said.get("verb") == "check":
        for name, value in (said.get("found") or {}).items():
            yield click.style(f"      {name:<{WIDTH + 4}}{_found(value)}", dim=True)


def _found(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_found(one)}" for name, one in value.items()) or "-"
    if isinstance(value, list):
        return "; ".join(_found(one) for one in value) or "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not known" if value is None else str(value) or "-"


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
    for change in step.foreseen:
        yield from _change(change, mark="if needed: ")
    if step.wait:
        yield click.style(f"       wait: {step.wait}", dim=True)


def _change(change: Change, mark: str = "") -> Iterator[str]:
    colour = {Impact.NONE: "cyan", Impact.DESTRUCTIVE: "red"}.get(change.impact, "yellow")
    yield click.style(f"     → {mark}{change.summary}", fg=colour)
    if change.operation in SCRIPTS:
        yield from _script(change)
    else:
        yield f"         {'before':<8}{_values(change.before)}"
        yield f"         {'after':<8}{_values(change.after, gone=change.method == 'DELETE')}"
    yield f"         {'why':<8}{change.reason}"
    undo = (
        "put back at the end of the run" if change.loan else "'remediate undo'" if change.undo else "cannot be undone"
    )
    if change.operation in ("backups.trigger", "virtual_machine_extensions.delete") or not change.repairs:
        undo = "not needed"
    yield f"         {'impact':<8}{change.impact.value}; undo: {undo}"
    yield f"         {'needs':<8}{', '.join(change.permissions)}"


def _script(change: Change) -> Iterator[str]:
    """Yield what an administrator has to know of a script before it is approved."""
    after = change.after or {}
    yield f"         {'purpose':<8}{after['purpose']}"
    for number, touched in enumerate(after["touches"] or ("nothing: it only reads",)):
        yield f"         {'' if number else 'touches':<8}{touched}"
    if after["effect"] != "none":
        yield f"         {'effect':<8}{after['effect']}"
    if after.get("caution"):
        yield click.style(f"         {'caution':<8}{after['caution']}", fg="yellow")
    inputs = "".join(f" --input {name}={shlex.quote(value)}" for name, value in after.get("parameters", {}).items())
    verb = "" if change.body["verb"] == "apply" else f" --verb {change.body['verb']}"
    text = f"'remediate script {change.action}{verb}{inputs}'"
    text = f"'remediate script {change.action}{verb}{inputs}'"
    yield f"         {'script':<8}sha256 {after['sha256'][:16]}; its text: {text}"


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
