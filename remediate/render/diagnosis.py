"""A diagnosis as people read it."""

from __future__ import annotations

from collections.abc import Iterator

import click

from runbooks import catalogue

from ..diagnosis import DiagnosisReport
from .markdown import cause_row, cell
from .text import WIDTH, causes_text, labelled

_COLOURS = {"found": "yellow", "ambiguous": "red", "unknown": "red", "nothing failed": "green"}


def diagnosis_text(found: DiagnosisReport) -> str:
    """Return a diagnosis as text, with ANSI styles that ``click.echo`` drops where they do not belong."""
    return "\n".join(_lines(found))


def _lines(found: DiagnosisReport) -> Iterator[str]:
    yield click.style(_heading(found), bold=True)
    if found.entry is not None:
        yield f"  {found.entry.title}"
    sections = {
        "Findings": [(finding.label, finding.value) for finding in found.findings],
        "Recognised by": [("", line) for line in _evidence(found)],
        "It may be": [("", line) for line in _candidates(found)],
    }
    for heading, rows in sections.items():
        if rows:
            yield from ("", click.style(heading, bold=True))
        for label, value in rows:
            yield f"  {label:<{WIDTH}}{value}" if label else f"  {value}"
    yield from causes_text(found.causes)
    if found.checks:
        yield from ("", click.style("Health checks", bold=True))
    for check in found.checks:
        yield f"  {check.status.value:<{WIDTH}}{check.id}: {check.saw}"
        yield click.style(f"  {'':<{WIDTH}}expected: {check.expected}", dim=True)
    yield ""
    yield click.style(_result(found), fg=_COLOURS[found.result], bold=True) + f"  {found.reason}"
    for label, value in _facts(found):
        yield from labelled(label, value)


def diagnosis_markdown(found: DiagnosisReport) -> str:
    """Return a diagnosis as Markdown, for tickets and chat."""
    return "\n".join(_markdown(found))


def _markdown(found: DiagnosisReport) -> Iterator[str]:
    yield from (f"## {_heading(found)}", "", f"{_result(found)}: {found.reason}.", "")
    yield from (
        f"* {label.capitalize()}: {f'`{value}`' if label == 'command' else value}" for label, value in _facts(found)
    )
    if found.findings:
        yield from ("", "| found | |", "|---|---|")
        yield from (f"| {cell(finding.label)} | {cell(finding.value)} |" for finding in found.findings)
    for heading, lines in (("Recognised by", _evidence(found)), ("It may be", _candidates(found))):
        if lines:
            yield from ("", f"### {heading}", "", *(f"* {line}" for line in lines))
    if found.causes:
        yield from ("", "| cause | | for | against |", "|---|---|---|---|", *map(cause_row, found.causes))
    if found.checks:
        yield from ("", "| check | | seen | expected |", "|---|---|---|---|")
        yield from (
            f"| {one.id} | {one.status.value} | {cell(one.saw)} | {cell(one.expected)} |" for one in found.checks
        )


def _heading(found: DiagnosisReport) -> str:
    return f"{found.error or found.result} on {found.vm_id.rsplit('/', 1)[-1]}"


def _result(found: DiagnosisReport) -> str:
    return found.diagnosis.decision.value if found.diagnosis else found.result


def _evidence(found: DiagnosisReport) -> list[str]:
    told = found.classification
    if told is None or not found.error:
        return []
    inside = [f"it was inside {told.wrapper.id}"] if told.wrapper else []
    return [
        f"the {one.kind} {one.text!r}{f' ({one.language})' if one.language else ''} in the {one.where}"
        for one in told.evidence
    ] + inside


def _candidates(found: DiagnosisReport) -> list[str]:
    told = found.classification
    if told is None:
        return []
    return [f"{one.id}: {one.title}" for one in told.candidates] + [f"close to it: {name}" for name in told.closest]


def _facts(found: DiagnosisReport) -> Iterator[tuple[str, str]]:
    if found.entry is not None:
        chain = "" if catalogue.has_runbook(found.entry) else "; it has no chain, so it only advises"
        yield "runbook", f"{found.runbook} (class {found.entry.automation}{chain})"
    if found.next_step:
        yield "next", found.next_step
    for command in found.commands:
        yield "command", command
    yield "requests", found.spoken_requests
