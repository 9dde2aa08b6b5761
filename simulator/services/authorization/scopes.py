"""Comparing scopes and actions."""

from __future__ import annotations

import re
from functools import cache


def within(inner: str, outer: str) -> bool:
    """Say whether one scope is another or inside it."""
    inner, outer = inner.rstrip("/").lower(), outer.rstrip("/").lower()
    return inner == outer or inner.startswith(outer + "/")


@cache
def pattern(entry: str) -> re.Pattern[str]:
    """Return the expression of an action with ``*`` for any text."""
    return re.compile(".*".join(re.escape(part) for part in entry.split("*")), re.IGNORECASE)
