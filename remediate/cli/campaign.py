"""``simulate campaign``: many seeded histories, each one judged."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from arm.errors import UsageError

from .output import print_json

if TYPE_CHECKING:
    from ..campaign.tally import Tally


@click.command(short_help="Play seeded histories with faults and crashes, and judge each.")
@click.option("--seeds", type=click.IntRange(1), default=100, show_default=True, help="How many histories.")
@click.option("--from", "first", type=click.IntRange(0), default=0, show_default=True, help="The first seed.")
@click.option("--scenario", "scenarios", multiple=True, metavar="NAME", help="Only this scenario; may be repeated.")
@click.option("--workers", type=click.IntRange(0), default=0, help="How many processes; default one on each core.")
@click.option("-v", "--verbose", is_flag=True, help="Print every event; in one process.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
def campaign(**given: Any) -> int:
    """Play seeded histories of a simulated Azure that fails, of people, and of crashes; judge each after every event.

    One seed is one history, byte for byte. Exit status 1 when something was violated.
    """
    from ..campaign.tally import campaign as play_all

    scenarios, tell = _known(given["scenarios"]), click.echo if given["verbose"] else None
    on_the_way = partial(_on_the_way, of=given["seeds"])
    tally = play_all(given["first"], given["seeds"], scenarios, given["workers"], tell, on_the_way)
    if given["output"] == "json":
        print_json(tally.to_json())
        return tally.exit_code
    for line in tally.lines():
        click.echo(line)
    return tally.exit_code


def _on_the_way(tally: Tally, of: int) -> None:
    """Say on stderr how far it is; a long campaign takes hours."""
    if tally.seeds < of:
        click.echo(f"{tally.seeds:,} of {of:,} histories, {len(tally.violations)} violations, {tally.rate}", err=True)


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    from simulator.app import UnknownScenario, find_scenario

    try:
        return tuple(find_scenario(name).name for name in names)
    except UnknownScenario as error:
        raise UsageError(str(error), "'remediate simulate list' shows them.", error.closest) from error
