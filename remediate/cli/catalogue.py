"""``list``, ``show`` and ``explain``: what the catalogue knows. No request is sent."""

from __future__ import annotations

from typing import Any

import click

from actions.registry import ACTIONS
from runbooks import catalogue
from runbooks.entry import Entry, Proposal
from runbooks.model import Step
from runbooks.registry import find, find_entry

from .output import print_json

CLASSES = {
    "full": "repaired from outside the VM, under guards",
    "guest": "repaired inside the VM, by Run Command",
    "assisted": "diagnosed; a human chooses or approves what is done",
    "advice": "diagnosed; only a human can repair it",
}


def print_list(output: str) -> None:
    """Print the errors, those with a runbook first, and the actions."""
    chains, errors = catalogue.chains(), catalogue.entries()
    ready = [one for one in errors if one.id in chains]
    if output == "json":
        print_json(_list_json(ready, errors))
        return
    heading = "## {}" if output == "markdown" else "{}"
    sections = {"Runbooks": ready, "Known errors without a runbook yet": [one for one in errors if one not in ready]}
    for title, found in sections.items():
        click.echo(heading.format(title))
        for one in found:
            click.echo(f"* `{one.id}` {one.title}" if output == "markdown" else f"  {one.id:<40}{one.title}")
        click.echo("")
    click.echo(heading.format("Actions"))
    for name, act in ACTIONS.items():
        click.echo(f"* `{name}` {act.summary}" if output == "markdown" else f"  {name:<40}{act.summary}")
        for argument, meaning in act.arguments.items():
            click.echo(f"    * `--{argument}`: {meaning}" if output == "markdown" else f"    --{argument:<36}{meaning}")


def _list_json(ready: list[Entry], errors: tuple[Entry, ...]) -> dict[str, Any]:
    return {
        "schema": "remediate.list/2",
        "runbooks": [{"code": one.id, "aliases": list(one.aliases), "title": one.title} for one in ready],
        "errors": [
            {
                "id": one.id,
                "code": one.code,
                "aliases": list(one.aliases),
                "title": one.title,
                "operation": one.operation,
                "os": one.os,
                "class": one.automation,
                "legacy": one.legacy,
                "runbook": one in ready,
                "source_rows": one.data["source_rows"],
            }
            for one in errors
        ],
        "actions": [
            {"name": one.name, "summary": one.summary, "arguments": dict(one.arguments)} for one in ACTIONS.values()
        ],
    }


def print_entry(code: str, output: str) -> None:
    """Print what is known of one error, and the steps of its runbook.

    Raises:
        UsageError: an unknown or ambiguous code.
    """
    entry = find_entry(code)
    steps = find(entry.id).steps if catalogue.has_runbook(entry) else ()
    if output == "json":
        print_json(
            {
                "schema": "remediate.show/2",
                "code": entry.id,
                "title": entry.title,
                "entry": dict(entry.data),
                "runbook": bool(steps),
                "steps": [{"name": step.name, "summary": step.summary, "only_if": step.only_if} for step in steps],
            }
        )
        return
    write_entry(entry, steps, markdown=output == "markdown")


def write_entry(entry: Entry, steps: tuple[Step, ...], *, markdown: bool) -> None:
    """Write an entry for people: meaning, causes, Microsoft's steps, ours, the human's, risk, sources."""
    click.echo(f"## {entry.id}\n{entry.title}" if markdown else f"{click.style(entry.id, bold=True)}\n{entry.title}")
    done = [f"{step.summary}{f' (only if {step.only_if})' if step.only_if else ''}" for step in steps]
    sections: dict[str, list[str]] = {
        "Why it happens": list(entry.causes),
        "What Microsoft says to do": list(entry.documented_steps),
        "What the runbook does": [*done, "Verify: a completed backup and a recovery point newer than the repair"]
        if steps
        else [],
        "What would be done here": [] if steps else [_class(entry), *(_step(one) for one in entry.remediation)],
        "What a human must do": _by_hand(entry, ready=bool(steps)),
        "How to see that it is repaired": [entry.verify],
        "Risk": [entry.risk],
        "Sources": list(entry.sources),
    }
    for heading, lines in sections.items():
        if lines:
            click.echo(f"\n### {heading}\n" if markdown else f"\n{click.style(heading, bold=True)}")
        for number, line in enumerate(lines, 1):
            click.echo(f"{number}. {line}" if markdown else f"  {number}  {line}")


def _by_hand(entry: Entry, *, ready: bool) -> list[str]:
    found = [_step(one) for one in entry.remediation if one.human]
    rest = "Nothing else but to start it." if ready else "Until there is a runbook: what Microsoft says, as above."
    return [*found, rest]


def _class(entry: Entry) -> str:
    return f"No runbook yet. When there is one ({entry.automation}): {CLASSES[entry.automation]}; in these steps:"


def _step(one: Proposal) -> str:
    flags = [word for word in ("destructive", "disruptive") if getattr(one, word)]
    flags += ["needs approval"] if one.approval else []
    note = f": {one.note}" if one.note else ""
    return f"{one.summary}{note}" + (f" ({', '.join(flags)})" if flags else "")
