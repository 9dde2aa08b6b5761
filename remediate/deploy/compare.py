"""What is there against what is wanted. Azure adds properties and changes case; neither is a difference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from arm.facts.times import parse_time
from arm.ids import normal

from . import writes

TAG = "backup-remediation-deployment"
"""The tag that marks what a deployment has made; its value is the name of the Automation account."""
UNSEEN: dict[str, frozenset[str]] = {
    writes.RUNBOOK: frozenset({"publishContentLink", "draft"}),
    writes.SCHEDULE: frozenset({"startTime", "timeZone"}),
    writes.WEBHOOK: frozenset({"uri", "expiryTime"}),
    writes.PACKAGE: frozenset({"contentLink"}),
}
"""By type: properties that say how a resource is made, and nothing of how it is."""
EXACT = "value"
"""The property of a variable, in which case counts."""
SECRET = ("uri", "serviceUri")
"""Properties that are passwords; nobody gets to see them."""
HIDDEN = "(not shown)"


def difference(kind: str, have: Mapping[str, Any], want: Mapping[str, Any]) -> tuple[Any, Any] | None:
    """Return what differs, as it is and as it is wanted; ``None`` when nothing does.

    Args:
        kind: the resource's type.
        have: the resource as Azure shows it.
        want: what would be sent; only what is in it counts.
    """
    unseen = UNSEEN.get(kind, frozenset())
    properties = {name: value for name, value in (want.get("properties") or {}).items() if name not in unseen}
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}
    for name, value in {**want, "properties": properties}.items():
        found = _differs(name, have.get(name), value)
        if found is not None:
            before[name], after[name] = found
    return (before, after) if after else None


def _differs(name: str, have: Any, want: Any) -> tuple[Any, Any] | None:
    if isinstance(want, Mapping):
        inner = have if isinstance(have, Mapping) else {}
        pairs = {key: _differs(key, inner.get(key), value) for key, value in want.items()}
        found = {key: pair for key, pair in pairs.items() if pair is not None}
        if not found:
            return None
        return {key: pair[0] for key, pair in found.items()}, {key: pair[1] for key, pair in found.items()}
    if isinstance(want, list):
        return None if _same_list(name, have, want) else (have, want)
    return None if _same(name, have, want) else (have, want)


def _same_list(name: str, have: Any, want: list[Any]) -> bool:
    if not isinstance(have, list) or len(have) != len(want):
        return not want and have is None
    if all(isinstance(one, str) for one in (*have, *want)):
        return sorted(map(_folded, have)) == sorted(map(_folded, want))
    return all(_differs(name, one, other) is None for one, other in zip(have, want, strict=True))


def _same(name: str, have: Any, want: Any) -> bool:
    if name == EXACT or not isinstance(have, str) or not isinstance(want, str):
        return bool(have == want)
    moment = parse_time(want)
    if moment is not None:
        return parse_time(have) == moment
    if name == "location":
        return have.replace(" ", "").casefold() == want.replace(" ", "").casefold()
    return _folded(have) == _folded(want)


def _folded(text: str) -> str:
    return normal(text) if text.startswith("/") else text.casefold()


def shown(value: Any, name: str = "") -> Any:
    """Return a value without its passwords, as it may be printed."""
    if name in SECRET and isinstance(value, str):
        return HIDDEN
    if isinstance(value, Mapping):
        return {key: shown(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [shown(inner) for inner in value]
    return value


def made_here(resource: Mapping[str, Any] | None, account: str) -> bool:
    """Say whether a resource carries the tag of this deployment."""
    tags = (resource or {}).get("tags") or {}
    found = next((value for name, value in tags.items() if name.casefold() == TAG), "")
    return str(found).casefold() == account.casefold()
