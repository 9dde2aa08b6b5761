"""``explain``: what a code or a message means. No request is sent."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from runbooks import catalogue
from runbooks.classify import Classification, classify

from ..render.entry import Known
from .catalogue import write_entry
from .output import print_json
from .said import text_of

FOUND, NOT_FOUND = 0, 2


def explain_text(words: tuple[str, ...], output: str) -> int:
    """Print which error a text means, and what is known of it; return the exit status.

    Args:
        words: a code or a message; ``-`` alone reads it from standard input.
        output: the form.

    Raises:
        UsageError: nothing was given, or far too much.
    """
    found = classify(text_of(words))
    status = FOUND if found.entry is not None else NOT_FOUND
    if output == "json":
        print_json(_json(found, status))
    else:
        _write(found, markdown=output == "markdown")
    return status


def _json(found: Classification, status: int) -> dict[str, Any]:
    entry = found.entry
    return {
        "schema": "remediate.explain/1",
        "result": "found" if entry is not None else "ambiguous" if found.candidates else "unknown",
        "id": entry.id if entry is not None else None,
        "evidence": [asdict(one) for one in found.evidence],
        "wrapper": found.wrapper.id if found.wrapper is not None else None,
        "runbook": entry is not None and catalogue.has_runbook(entry),
        "entry": dict(entry.data) if entry is not None else None,
        "candidates": [{"id": one.id, "title": one.title} for one in found.candidates],
        "closest": list(found.closest),
        "exit_code": status,
    }


def _write(found: Classification, *, markdown: bool) -> None:
    if found.entry is not None:
        write_entry(Known.of(found.entry), markdown=markdown)
        click.echo("\n### Recognised by\n" if markdown else f"\n{click.style('Recognised by', bold=True)}")
        for number, one in enumerate(found.evidence, 1):
            line = f"the {one.kind} {one.text!r}" + (f" ({one.language})" if one.language else "")
            click.echo(f"{number}. {line}" if markdown else f"  {number}  {line}")
        return
    if found.candidates:
        click.echo("ambiguous: it may be any of these; nothing would be done")
        lines = [f"{one.id}: {one.title}" for one in found.candidates]
    else:
        click.echo("unknown: no code or message of the catalogue is in this text; nothing would be done")
        lines = [f"close to it: {name}" for name in found.closest]
    for line in lines:
        click.echo(f"* {line}" if markdown else f"  {line}")
    click.echo("Give the whole message as Azure shows it, or the code of the job; 'remediate list' shows every code.")
