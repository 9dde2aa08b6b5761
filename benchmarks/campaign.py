"""Measure how many histories a campaign plays in a second. Prints a Markdown table.

usage: python benchmarks/campaign.py [SEEDS]

The seeds are played by one process and by one process on each core, over all scenarios; the ratio is to so many bare
requests as a history has: reads of a VM by Microsoft's client, answered by the simulator in the same process.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

from measure import machine

from arm.runtime import system_runtime
from arm.session import Session
from remediate.campaign.process import FAR
from remediate.campaign.tally import Tally, campaign
from remediate.campaign.wire import ENDPOINT, LocalTransport
from simulator import SCENARIOS, Simulator

SEEDS, READS = 400, 500
TARGET = "at least 20 a second on two cores"


class Credential:
    def get_token(self, *_: str, **__: object) -> object:
        from azure.core.credentials import AccessToken

        return AccessToken("token", FAR)


def seconds_of(call: Callable[[], object]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def bare_read() -> float:
    """Seconds of one read of a VM, without a campaign."""
    simulator = Simulator(SCENARIOS["healthy"])
    session = Session(
        endpoint=ENDPOINT,
        read_only=True,
        credential=Credential(),  # type: ignore[arg-type]
        runtime=system_runtime(),
        transport=LocalTransport(simulator.handle),
    )
    vm = simulator.setting.vm_id
    session.get(vm, "2024-07-01")

    def read() -> None:
        for _ in range(READS):
            session.get(vm, "2024-07-01")

    took = seconds_of(read)
    simulator.world.close()
    return took / READS


def row(name: str, tally: Tally, read: float) -> str:
    each = tally.took / tally.seeds
    requests = tally.requests / tally.seeds
    return f"| {name} | {tally.seeds / tally.took:.1f} | {requests:.0f} | {each / (requests * read):.1f} |"


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else SEEDS
    cores = len(os.sched_getaffinity(0))
    read = bare_read()
    print(f"{machine()}, {seeds} seeds; target: {TARGET}\n")
    print("| | histories a second | requests in each | ratio of a history to as many bare reads |")
    print("|---|---:|---:|---:|")
    print(row("one process", campaign(0, seeds, workers=1), read))
    print(row(f"{cores} processes", campaign(0, seeds, workers=cores), read))


if __name__ == "__main__":
    main()
