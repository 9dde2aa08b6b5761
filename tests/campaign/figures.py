"""The figures of the last large campaign, as the page has them: ``python -m tests.campaign.figures`` prints them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OUTPUT = Path(__file__).resolve().parents[2] / "docs" / "figures" / "campaign.json"
"""What ``remediate simulate campaign --seeds 100000 -o json`` has printed."""
TOTALS = {
    "virtual hours": "virtual_hours",
    "requests": "requests",
    "of them writes": "writes",
    "events after which the court looked": "events",
    "runs": "runs",
    "processes that were killed": "crashes",
}


def output() -> dict[str, Any]:
    """Return what the campaign has printed."""
    figures: dict[str, Any] = json.loads(OUTPUT.read_text(encoding="utf-8"))
    return figures


def tables(figures: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the tables."""
    yield from _table(
        "campaign",
        {
            "histories": figures["seeds"],
            "scenarios": len(figures["scenarios"]),
            **{name: figures[key] for name, key in TOTALS.items()},
            "violations": len(figures["violations"]),
        },
    )
    for title, key in (("fault", "faults"), ("happening", "happenings"), ("how calls ended", "verdicts")):
        yield ""
        yield from _table(title, figures[key])


def _table(title: str, counts: dict[str, float]) -> Iterator[str]:
    yield f"| {title} | figure |"
    yield "|---|---:|"
    yield from (f"| {name} | {count:,.0f} |" for name, count in counts.items())


if __name__ == "__main__":
    print("\n".join(tables(output())))
