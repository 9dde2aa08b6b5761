"""Which mutants the campaign sees: ``python -m tests.mutants.campaign [NAME ...]``, one JSON line each.

A seed counts only when its history is without a violation as long as the measure is there. ``seen.json`` has, for each
mutant, the scenarios in which it matters, and a seed that shows it; ``--record`` writes there what was found. A seed
has to be found again when a change of the program has changed its history.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from remediate.campaign.history import play

from .table import MUTANTS, Mutant

FILE = Path(__file__).with_name("seen.json")
SCENARIOS = (
    "rp-collection-limit",
    "rp-collection-limit-subscription-lock",
    "rp-collection-limit-cleanup-stuck",
    "rp-collection-limit-nine-backups",
    "rp-collection-limit-snapshot-only",
    "extension-failed",
    "com-plus-stopped",
    "unprotected",
)
"""Small worlds in which most of the measures matter; where nothing better is recorded for a mutant."""


@dataclass(frozen=True)
class Seen:
    """How the campaign sees a mutant.

    Attributes:
        scenarios: those from which the history draws its own.
        seed: its seed; ``None`` when none was found.
        invariant: what is violated without the measure.
    """

    scenarios: tuple[str, ...]
    seed: int | None = None
    invariant: str = ""


def recorded() -> dict[str, Seen]:
    """Return what is recorded, by the names of the mutants."""
    told = json.loads(FILE.read_text(encoding="utf-8"))
    return {name: Seen(tuple(one["scenarios"]), one["seed"], one["invariant"]) for name, one in told.items()}


def record(name: str, seen: Seen) -> None:
    """Write down how a mutant is seen; the file has the order of the table."""
    known = {**recorded(), name: seen}
    lines = (
        f"  {json.dumps(one)}: {json.dumps(asdict(known[one]), ensure_ascii=False)}" for one in MUTANTS if one in known
    )
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


@cache
def sound(seed: int, scenarios: tuple[str, ...]) -> bool:
    """Say whether a history has no violation while every measure is there."""
    return not play(seed, scenarios).violations


def broken(mutant: Mutant, seed: int, scenarios: tuple[str, ...]) -> str:
    """Return the invariant that a history violates without a measure; empty for none."""
    with mutant.patch():
        violations = play(seed, scenarios).violations
    return violations[0].invariant if violations else ""


def find(mutant: Mutant, seeds: range, scenarios: tuple[str, ...], invariant: str = "") -> Seen:
    """Return the first seed whose history shows that a measure is missing; one without a seed when none does.

    Args:
        mutant: the measure.
        seeds: those to try.
        scenarios: those from which each history draws its own.
        invariant: only a history that violates this one counts; empty for any.
    """
    for seed in seeds:
        hit = broken(mutant, seed, scenarios)
        if hit and invariant in ("", hit) and sound(seed, scenarios):
            return Seen(scenarios, seed, hit)
    return Seen(scenarios)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what the campaign sees of each mutant; return 1 when there is one of which it sees nothing."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--scenario", action="append", help="may be repeated; default: those recorded for the mutant")
    parser.add_argument("--invariant", default="", help="only histories that violate this one")
    parser.add_argument("--record", action="store_true", help="write what is found to seen.json")
    parser.add_argument("names", nargs="*")
    told = parser.parse_args(arguments)
    missed = 0
    for name in told.names or MUTANTS:
        before = recorded().get(name, Seen(SCENARIOS))
        scenarios = tuple(told.scenario or before.scenarios)
        found = find(MUTANTS[name], range(told.first, told.first + told.seeds), scenarios, told.invariant)
        missed += found.seed is None
        if told.record and found.seed is not None:
            record(name, found)
        print(json.dumps({"mutant": name, **asdict(found)}), flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
