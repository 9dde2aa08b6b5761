"""What a case says has happened before, as the guards' memory."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from arm.facts.times import parse_time
from guards import Asked, Limits, Memory
from guards.memory import ChangedVm, Earlier, Frozen, Incident
from guards.windows import Window
from remediate.config.model import window_of


def limits(entry: dict[str, Any]) -> Limits:
    windows = tuple(window(one, number) for number, one in enumerate(entry.get("windows", ()), 1))
    numbers = {name: value for name, value in entry.items() if name in ("loop_runs", "blast_vms", "blast_percent")}
    days = {"loop_span": timedelta(days=entry["loop_days"])} if "loop_days" in entry else {}
    return Limits(**numbers, **days, windows=windows)


def window(entry: dict[str, Any], number: int = 1) -> Window:
    return window_of(entry, number)


def memory(entry: dict[str, Any]) -> Memory:
    frozen, incident = entry.get("frozen"), entry.get("incident")
    return Memory(
        limits=limits(entry.get("limits", {})),
        asked=Asked(entry.get("asked", "repair")),
        frozen=Frozen(frozen["reason"], frozen["who"], parse_time(frozen["at"])) if frozen else None,
        earlier=tuple(Earlier(one["run"], parse_time(one["at"])) for one in entry.get("earlier", ())),
        incident=Incident(
            incident["id"],
            incident["runbook"],
            parse_time(incident["since"]),
            parse_time(incident["last"]),
            incident["first_vm"],
            incident["vms"],
        )
        if incident
        else None,
        others=tuple(
            ChangedVm(f"/vm/{entry_.get('name', number)}-{copy}", entry_["vault"])
            for number, entry_ in enumerate(entry.get("others", ()))
            for copy in range(entry_.get("count", 1))
        ),
        counted=entry.get("counted", False),
    )
