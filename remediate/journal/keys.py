"""Keys of the rows of a journal in an Azure table.

Ids are hashed where they may hold what a key must not (slashes, question marks, control characters). Parts of a key
are separated by ``!``, which sorts before all that parts are made of; ``~`` sorts after.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from arm.ids import normal

INDEX = "index"
LEASE = "lease"
_SAFE = re.compile(r"[A-Za-z0-9._-]{1,100}")
_MOST = 10**17
"""Microseconds; the newest first means by what is left of these."""


def digest(text: str) -> str:
    """Return what stands for any text in a key."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def partition_of(vm_id: str) -> str:
    """Return the partition of a VM."""
    return f"vm-{digest(normal(vm_id))}"


def topic_of(topic: str) -> str:
    """Return the partition of the marks of a topic."""
    return f"mark-{digest(topic)}"


def is_safe(text: str) -> bool:
    """Say whether a text stands for itself in a key."""
    return _SAFE.fullmatch(text) is not None


def id_key(run_id: str) -> str:
    """Return the key of the row of the index that says where a run is."""
    return f"id!{_run(run_id)}"


def _run(run_id: str) -> str:
    return run_id if is_safe(run_id) else f"={digest(run_id)}"


@dataclass(frozen=True)
class Place:
    """Where a run is.

    Attributes:
        run_id: its id.
        partition: that of its VM.
        stamp: microseconds by which runs are ordered; no two runs of a VM have the same.
    """

    run_id: str
    partition: str
    stamp: int

    @property
    def run(self) -> str:
        """Key of the run's row, the newest first."""
        return f"run!{_MOST - self.stamp:017}!{_run(self.run_id)}"

    @property
    def newest(self) -> str:
        """Key of its row of the index, the newest first."""
        return f"new!{_MOST - self.stamp:017}!{_run(self.run_id)}"

    @property
    def open(self) -> str:
        """Key of its row of the index of open runs, the oldest first."""
        return f"open!{self.stamp:017}!{_run(self.run_id)}"

    @property
    def records(self) -> str:
        """What the keys of its records begin with."""
        return f"record!{_run(self.run_id)}!"

    def record(self, sequence: int) -> str:
        """Return the key of a record."""
        return f"{self.records}{sequence:08}"

    @property
    def duties(self) -> str:
        """What the keys of its debts begin with."""
        return f"duty!{_run(self.run_id)}!"

    def duty(self, target: str) -> str:
        """Return the key of a debt."""
        return f"{self.duties}{digest(normal(target))}"
