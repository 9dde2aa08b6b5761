"""``explain``: what a code or a message means. No request is sent."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Any

import click

from arm.errors import UsageError
from runbooks import catalogue
from runbooks.classify import Classification, classify
from runbooks.registry import find

from .catalogue import write_entry
from .output import print_json

FOUND, NOT_FOUND = 0, 2
MOST = 200_000
"""Characters of a text that are looked at; a message has a few hundred."""


def explain_text(words: tuple[str, ...], output: str) -> int:
    """Print which error a text means, and what is known of it; return the exit status.

    Args:
        words: a code or a message; ``-`` alone reads it from standard input.
        output: the form.

    Raises:
        UsageError: nothing was given, or far too much.
    """
    text = _stdin() if words == ("-",) else " ".join(words)
    if len(text) > MOST:
        raise UsageError(f"the text is longer than {MOST} characters", "Give the error message only.")
    if not any(one.isalnum() for one in text):
        raise UsageError("there is no text to explain", "Give the error's code, or its message as Azure shows it.")
    found = classify(text)
    status = FOUND if found.entry is not None else NOT_FOUND
    if output == "json":
        print_json(_json(found, status))
    else:
        _write(found, markdown=output == "markdown")
    return status


def _stdin() -> str:
    data = sys.stdin.buffer.read(4 * MOST + 4)
    return data.decode("utf-8-sig", errors="replace")


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
        steps = find(found.entry.id).steps if catalogue.has_runbook(found.entry) else ()
        write_entry(found.entry, steps, markdown=markdown)
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
