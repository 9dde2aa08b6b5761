"""How what a script has seen inside the VM answers a check, alone or together with what Azure tells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from arm.errors import RemediationError
from arm.facts.guest import GuestFacts

from .model import Seen, Status

if TYPE_CHECKING:
    from arm.facts.collect import VmFacts

Judge = Callable[[GuestFacts], "Seen | None"]
"""Judges what a look inside the VM has told; ``None`` where it has not told what the question is about."""
Look = Callable[["VmFacts"], Seen]

ONLY_INSIDE = (Status.UNKNOWN, "only visible inside the VM")
NOT_TOLD = (Status.UNKNOWN, "the look inside the VM could not tell")
LET_LOOK = "or let a script look that changes nothing: --probe-guest"
"""How to let the tool look, where nobody has."""
_MOST_SHOWN = 5
_GOODNESS = (Status.UNKNOWN, Status.PASS, Status.WARN, Status.FAIL)


def inside(judge: Judge) -> Look:
    """Return the look of a check that only the guest operating system can answer."""

    def look(facts: VmFacts) -> Seen:
        guest = facts.guest()
        return ONLY_INSIDE if guest is None else judge(guest) or NOT_TOLD

    return look


def readable(look: Look, facts: VmFacts) -> Seen:
    """Return what Azure tells; where it may not be read, why, so that the guest's answer counts all the same."""
    try:
        return look(facts)
    except RemediationError as error:
        return Status.UNKNOWN, f"not readable: {error.message}"


def together(azure: Seen, guest: Seen) -> Seen:
    """Return both answers as one: the worse of the two, an unknown one giving way; where they disagree, that is said.

    >>> together((Status.PASS, "agent Ready"), (Status.FAIL, "RdAgent is Stopped"))[1]
    'agent Ready; inside the VM: RdAgent is Stopped; the two contradict each other'
    """
    status = max(azure[0], guest[0], key=_GOODNESS.index)
    contradiction = {azure[0], guest[0]} in ({Status.PASS, Status.FAIL}, {Status.PASS, Status.WARN})
    return status, f"{azure[1]}; inside the VM: {guest[1]}{'; the two contradict each other' if contradiction else ''}"


def worst(*seen: Seen | None) -> Seen | None:
    """Return several answers to one question as one: what is amiss, else all of it.

    ``None`` among them is a part that was not told: without anything amiss, the whole is unknown.

    >>> worst((Status.PASS, "VSS is Stopped/Manual"), (Status.FAIL, "2 writers are unstable"))
    (<Status.FAIL: 'fail'>, '2 writers are unstable')
    """
    known = [one for one in seen if one is not None]
    amiss = [one for one in known if one[0] in (Status.WARN, Status.FAIL)]
    if not known:
        return None
    if not amiss and len(known) < len(seen):
        return Status.UNKNOWN, f"{'; '.join(one[1] for one in known)}; the rest could not be told"
    shown = amiss or known
    return max((one[0] for one in shown), key=_GOODNESS.index), "; ".join(one[1] for one in shown)


def some(items: Sequence[str]) -> str:
    """Return the first few of many.

    >>> some(["a", "b", "c", "d", "e", "f", "g"])
    'a, b, c, d, e and 2 more'
    """
    more = len(items) - _MOST_SHOWN
    return f"{', '.join(items[:_MOST_SHOWN])}{f' and {more} more' if more > 0 else ''}"
