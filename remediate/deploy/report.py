"""The steps of a deployment for people and programs; passwords are in neither."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from .compare import shown
from .steps import Step

SCHEMA = "remediate.deployment/1"
_LONGEST = 400


def as_json(steps: Sequence[Step], kept: Sequence[str], *, done: bool) -> dict[str, Any]:
    """Return ``remediate.deployment/1``.

    Args:
        steps: what was, or would be, done.
        kept: what an undo leaves, and why.
        done: the steps were carried out.
    """
    return {
        "schema": SCHEMA,
        "done": done,
        "steps": [step.to_json() for step in steps],
        "kept": list(kept),
        "permissions": sorted({one for step in steps for one in step.permissions}),
    }


def as_text(steps: Sequence[Step], kept: Sequence[str], *, done: bool) -> str:
    """Return the same for a terminal."""
    return "\n".join(_lines(steps, kept, done=done))


def _lines(steps: Sequence[Step], kept: Sequence[str], *, done: bool) -> Iterator[str]:
    if not steps:
        yield "nothing to do: everything is as it should be"
    for step in steps:
        yield f"{step.verb:<9}{step.target}"
        if step.note:
            yield f"         why:    {step.note}"
        if step.verb == "change":
            yield f"         before: {_short(step.before)}"
        if step.after is not None:
            yield f"         after:  {_short(step.after)}"
    for one in kept:
        yield f"kept     {one}"
    if steps and not done:
        yield f"\n{len(steps)} {'step' if len(steps) == 1 else 'steps'}; nothing was sent. Permissions that they need:"
        yield from (f"  {one}" for one in sorted({one for step in steps for one in step.permissions}))
    elif steps:
        yield f"\n{len(steps)} {'step' if len(steps) == 1 else 'steps'} done"


def _short(value: Any) -> str:
    text = json.dumps(shown(value), ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} … ({len(text)} characters)"
