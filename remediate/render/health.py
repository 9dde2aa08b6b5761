"""The results of health checks as people read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import click

from ..health import WORST_FIRST, FleetHealth, Health
from ..report import spoken_requests
from .markdown import cell

if TYPE_CHECKING:
    from runbooks.checks import Check, Result

_COLOURS = {"fail": "red", "warn": "yellow", "unknown": "cyan", "pass": "green"}
_WIDTH = 9
_ID = 22


def health_text(found: Health) -> str:
    """Return the results of one VM as text, the worst first."""
    return "\n".join(_lines(found))


def _lines(found: Health) -> Iterator[str]:
    yield click.style(f"Health of {_name(found.vm_id)}{_in(found)}", bold=True)
    if found.looked:
        yield f"look inside the VM: {found.looked}"
    yield ""
    for check, result in _ordered(found):
        status = result.status.value
        yield f"{click.style(f'{status:<{_WIDTH}}', fg=_COLOURS[status])}{result.id:<{_ID}} {result.saw}"
        if status == "pass":
            continue
        if result.inside:
            yield f"{'':<{_WIDTH}}look:     {result.inside}"
        yield f"{'':<{_WIDTH}}expected: {result.expected}"
        if status != "unknown":
            yield f"{'':<{_WIDTH}}why:      {check.why}"
    yield ""
    yield f"{_spoken(found.totals)}; {spoken_requests(found.requests or {})}"


def health_markdown(found: Health) -> str:
    """Return the results of one VM as Markdown, the worst first."""
    rows = [
        f"| {one.status.value} | {one.id} | {cell(one.saw)} | {cell(one.expected)} | {cell(one.why)} |"
        for _, one in _ordered(found)
    ]
    looked = [f"Look inside the VM: {found.looked}.", ""] if found.looked else []
    head = [f"## Health of {_name(found.vm_id)}{_in(found)}", "", f"{_spoken(found.totals)}.", "", *looked]
    return "\n".join([*head, "| | check | seen | expected | why |", "|---|---|---|---|---|", *rows])


def fleet_text(found: FleetHealth) -> str:
    """Return the results of many VMs as text, one line each, the worst first."""
    return "\n".join(_fleet_lines(found))


def _fleet_lines(found: FleetHealth) -> Iterator[str]:
    for one in found.machines:
        worst = next((status for status in ("fail", "warn") if one.totals[status]), "pass")
        worst = worst if one.totals[worst] else "unknown"
        shown = click.style(f"{worst:<{_WIDTH}}", fg=_COLOURS[worst])
        yield f"{shown}{_name(one.vm_id)}{_in(one)}: {_amiss(one) or _spoken(one.totals)}"
    yield ""
    alone = sum(not check.fleet for check in found.checks)
    yield f"{_counted(found)}: {_spoken(found.totals)}; {spoken_requests(found.requests)}"
    if alone:
        yield f"{alone} checks cannot be answered for many machines at a time: ask for one with --vm"


def fleet_markdown(found: FleetHealth) -> str:
    """Return the results of many VMs as Markdown, the worst first."""
    rows = [
        f"| {_name(one.vm_id)} | {one.vault} | {' | '.join(str(one.totals[status]) for status in WORST_FIRST)} | "
        f"{cell(_amiss(one))} |"
        for one in found.machines
    ]
    head = [f"{_counted(found)}: {_spoken(found.totals)}.", ""]
    columns = f"| VM | vault | {' | '.join(WORST_FIRST)} | amiss |"
    return "\n".join([*head, columns, "|---" * (len(WORST_FIRST) + 3) + "|", *rows])


def _counted(found: FleetHealth) -> str:
    count = len(found.machines)
    return f"{count} machine{'' if count == 1 else 's'}"


def _amiss(one: Health) -> str:
    named = [(status, [result.id for result in one.of(status)]) for status in ("fail", "warn")]
    return "; ".join(f"{status} {', '.join(ids)}" for status, ids in named if ids)


def _ordered(found: Health) -> list[tuple[Check, Result]]:
    pairs = list(zip(found.checks, found.results, strict=True))
    return sorted(pairs, key=lambda pair: WORST_FIRST.index(pair[1].status.value))


def _name(vm_id: str) -> str:
    return vm_id.rpartition("/")[2]


def _in(found: Health) -> str:
    group = found.vm_id.split("/")[4] if found.vm_id.count("/") >= 8 else ""
    vault = f", vault {found.vault}" if found.vault else ""
    return f" ({group}{vault})"


def _spoken(totals: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in totals.items() if count) or "there is nothing to check"
