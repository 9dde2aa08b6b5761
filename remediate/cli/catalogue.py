"""``list`` and ``show``: what the catalogue knows. No request is sent."""

from __future__ import annotations

from typing import Any

import click

from actions.registry import ACTIONS, guest_actions
from runbooks import catalogue
from runbooks.registry import find_entry

from ..render.entry import Known, sections
from ..render.markdown import cell
from .output import print_json


def print_list(output: str) -> None:
    """Print the errors, those with a chain first, and the actions."""
    known = [Known.of(entry) for entry in catalogue.entries()]
    if output == "json":
        print_json(_list_json(known))
        return
    parts = {
        "Errors with a chain": [one for one in known if one.chain],
        "Known errors without a chain yet: diagnosed, nothing is changed": [one for one in known if not one.chain],
    }
    (_list_markdown if output == "markdown" else _list_text)(parts)


def _list_text(parts: dict[str, list[Known]]) -> None:
    for title, found in parts.items():
        click.echo(f"{title} ({len(found)})")
        for one in found:
            drills = f"{len(one.scenarios) or 'no'} scenario{'' if len(one.scenarios) == 1 else 's'}"
            click.echo(f"  {one.entry.id:<52} {one.entry.automation:<9} {drills:<13} {one.entry.title}")
        click.echo("")
    click.echo("Actions")
    for name, act in ACTIONS.items():
        click.echo(f"  {name:<40}{act.summary}")
        for argument, meaning in act.arguments.items():
            click.echo(f"    --{argument:<36}{meaning}")
    click.echo("\nActions inside a VM: scripts ('remediate script NAME' prints one)")
    for name, act in guest_actions().items():
        click.echo(f"  {name:<40}{act.summary}")
        for argument, meaning in act.arguments.items():
            click.echo(f"    --input {argument + '=VALUE':<30}{meaning}")


def _list_markdown(parts: dict[str, list[Known]]) -> None:
    for title, found in parts.items():
        click.echo(f"## {title}\n\n| error | class | scenarios | |\n|---|---|---|---|")
        for one in found:
            entry = one.entry
            click.echo(f"| `{entry.id}` | {entry.automation} | {len(one.scenarios)} | {cell(entry.title)} |")
        click.echo("")
    click.echo("## Actions")
    for name, act in ACTIONS.items():
        click.echo(f"* `{name}` {act.summary}")
        for argument, meaning in act.arguments.items():
            click.echo(f"    * `--{argument}`: {meaning}")
    click.echo("\n## Actions inside a VM")
    for name, act in guest_actions().items():
        click.echo(f"* `{name}` {act.summary}")
        for argument, meaning in act.arguments.items():
            click.echo(f"    * `--input {argument}=VALUE`: {meaning}")


def _list_json(known: list[Known]) -> dict[str, Any]:
    rows = sum(catalogue.DOCUMENTS.values())
    return {
        "schema": "remediate.list/3",
        "errors": [
            {
                "id": one.entry.id,
                "code": one.entry.code,
                "aliases": list(one.entry.aliases),
                "title": one.entry.title,
                "operation": one.entry.operation,
                "os": one.entry.os,
                "class": one.entry.automation,
                "legacy": one.entry.legacy,
                **one.to_json(),
                "source_rows": one.entry.data["source_rows"],
            }
            for one in known
        ],
        "source_rows": {"rows": rows, "mapped": len(catalogue.source_rows())},
        "actions": [
            {
                "name": one.name,
                "summary": one.summary,
                "arguments": dict(one.arguments),
                "inside": one.script.os if one.script else None,
            }
            for one in (*ACTIONS.values(), *guest_actions().values())
        ],
    }


def print_entry(code: str, output: str) -> None:
    """Print what is known of one error, and what its runbook does.

    Raises:
        UsageError: an unknown or ambiguous code.
    """
    known = Known.of(find_entry(code))
    if output == "json":
        steps = known.runbook.steps
        print_json(
            {
                "schema": "remediate.show/3",
                "code": known.entry.id,
                "title": known.entry.title,
                "entry": dict(known.entry.data),
                **known.to_json(),
                "steps": [{"name": step.name, "summary": step.summary, "only_if": step.only_if} for step in steps],
            }
        )
        return
    write_entry(known, markdown=output == "markdown")


def write_entry(known: Known, *, markdown: bool) -> None:
    """Write what is known of an error for people."""
    entry = known.entry
    click.echo(f"## {entry.id}\n{entry.title}" if markdown else f"{click.style(entry.id, bold=True)}\n{entry.title}")
    impact = f"class {entry.automation}, highest impact {known.impact}"
    click.echo(f"\n{impact.capitalize()}." if markdown else impact)
    for heading, lines in sections(known).items():
        if lines:
            click.echo(f"\n### {heading}\n" if markdown else f"\n{click.style(heading, bold=True)}")
        for number, line in enumerate(lines, 1):
            click.echo(f"{number}. {line}" if markdown else f"  {number}  {line}")
