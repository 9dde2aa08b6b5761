"""``alert``: take what a webhook delivers, from a file or from standard input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import azure_options, output_options, state_options
from .output import print_diagnosis, print_json, print_report

if TYPE_CHECKING:
    from ..alerts.taken import Handled, Taken


@click.command(short_help="Take an alert that a webhook has delivered.")
@click.argument("file", metavar="FILE|-")
@click.option("-n", "--dry-run", is_flag=True, help="Show what would be done; send and note nothing.")
@click.option(
    "-y", "--yes", is_flag=True, help="Accept what is neither destructive nor disruptive nor weakens security."
)
@azure_options
@state_options
@output_options
def alert(file: str, **given: Any) -> int:
    """Take the alert in FILE ('-': standard input): read again what it says, and repair the VM it is about.

    An alert of Azure Backup, a metric or log alert about backups, rows of Resource Graph, a webhook's envelope around
    them, or a list of them. A delivery that comes twice is taken once.

    The exit code is 0 unless someone must look: so it is for a duplicate, a parked run, and what is no failed backup.
    """
    from ..accepted import Accepted
    from .door import Options, open_door

    payload = _read(file)
    output, dry_run = given.pop("output"), given.pop("dry_run")
    accepted = Accepted(yes=given.pop("yes"))
    with open_door(Options.of(given), read_only=dry_run) as door:
        from ..alerts.intake import Intake

        settings = door.config.alerts
        intake = Intake(door.remediation, settings, accepted=accepted, dry_run=dry_run, finish=door.finish)
        taken = intake.take(payload)
        with door.progress.paused():
            _print(taken, output)
        for one in taken.alerts:
            door.people.handled(one)
    return taken.exit_code


def _read(file: str) -> bytes:
    """Return the payload, or so much of it that its size shows."""
    from arm.errors import UsageError

    from ..alerts.reading import MAX_BYTES

    try:
        if file == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(file).open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"the payload cannot be read from {file}: {error.strerror}", "Give a file, or '-'.") from error


def _print(taken: Taken, output: str) -> None:
    if output == "json":
        print_json(taken.to_json())
    else:
        print_taken(taken, output)


def print_taken(taken: Taken, output: str) -> None:
    """Write what became of each alert to stdout, as text or Markdown."""
    for number, one in enumerate(taken.alerts):
        if number:
            click.echo()
        _print_one(one, output)


def _print_one(one: Handled, output: str) -> None:
    from ..diagnosis import DiagnosisReport

    mark = "**" if output == "markdown" else ""
    click.echo(f"{mark}alert {one.result.value}{mark}: {one.reason}")
    for note in one.target.notes if one.target else ():
        click.echo(f"  note:  {note}")
    if isinstance(one.outcome, DiagnosisReport):
        print_diagnosis(one.outcome, output)
    elif one.outcome is not None:
        print_report(one.outcome, output)
    elif one.next_step:
        click.echo(f"  next:  {one.next_step}")
