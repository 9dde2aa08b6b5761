"""What a script inside a VM has answered. It is untrusted: anything may stand there, or nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOST = 4096
"""How many bytes of output Azure keeps: the last ones."""


@dataclass(frozen=True)
class Answer:
    """The one JSON document that a script writes.

    Attributes:
        needed: something had to be changed, or has to be (``check``).
        applied: what is wanted is there.
        pending: what is still to come before it works: ``agent restart``, ``reboot``, or nothing.
        refused: why the script would not do it.
        error: why it could not.
        found: what it saw.
        changed: what it changed, with what was there before.
    """

    action: str
    verb: str
    needed: bool
    applied: bool
    pending: str = ""
    refused: str = ""
    error: str = ""
    found: Mapping[str, Any] = field(default_factory=dict)
    changed: tuple[Mapping[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the answer for the journal."""
        return {
            "action": self.action,
            "verb": self.verb,
            "needed": self.needed,
            "applied": self.applied,
            "pending": self.pending,
            "refused": self.refused,
            "error": self.error,
            "found": dict(self.found),
            "changed": [dict(one) for one in self.changed],
        }


def parse_answer(output: str, action: str, verb: str) -> Answer | str:
    """Return the answer in a script's output, or why there is none that can be believed.

    Args:
        output: what the script wrote, as far as Azure kept it.
        action: which script was run.
        verb: what it was asked to do.
    """
    text = output.strip()
    if not text:
        return "the script wrote nothing"
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        cut = " (its beginning is cut off)" if len(output.encode()) >= MOST else ""
        return f"what the script wrote is no answer{cut}: {text[:80]!r}"
    if not isinstance(data, dict) or (data.get("action"), data.get("verb")) != (action, verb):
        return f"the answer is not that of {action}, {verb}: {text[:80]!r}"
    needed, applied = data.get("needed"), data.get("applied")
    if not isinstance(needed, bool) or not isinstance(applied, bool):
        return f"the answer does not say whether it was needed and is applied: {text[:80]!r}"
    words = {name: str(data.get(name) or "")[:500] for name in ("pending", "refused", "error")}
    found, changed = data.get("found"), data.get("changed")
    return Answer(
        action,
        verb,
        needed,
        applied,
        found=found if isinstance(found, dict) else {},
        changed=tuple(one for one in changed if isinstance(one, dict)) if isinstance(changed, list) else (),
        **words,
    )
