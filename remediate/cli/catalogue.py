"""``list`` and ``show``: what the catalogue knows. No request is sent."""

from __future__ import annotations

from dataclasses import asdict

import click

from actions.registry import ACTIONS
from runbooks.model import Runbook
from runbooks.registry import find, runbooks

from .output import print_json


def print_list(output: str) -> None:
    """Print the runbooks and actions."""
    found = runbooks()
    if output == "json":
        print_json(
            {
                "schema": "remediate.list/1",
                "runbooks": [
                    {"code": one.code, "aliases": list(one.entry.aliases) if one.entry else [], "title": one.title}
                    for one in found
                ],
                "actions": [
                    {"name": one.name, "summary": one.summary, "arguments": dict(one.arguments)}
                    for one in ACTIONS.values()
                ],
            }
        )
        return
    heading = "## {}" if output == "markdown" else "{}"
    click.echo(heading.format("Runbooks"))
    for one in found:
        click.echo(f"* `{one.code}` {one.title}" if output == "markdown" else f"  {one.code:<40}{one.title}")
    click.echo("\n" + heading.format("Actions"))
    for name, act in ACTIONS.items():
        click.echo(f"* `{name}` {act.summary}" if output == "markdown" else f"  {name:<40}{act.summary}")
        for argument, meaning in act.arguments.items():
            click.echo(f"    * `--{argument}`: {meaning}" if output == "markdown" else f"    --{argument:<36}{meaning}")


def print_runbook(code: str, output: str) -> None:
    """Print one runbook: meaning, causes, Microsoft's steps, our steps, risk, sources."""
    runbook = find(code)
    if output == "json":
        print_json(_json(runbook))
        return
    entry = runbook.entry
    title = f"## {runbook.code}" if output == "markdown" else click.style(runbook.code, bold=True)
    click.echo(f"{title}\n{runbook.title}")
    if entry is None:
        return
    steps = [f"{step.summary}{f' (only if {step.only_if})' if step.only_if else ''}" for step in runbook.steps]
    sections = {
        "Why it happens": entry.causes,
        "What Microsoft says to do": entry.documented_steps,
        "What the runbook does": [*steps, "Verify: a completed backup and a recovery point newer than the repair"],
        "Risk": [entry.risk],
        "Sources": entry.sources,
    }
    for heading, lines in sections.items():
        click.echo(f"\n### {heading}\n" if output == "markdown" else f"\n{click.style(heading, bold=True)}")
        for number, line in enumerate(lines, 1):
            click.echo(f"{number}. {line}" if output == "markdown" else f"  {number}  {line}")


def _json(runbook: Runbook) -> dict[str, object]:
    return {
        "schema": "remediate.show/1",
        "code": runbook.code,
        "title": runbook.title,
        "entry": asdict(runbook.entry) if runbook.entry else None,
        "steps": [{"name": step.name, "summary": step.summary, "only_if": step.only_if} for step in runbook.steps],
    }
