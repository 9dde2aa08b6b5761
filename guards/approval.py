"""Consent: what the operator has accepted for a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from actions.change import Change, Impact


@dataclass(frozen=True)
class Consent:
    """What was accepted.

    Attributes:
        yes: changes without impact may be sent (``--yes``, or "y" at the prompt).
        approved: fingerprints of the changes of approved plans; nothing but exactly these.
    """

    yes: bool = False
    approved: frozenset[str] = frozenset()

    def to_json(self) -> dict[str, Any]:
        """Return the consent for the journal."""
        return {"yes": self.yes, "approved": sorted(self.approved)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Consent:
        """Return the consent that :meth:`to_json` wrote."""
        return cls(bool(data.get("yes")), frozenset(data.get("approved", ())))

    def joined(self, other: Consent) -> Consent:
        """Return what either of the two accepts."""
        return Consent(self.yes or other.yes, self.approved | other.approved)


def missing_approval(change: Change, consent: Consent) -> Impact | None:
    """Return the impact that still has to be accepted for a change, ``None`` when it is accepted.

    ``--yes`` accepts what has no impact; everything else wants an approval of the very plan it is in.
    """
    if change.fingerprint in consent.approved or (change.impact is Impact.NONE and consent.yes):
        return None
    return change.impact
