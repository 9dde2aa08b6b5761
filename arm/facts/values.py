"""Values out of Azure's JSON, where any object may be missing or null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def inner(entry: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """Return the object at the end of these names; an empty one when one of them is missing, null or no object.

    >>> inner({"properties": {"instanceView": None}}, "properties", "instanceView")
    {}
    """
    for name in names:
        found = entry.get(name)
        entry = found if isinstance(found, dict) else {}
    return entry
