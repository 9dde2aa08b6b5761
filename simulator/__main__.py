"""``python -m simulator``: serve a scenario until interrupted."""

from __future__ import annotations

import argparse
import sys

from . import SCENARIOS, Simulator, UnknownScenario, serve


def main() -> int:
    """Print one line of JSON when ready, then serve until SIGINT or SIGTERM; 2 for an unknown scenario."""
    parser = argparse.ArgumentParser(prog="python -m simulator", description="Azure on the wire, for drills.")
    parser.add_argument("--scenario", default="rp-collection-limit", help=f"one of: {', '.join(SCENARIOS)}")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--tls", action="store_true", help="serve HTTPS with a certificate made for the occasion")
    parser.add_argument("--vm", default="web-01", help="name of the main VM")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds added to every answer")
    options = parser.parse_args()
    try:
        simulator = Simulator(options.scenario, vm=options.vm)
    except UnknownScenario as error:
        sys.stderr.write(f"{error}\n")
        return 2
    with serve(simulator, options.port, tls=options.tls, latency=options.latency) as server:
        server.wait(lambda: print(server.ready_line(), flush=True))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
