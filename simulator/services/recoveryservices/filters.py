"""The ``$filter`` expressions of the backup service: ``name eq 'value'`` joined by ``and``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone

from simulator.wire import Request

from .state import invalid_input

_TERM = re.compile(r"\s*(\w+)\s+eq\s+'?([^']*?)'?\s*$", re.IGNORECASE)


def terms(request: Request, allowed: Mapping[str, str] | set[str] | frozenset[str]) -> dict[str, str]:
    """Return the filter of a request as lower-case name -> value.

    Raises:
        ArmError: 400 for anything but equality terms over ``allowed`` names (lower case).
    """
    text = request.query.get("$filter", "")
    found: dict[str, str] = {}
    for part in re.split(r"\s+and\s+", text, flags=re.IGNORECASE) if text.strip() else ():
        term = _TERM.match(part)
        if term is None or term[1].lower() not in allowed:
            raise invalid_input(f"The filter '{text}' is not supported.")
        found[term[1].lower()] = term[2]
    return found


def moment(text: str) -> datetime:
    """Return a time of a filter, e.g. ``2026-03-01 01:02:03 AM`` (12-hour clock, UTC).

    Raises:
        ArmError: 400 when it is written otherwise.
    """
    try:
        return datetime.strptime(text, "%Y-%m-%d %I:%M:%S %p").replace(tzinfo=timezone.utc)
    except ValueError as error:
        raise invalid_input(f"The time '{text}' is not of the form yyyy-MM-dd hh:mm:ss tt.") from error


def same(value: str, wanted: str | None) -> bool:
    """Whether a value passes a filter term; without the term everything does."""
    return wanted is None or value.lower() == wanted.lower()
