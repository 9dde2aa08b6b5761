"""How many crash points there are, and how many of them programs are stopped at: ``python -m tests.crash.figures``."""

from __future__ import annotations

import json

from arm.writes import AFTER_SEND
from remediate.engine.boundaries import BOUNDARIES, PROBING

from .cases import CASES
from .harness import Case, Point, recorded

SECOND_STOPS = 8
"""After a first stop behind a send, whose answer may be lost, another comes at each of so many that follow."""


def twice(case: Case) -> list[tuple[Point, Point]]:
    """Return the pairs of boundaries at which a first and a second program of a case are stopped."""
    reached = recorded(case)[0].reached
    first = next(point for name in (AFTER_SEND, PROBING) for point in reached if point.name == name)
    return [(first, second) for second in recorded(case, first.number)[0].reached[first.number + 1 :][:SECOND_STOPS]]


def covered() -> set[str]:
    """Return the boundaries that programs are stopped at."""
    once = {point.name for case in CASES for point in recorded(case)[0].reached}
    return once | {second.name for case in CASES if not case.otherwise for _, second in twice(case)}


def figures() -> dict[str, int]:
    """Return the figures."""
    points = [(case.name, point.number) for case in CASES for point in recorded(case)[0].reached]
    kinds = {(point.operation, point.name) for case in CASES for point in recorded(case)[0].reached if point.operation}
    return {
        "boundaries": len(BOUNDARIES),
        "boundaries covered": len(covered()),
        "cases": len(CASES),
        "crash points": len(points),
        "kinds of write and boundary": len(kinds),
        "pairs of crash points": sum(len(twice(case)) for case in CASES if not case.otherwise),
    }


if __name__ == "__main__":
    print(json.dumps(figures(), indent=2))
