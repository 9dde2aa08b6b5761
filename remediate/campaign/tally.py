"""Many histories: played by several processes, counted, and told as text or JSON."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from simulator import SCENARIOS, Simulator
from simulator.guest.linux import LinuxGuest

from .history import play

Tell = Callable[[str], None]
SCHEMA = "remediate.campaign/1"
LAST = 40
"""How many lines of a history with a violation are shown."""
CHUNK = 8
"""How many seeds a process plays before it tells of them."""
SHOWN = 1000
"""After so many histories, a campaign says how far it is."""


@dataclass(frozen=True)
class Broken:
    """A violation, and how to see it again.

    Attributes:
        last: the last lines of its history.
    """

    seed: int
    scenario: str
    invariant: str
    text: str
    event: int
    last: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it for the JSON output."""
        return {
            "seed": self.seed,
            "scenario": self.scenario,
            "invariant": self.invariant,
            "text": self.text,
            "event": self.event,
            "last": list(self.last),
        }


@dataclass
class Tally:
    """What many histories came to, all together.

    Attributes:
        seconds: virtual time.
        took: real time.
    """

    first: int
    seeds: int = 0
    seconds: float = 0.0
    requests: int = 0
    writes: int = 0
    events: int = 0
    crashes: int = 0
    runs: int = 0
    took: float = 0.0
    scenarios: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    happenings: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    violations: list[Broken] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add what another one has counted."""
        for name in ("seeds", "seconds", "requests", "writes", "events", "crashes", "runs"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("scenarios", "faults", "happenings", "verdicts"):
            getattr(self, name).update(getattr(other, name))
        self.violations = sorted([*self.violations, *other.violations], key=lambda one: one.seed)

    @property
    def rate(self) -> str:
        """How many histories were played in a second of real time."""
        return f"{self.seeds / self.took:.1f} a second" if self.took else ""

    @property
    def exit_code(self) -> int:
        """0 when nothing was violated."""
        return 1 if self.violations else 0

    def to_json(self) -> dict[str, Any]:
        """Return it as ``remediate.campaign/1`` (documented in ``docs/schemas``)."""
        return {
            "schema": SCHEMA,
            "first_seed": self.first,
            "seeds": self.seeds,
            "virtual_hours": round(self.seconds / 3600, 1),
            "real_seconds": round(self.took, 1),
            "requests": self.requests,
            "writes": self.writes,
            "events": self.events,
            "runs": self.runs,
            "crashes": self.crashes,
            "scenarios": dict(sorted(self.scenarios.items())),
            "faults": dict(sorted(self.faults.items())),
            "happenings": dict(sorted(self.happenings.items())),
            "verdicts": dict(sorted(self.verdicts.items())),
            "violations": [one.to_json() for one in self.violations],
        }

    def lines(self) -> Iterator[str]:
        """Yield it as text."""
        last = self.first + self.seeds - 1
        rate = f", {self.rate}" if self.rate else ""
        yield f"{self.seeds} histories (seeds {self.first} to {last}) of {len(self.scenarios)} scenarios{rate}"
        yield f"  virtual hours   {self.seconds / 3600:,.0f}"
        yield f"  requests        {self.requests:,} ({self.writes:,} writes)"
        yield f"  events          {self.events:,}"
        yield f"  runs            {self.runs:,}"
        yield f"  crashes         {self.crashes:,}"
        yield f"  faults          {sum(self.faults.values()):,} of {len(self.faults)} kinds"
        yield from (f"    {name:<30}{count:>8,}" for name, count in sorted(self.faults.items()))
        yield f"  happenings      {sum(self.happenings.values()):,}"
        yield from (f"    {name:<30}{count:>8,}" for name, count in sorted(self.happenings.items()))
        yield f"  calls ended     {sum(self.verdicts.values()):,}"
        yield from (f"    {name:<30}{count:>8,}" for name, count in sorted(self.verdicts.items()))
        yield f"  violations      {len(self.violations)}"
        for one in self.violations:
            yield ""
            yield f"seed {one.seed} ({one.scenario}), event {one.event}: {one.invariant}"
            yield f"  {one.text}"
            yield from (f"  | {line}" for line in one.last)


def played(seeds: Iterable[int], scenarios: tuple[str, ...], first: int, tell: Tell | None = None) -> Tally:
    """Play some histories in this process.

    Args:
        seeds: their seeds.
        scenarios: names of the scenarios that each draws from.
        first: the first seed of the campaign.
        tell: told every line of every history.
    """
    tally = Tally(first)
    for seed in seeds:
        found = play(seed, scenarios)
        if tell is not None:
            for line in found.log:
                tell(line)
        own = Tally(first, 1, found.seconds, found.requests, found.writes, found.events, found.crashes, found.runs)
        own.scenarios[found.scenario] += 1
        own.faults, own.happenings, own.verdicts = found.faults, found.happenings, found.verdicts
        own.violations = [
            Broken(seed, found.scenario, one.invariant, one.text, one.event, found.log[-LAST:])
            for one in found.violations
        ]
        tally.add(own)
    return tally


def campaign(
    first: int,
    seeds: int,
    scenarios: tuple[str, ...] = (),
    workers: int = 0,
    tell: Tell | None = None,
    on_the_way: Callable[[Tally], None] | None = None,
) -> Tally:
    """Play a campaign.

    Args:
        first: the first seed.
        seeds: how many.
        scenarios: names of the scenarios; empty for all that :func:`quick_scenarios` names.
        workers: how many processes; 0 for one on each core.
        tell: told every line of every history; then one process plays them all.
        on_the_way: shown, now and then, what there is so far; not where one process plays them all.
    """
    begun = time.perf_counter()
    scenarios = scenarios or quick_scenarios()
    workers = min(workers or len(os.sched_getaffinity(0)), -(-seeds // CHUNK))
    tally = Tally(first)
    if workers <= 1 or tell is not None:
        tally.add(played(range(first, first + seeds), scenarios, first, tell))
    else:
        parts = [range(one, min(one + CHUNK, first + seeds)) for one in range(first, first + seeds, CHUNK)]
        work = [(part, scenarios, first) for part in parts]
        with multiprocessing.get_context("spawn").Pool(workers) as pool:
            for one in pool.imap(_played, work):
                tally.add(one)
                tally.took = time.perf_counter() - begun
                if on_the_way is not None and tally.seeds % SHOWN < CHUNK:
                    on_the_way(tally)
    tally.took = time.perf_counter() - begun
    return tally


def _played(work: tuple[Sequence[int], tuple[str, ...], int]) -> Tally:
    return played(*work)


@cache
def quick_scenarios() -> tuple[str, ...]:
    """Return the names of all scenarios but those in which scripts really run, inside a Linux of the simulator."""
    found = []
    for name in SCENARIOS:
        simulator = Simulator(name)
        if not any(isinstance(vm.inside, LinuxGuest) for vm in simulator.world.compute.vms.values()):
            found.append(name)
        simulator.world.close()
    return tuple(found)
