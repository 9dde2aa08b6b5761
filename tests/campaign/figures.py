"""The figures of the last large campaigns, as the page has them: ``python -m tests.campaign.figures`` prints them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parents[2] / "docs" / "figures"
CAMPAIGN, LINUX = "campaign.json", "campaign-linux.json"
"""What ``remediate simulate campaign -o json`` has printed: of the scenarios it draws from by itself; of the others."""
TOTALS = {
    "virtual hours": "virtual_hours",
    "requests": "requests",
    "of them writes": "writes",
    "events after which the court looked": "events",
    "runs": "runs",
    "processes that were killed": "crashes",
}


def output(file: str) -> dict[str, Any]:
    """Return what a campaign has printed."""
    figures: dict[str, Any] = json.loads((_FOLDER / file).read_text(encoding="utf-8"))
    return figures


def tables(*campaigns: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of the tables: a column for each campaign."""
    yield from _table(
        "campaign",
        [
            {
                "histories": one["seeds"],
                "scenarios": len(one["scenarios"]),
                **{name: one[key] for name, key in TOTALS.items()},
                "violations": len(one["violations"]),
            }
            for one in campaigns
        ],
    )
    for title, key in (("fault", "faults"), ("happening", "happenings"), ("how calls ended", "verdicts")):
        yield ""
        yield from _table(title, [one[key] for one in campaigns])


def _table(title: str, columns: list[dict[str, float]]) -> Iterator[str]:
    yield f"| {title} | no Linux guest | Linux guest |"
    yield "|---|" + "---:|" * len(columns)
    for name in dict.fromkeys(name for column in columns for name in column):
        yield f"| {name} | " + " | ".join(f"{column.get(name, 0):,.0f}" for column in columns) + " |"


if __name__ == "__main__":
    print("\n".join(tables(output(CAMPAIGN), output(LINUX))))
