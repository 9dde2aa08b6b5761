"""``config check``: what is configured, or everything that is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .options import config_options, output_options
from .output import print_json

if TYPE_CHECKING:
    from ..config import Config


@click.group()
def config() -> None:
    """Look at the configuration, remediate.toml."""


@config.command(short_help="Say what is in force, or what is wrong.")
@config_options
@output_options
def check(config: str | None, output: str) -> int:
    """Say which configuration is in force, with every value; or everything that is wrong with it, with its line.

    With mistakes the exit code is 2, as it is then for every command that could change something.
    """
    from ..config import load_config

    found = load_config(config)
    if output == "json":
        print_json(found.to_json())
    else:
        _print(found, output)
    return 0


def _print(found: Config, output: str) -> None:
    from guards.windows import DISRUPTIVE

    from ..config.model import TABLES

    markdown = output == "markdown"
    click.echo(f"configuration: {found.path or 'none; the defaults hold'}")
    click.echo("\n| setting | value | what it is |\n|---|---|---|" if markdown else "")
    for table, keys in TABLES.items():
        for key, known in keys.items():
            value, where = known.shown(found.values[table][key]), f"{table}.{key}"
            line = f"  {where:<32}{value:>5}  {known.described}"
            click.echo(f"| `{where}` | {value} | {known.described} |" if markdown else line)
    click.echo("")
    for window in found.windows:
        what = "disruptive changes" if window.impact == DISRUPTIVE else "changes"
        click.echo(f"{'* ' if markdown else '  '}{what} in {window.spoken}")
    if not found.windows:
        click.echo(f"{'* ' if markdown else '  '}no change windows: changes may be made at any time")
