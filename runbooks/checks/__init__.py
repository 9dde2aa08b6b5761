"""The health checks: read-only questions about one VM, each answered with what was seen.

A fact that cannot be read makes its check ``unknown`` and keeps no other check from being answered.

>>> [check.id for check in CHECKS][:2]
['CHK-VM-STATE', 'CHK-PENDING-REBOOT']
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from arm.errors import RemediationError, UsageError

from .catalogue import CHECKS
from .guest import LET_LOOK
from .model import Check, Result, Seen, Status, Where

if TYPE_CHECKING:
    from arm.facts.collect import VmFacts

__all__ = ["CHECKS", "Check", "Result", "Status", "Where", "find_check", "look", "look_at"]

BY_ID = {check.id: check for check in CHECKS}


def find_check(name: str) -> Check:
    """Return the check of an id, in any case, with or without ``CHK-``.

    Raises:
        UsageError: there is none; the error lists similar ids.
    """
    wanted = name.strip().upper().replace("_", "-")
    found = BY_ID.get(wanted) or BY_ID.get(f"CHK-{wanted}")
    if found is not None:
        return found
    whole = wanted if wanted.startswith("CHK-") else f"CHK-{wanted}"
    close = difflib.get_close_matches(whole[:80], BY_ID, n=5, cutoff=0.5) or list(BY_ID)
    raise UsageError(f"there is no check {name.strip()[:80]!r}", "docs/checks.md lists the checks.", close)


def look(name: str, facts: VmFacts) -> Result:
    """Carry out the check of an id.

    Raises:
        UsageError: there is no such check.
    """
    return look_at(find_check(name), facts)


def look_at(check: Check, facts: VmFacts) -> Result:
    """Carry out a check. A fact that cannot be read (no permission, a timeout) makes it ``unknown``, with the reason.

    Args:
        check: which one.
        facts: the facts of the VM; those that the check names are read where they are not known yet.
    """
    try:
        status, saw = _elsewhere(check, facts) or check.look(facts)
    except RemediationError as error:
        status, saw = Status.UNKNOWN, f"not readable: {error.message}"
    return Result(
        check.id, status, saw, check.expected, check.why, "" if status is Status.PASS else _hint(check, facts)
    )


def _hint(check: Check, facts: VmFacts) -> str:
    """Return how to look in the guest; where nobody has, also how to let a script do it."""
    return f"{check.inside}; {LET_LOOK}" if check.inside and facts.guest() is None else check.inside


def _elsewhere(check: Check, facts: VmFacts) -> Seen | None:
    """Answer for a check that is about another operating system than the VM's."""
    if not check.os:
        return None
    system = facts.vm().os_type
    return (Status.PASS, f"does not apply to {system}") if system and system.lower() != check.os else None
