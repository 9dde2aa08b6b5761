"""``simulate``: serve and list scenarios."""

from __future__ import annotations

import click

import simulator
from arm.errors import UsageError

from .output import print_json


def print_scenarios(output: str) -> None:
    """Print the scenarios."""
    found = simulator.SCENARIOS.values()
    if output == "json":
        rows = [{"name": one.name, "code": one.code, "broken": one.broken} for one in found]
        print_json({"schema": "simulator.scenarios/1", "scenarios": rows})
        return
    if output == "markdown":
        click.echo("| scenario | error | what is broken |\n|---|---|---|")
    for one in found:
        line = f"| `{one.name}` | {one.code or '-'} | {one.broken} |"
        click.echo(line if output == "markdown" else f"{one.name:<44}{one.broken}")


def serve_scenario(scenario: str, port: int, vm: str, latency: int, *, tls: bool) -> None:
    """Serve a scenario until SIGINT or SIGTERM.

    Raises:
        UsageError: an unknown scenario, or a port that is taken.
    """
    try:
        world = simulator.Simulator(scenario, vm=vm)
    except simulator.UnknownScenario as error:
        raise UsageError(str(error), "'remediate simulate list' shows them.", error.closest) from error

    try:
        with simulator.serve(world, port=port, tls=tls, latency=latency / 1000) as server:
            server.wait(lambda: click.echo(server.ready_line()))
    except OSError as error:
        raise UsageError(f"port {port} cannot be served: {error.strerror}", "Choose another --port.") from error
