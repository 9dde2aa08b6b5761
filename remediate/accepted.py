"""What the operator accepts in advance."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Accepted:
    """What the operator accepts in advance.

    Attributes:
        yes: changes that are neither destructive nor disruptive nor weaken security.
        approve: digest of the plan whose every change is accepted.
        expect: digest the plan must have, or nothing is sent (``apply FILE``).
    """

    yes: bool = False
    approve: str = ""
    expect: str = ""
