"""What a check is made of, and what comes of looking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the list of checks is known without importing how facts are read
    from arm.facts.collect import VmFacts


class Status(str, Enum):
    """What came of a check, best first. ``unknown`` is no ``pass``: nobody has seen that it is well."""

    PASS = "pass"  # noqa: S105  # no password
    UNKNOWN = "unknown"
    WARN = "warn"
    FAIL = "fail"


class Where(str, Enum):
    """From where a check can be answered: Azure Resource Manager, inside the virtual machine, or both in part."""

    ARM = "arm"
    GUEST = "guest"
    BOTH = "both"


Seen = tuple[Status, str]
"""A status, and what was seen, with names and numbers."""


@dataclass(frozen=True)
class Check:
    """One read-only question about the health of a VM's backups.

    Attributes:
        id: its name, the same for ever.
        facts: names of the facts it reads from Azure, as :meth:`arm.facts.collect.VmFacts.prefetch` takes them.
        expected: when it passes.
        why: why it matters for backups.
        source: where Microsoft documents it.
        look: looks at the facts; what cannot be read is its caller's matter.
        inside: how to look in the guest; empty where there is nothing to look at.
        also_reads: names of facts it reads on some paths only.
        os: the only operating system it is about, in lower case; empty for every one.
        fleet: whether Resource Graph can answer it for many VMs at a time.
    """

    id: str
    title: str
    where: Where
    facts: tuple[str, ...]
    expected: str
    why: str
    source: str
    look: Callable[[VmFacts], Seen]
    inside: str = ""
    also_reads: tuple[str, ...] = ()
    os: str = ""
    fleet: bool = False


@dataclass(frozen=True)
class Result:
    """What came of one check on one VM.

    Attributes:
        saw: what was seen, or why nothing could be seen.
        inside: how to look in the guest, where that would tell (more).
    """

    id: str
    status: Status
    saw: str
    expected: str
    why: str
    inside: str = ""
