"""``freeze``, ``thaw``, ``incidents``: what a human says about every run. No request is sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from .options import config_options, output_options, state_options
from .output import print_json

if TYPE_CHECKING:
    from guards.memory import Frozen

    from ..engine.memory import KnownIncident
    from ..journal.model import Journal


def _reason(_context: click.Context, _option: click.Parameter, value: str) -> str:
    text = " ".join(value.split())
    if not text:
        raise click.BadParameter("it is empty")
    return text


_reason_option = click.option("--reason", required=True, metavar="TEXT", callback=_reason, help="Why; reports say it.")


@click.command(short_help="Stop every change, in every run.")
@_reason_option
@state_options
@output_options
def freeze(reason: str, state: str | None, output: str) -> int:
    """Refuse every change from now on, in every run of everybody who shares this journal.

    A run in flight waits; before it does, it gives back what it has on loan: that is the safe state. Nothing else is
    sent until 'remediate thaw'. A second 'freeze' replaces the reason.
    """
    from arm.runtime import system_runtime

    from ..engine.memory import freeze as switch
    from ..engine.memory import frozen

    with _journal(state) as journal:
        switch(journal, reason, _who(), system_runtime().now())
        _print_frozen(frozen(journal), output, on=True)
    return 0


@click.command(short_help="Allow changes again.")
@state_options
@output_options
def thaw(state: str | None, output: str) -> int:
    """Allow changes again; 'remediate resume' goes on with the runs that wait."""
    from ..engine.memory import thaw as switch

    with _journal(state) as journal:
        _print_frozen(switch(journal), output, on=False)
    return 0


@click.group(short_help="List incidents: many VMs with one error.", invoke_without_command=True)
@config_options
@state_options
@output_options
@click.pass_context
def incidents(context: click.Context, config: str | None, state: str | None, output: str) -> int:
    """List the incidents: many VMs that had one error at a time, for which nothing is changed while they are open."""
    if context.invoked_subcommand is not None:
        return 0
    from ..config import load_config
    from ..engine.memory import incidents as known

    quiet = load_config(config).limits.systemic_quiet
    with _journal(state) as journal:
        _print_incidents(known(journal), quiet, output)
    return 0


@incidents.command(short_help="Close an incident.")
@click.argument("number", metavar="ID")
@_reason_option
@config_options
@state_options
@output_options
def close(number: str, reason: str, config: str | None, state: str | None, output: str) -> int:
    """Close incident ID: its error may be repaired again, and what was seen so far does not count any more."""
    from ..config import load_config
    from ..engine.memory import close_incident

    quiet = load_config(config).limits.systemic_quiet
    with _journal(state) as journal:
        _print_incidents([close_incident(journal, number, reason, _who())], quiet, output)
    return 0


def frozen_json(frozen: Frozen | None) -> dict[str, Any] | None:
    """Return the kill switch for programs."""
    from arm.facts.times import iso

    return {"reason": frozen.reason, "who": frozen.who, "at": iso(frozen.at)} if frozen is not None else None


def frozen_text(frozen: Frozen) -> str:
    """Return the kill switch for people."""
    from arm.facts.times import iso

    return f"every change is frozen since {iso(frozen.at)} by {frozen.who}: {frozen.reason}"


@contextmanager
def _journal(state: str | None) -> Iterator[Journal]:
    from .door import open_journal

    journal = open_journal(state)
    try:
        yield journal
    finally:
        journal.close()


def _who() -> str:
    """Return who calls, and on which machine, as far as the system tells."""
    import getpass
    import os
    import socket

    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user id without a name, as in a container
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _print_frozen(frozen: Frozen | None, output: str, *, on: bool) -> None:
    if output == "json":
        print_json({"schema": "remediate.frozen/1", "frozen": on, "freeze": frozen_json(frozen)})
    elif frozen is None:
        click.echo("nothing was frozen")
    elif on:
        click.echo(f"{frozen_text(frozen)}\n'remediate thaw' ends it.")
    else:
        click.echo(f"changes are allowed again; {frozen_text(frozen).replace('is frozen', 'was frozen')}")


def _print_incidents(found: list[KnownIncident], quiet: timedelta, output: str) -> None:
    from arm.facts.times import iso

    if output == "json":
        print_json({"schema": "remediate.incidents/1", "incidents": [_incident_json(one, quiet) for one in found]})
        return
    if not found:
        click.echo("there is no incident")
        return
    if output == "markdown":
        click.echo("| incident | since | last seen | VMs | error | state |\n|---|---|---|---|---|---|")
    for one in found:
        incident = one.incident
        ends = f"open; ends at {iso(incident.last + quiet)} unless it is seen again"
        state = f"closed by {one.who}: {one.reason}" if one.reason else ends
        cells = (incident.id, iso(incident.since), iso(incident.last), str(incident.vms), incident.runbook, state)
        click.echo(f"| {' | '.join(cells)} |" if output == "markdown" else "  ".join(cells))


def _incident_json(known: KnownIncident, quiet: timedelta) -> dict[str, Any]:
    from arm.facts.times import iso

    incident = known.incident
    return {
        "id": incident.id,
        "error": incident.runbook,
        "endpoint": known.endpoint,
        "since": iso(incident.since),
        "last": iso(incident.last),
        "first_vm": incident.first_vm,
        "vms": incident.vms,
        "quiet_at": iso(incident.last + quiet),
        "closed": {"reason": known.reason, "who": known.who} if known.reason else None,
    }
