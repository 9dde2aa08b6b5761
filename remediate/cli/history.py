"""``runs`` and ``run``: what the journal knows. No request is sent."""

from __future__ import annotations

import json

import click

from arm.errors import UsageError
from arm.facts.times import iso

from ..engine.duties import spoken
from ..engine.memory import frozen
from .door import open_journal
from .freeze import frozen_json, frozen_text
from .output import print_json


def print_runs(limit: int, state: str | None, output: str) -> None:
    """Print the newest runs."""
    journal = open_journal(state)
    try:
        found, stopped = journal.runs(limit), frozen(journal)
    finally:
        journal.close()
    if output == "json":
        runs = [run.to_json() for run in found]
        print_json({"schema": "remediate.runs/2", "freeze": frozen_json(stopped), "runs": runs})
        return
    if stopped is not None:
        click.echo(f"{frozen_text(stopped)}\n")
    if not found:
        click.echo("the journal is empty")
        return
    if output == "markdown":
        click.echo("| run | started | VM | runbook | verdict |\n|---|---|---|---|---|")
    for run in found:
        cells = (run.id[:12], iso(run.started_at), run.vm_id.rsplit("/", 1)[-1], run.runbook, run.verdict or run.status)
        if output == "markdown":
            click.echo(f"| {' | '.join(cells)} |")
        else:
            due = f"  next {iso(run.next_check_at)}" if run.next_check_at else ""
            click.echo(f"{cells[0]}  {cells[1]}  {cells[2]:<20}  {cells[3]:<40}  {cells[4]}{due}")


def print_run(run_id: str, state: str | None, output: str) -> None:
    """Print one run and its records.

    Raises:
        UsageError: there is no such run, or several begin like this.
    """
    journal = open_journal(state)
    try:
        run = journal.run(run_id)
        if run is None:
            raise UsageError(f"there is no run {run_id!r}", "'remediate runs' lists them.")
        records = journal.records(run.id)
        duties = journal.duties(run.id)
    finally:
        journal.close()
    if output == "json":
        lines = [
            {"sequence": one.sequence, "kind": one.kind, "at": iso(one.at), "data": dict(one.data)} for one in records
        ]
        owed = [{"target": duty.target, "body": dict(duty.body)} for duty in duties]
        print_json({"schema": "remediate.run/1", "run": run.to_json(), "records": lines, "duties": owed})
        return
    click.echo(f"{click.style(run.id, bold=True)}  {run.runbook} on {run.vm_id}")
    click.echo(f"  started  {iso(run.started_at)} (Azure's time)")
    click.echo(f"  verdict  {run.verdict or run.status}  {run.reason}")
    if run.next_check_at:
        click.echo(f"  next     {iso(run.next_check_at)}")
    click.echo(f"  steps    {' > '.join(run.steps)} (at {run.position} of {len(run.steps)})")
    for duty in duties:
        click.echo(f"  owes     {spoken(duty)} ({duty.target})")
    for one in records:
        data = {"change": one.data["change"]["summary"]} if one.kind == "intent" else dict(one.data)
        click.echo(f"  {iso(one.at)}  {one.kind:<9} {json.dumps(data, ensure_ascii=False)}")
