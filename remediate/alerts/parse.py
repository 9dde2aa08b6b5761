"""From a payload to alerts. It never raises, and what it cannot tell is no alert."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from arm.strict_ids import shown

from .model import Alert, Ignored, Why
from .reading import Number, Unreadable, decoded, get
from .shapes import read

MAX_ALERTS = 1000
"""Alerts in one payload; more are no delivery of Azure's."""
_DEEPEST = 10
_ENVELOPES = ("WebhookData", "RequestBody")
_LISTS = ("data", "value")


def parse(payload: object) -> tuple[Alert | Ignored, ...]:
    """Return every alert in a payload, and what else is in it with the reason; at least one thing, never an error.

    Args:
        payload: bytes or a text that should be JSON, or such JSON already read: an alert, a row of Resource Graph, a
            webhook's envelope around one of them (or an envelope in an envelope), or a list of them.
    """
    found: list[Alert | Ignored] = []
    for one in _unwrapped(payload, 0 if isinstance(payload, (bytes, str)) else 1):
        if len(found) >= MAX_ALERTS:
            return (Ignored(Why.MALFORMED, f"it has more than {MAX_ALERTS} alerts in it; none of them is taken"),)
        if one not in found[-1:]:
            found.append(one)
    return tuple(found) or (Ignored(Why.MALFORMED, "it is an empty list, without any alert in it"),)


def _unwrapped(node: Any, depth: int) -> Iterator[Alert | Ignored]:
    """Yield the alerts of a document, whatever is around it."""
    if depth > _DEEPEST:
        yield Ignored(Why.MALFORMED, "it has more envelopes around it than any webhook makes")
    elif isinstance(node, (bytes, str)) and not isinstance(node, Number):
        yield from _decoded(node, depth)
    elif isinstance(node, (list, tuple)):
        for one in node:
            yield from _unwrapped(one, depth + 1)
    elif isinstance(node, dict) and (envelope := next((one for one in _ENVELOPES if _has(node, one)), "")):
        yield from _unwrapped(get(node, envelope), depth + 1)
    elif isinstance(node, dict) and (listed := next((one for one in _LISTS if _is_list(node, one)), "")):
        yield from _unwrapped(get(node, listed), depth + 1)
    elif isinstance(node, dict):
        yield from _read(node)
    else:
        yield Ignored(Why.MALFORMED, f"it is no alert: {shown(node)} instead of a JSON object")


def _decoded(text: bytes | str, depth: int) -> Iterator[Alert | Ignored]:
    try:
        node = decoded(text)
    except Unreadable as error:
        yield Ignored(Why.MALFORMED, f"the payload is not taken: {error}")
    else:
        yield from _unwrapped(node, depth + 1)


def _read(node: dict[Any, Any]) -> Iterator[Alert | Ignored]:
    any_found = False
    for one in read({name: value for name, value in node.items() if isinstance(name, str)}):
        any_found = True
        yield one
    if not any_found:
        yield Ignored(Why.UNUSABLE, "it is an alert without any condition in it, so that it names no machine")


def _has(node: dict[Any, Any], name: str) -> bool:
    return any(str(key).lower() == name.lower() for key in node)


def _is_list(node: dict[Any, Any], name: str) -> bool:
    return isinstance(node.get(name), list)
