"""Results to stdout, errors to stderr, and the exit status."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from arm.errors import RemediationError

    from ..diagnosis import DiagnosisReport
    from ..report import Report


def print_json(data: Any) -> None:
    """Write one JSON document to stdout."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False))


def print_report(report: Report, output: str) -> None:
    """Write a report to stdout in the form that was asked for."""
    if output == "json":
        print_json(report.to_json())
    elif output == "markdown":
        from ..render.markdown import report_markdown

        click.echo(report_markdown(report), nl=False)
    else:
        from ..render.text import report_text

        click.echo(report_text(report))


def print_diagnosis(found: DiagnosisReport, output: str) -> None:
    """Write a diagnosis to stdout in the form that was asked for."""
    if output == "json":
        print_json(found.to_json())
        return
    from ..render.diagnosis import diagnosis_markdown, diagnosis_text

    click.echo(diagnosis_markdown(found) if output == "markdown" else diagnosis_text(found))


def print_outcomes(outcomes: Sequence[Report | RemediationError], output: str) -> None:
    """Write what became of several runs: reports to stdout, errors to stderr, in JSON all in one document."""
    from arm.errors import RemediationError

    errors = [one for one in outcomes if isinstance(one, RemediationError)]
    reports = [one for one in outcomes if not isinstance(one, RemediationError)]
    if output == "json":
        data = {"reports": [one.to_json() for one in reports], "errors": [error_json(one) for one in errors]}
        print_json({"schema": "remediate.reports/1", **data})
        return
    if not outcomes:
        click.echo("no run is parked here")
    for report in reports:
        print_report(report, output)
    for error in errors:
        print_error(error, output)


def error_json(error: RemediationError) -> dict[str, Any]:
    """Return an error as ``remediate.error/1``."""
    return {
        "schema": "remediate.error/1",
        "code": error.code,
        "message": error.message,
        "next_step": error.next_step,
        "candidates": list(error.candidates),
        "exit_code": error.exit_code,
    }


def print_error(error: RemediationError, output: str) -> None:
    """Write an error: what was wrong, what may have been meant, what to do."""
    if output == "json":
        print_json(error_json(error))
        return
    click.echo(f"{click.style('error', fg='red', bold=True)}: {error.message}", err=True)
    for candidate in error.candidates:
        click.echo(f"         {candidate}", err=True)
    click.echo(f"  next:  {error.next_step}", err=True)
