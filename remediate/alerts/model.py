"""What is read out of a payload: an alert that may ask for a repair, or why there is none in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from arm.facts.times import iso


class Source(str, Enum):
    """By which way a failed backup was noticed."""

    BUILT_IN = "built-in alert"
    METRIC = "metric alert"
    LOG_V2 = "log search alert"
    LOG_V1 = "log alert, first version"
    GRAPH_JOB = "Resource Graph job"
    GRAPH_ALERT = "Resource Graph alert"


class Why(str, Enum):
    """Why a payload, or a part of it, asks for no repair."""

    RESOLVED = "resolved"
    RESTORE = "restore"
    SECURITY = "security"
    FOREIGN = "foreign"
    WORKLOAD = "workload"
    INFORMATIONAL = "informational"
    TEST = "test"
    NO_FAILURE = "no-failure"
    UNUSABLE = "unusable"
    MALFORMED = "malformed"
    FORGED = "forged"

    @property
    def exit_code(self) -> int:
        """Exit status of the command line: 0 what is ignored on purpose; else someone must look at the sender."""
        return {Why.UNUSABLE: 2, Why.MALFORMED: 2, Why.FORGED: 3}.get(self, 0)


_NAMED = ("rule", "vm_id", "vault_id", "item_id", "job", "code", "alert_id")


@dataclass(frozen=True)
class Alert:
    """A hint that a VM's backup has failed. Nothing of it is believed: Azure is asked again.

    Attributes:
        source: by which way it came.
        rule: the alert rule's name; empty for a job out of Resource Graph.
        vm_id: the virtual machine, if it is named.
        vault_id: the vault, if it is named.
        item_id: the protected item in that vault, if it is named.
        job: the failed job's name (a GUID in lower case), if it is named.
        code: Azure's error code, if it is named.
        fired: when it was fired, if that can be read.
        alert_id: id of the alert in Azure Monitor, if it is named and plainly one; for comments, nothing is read by it.
        sources: where in the payload each of these stood.
    """

    source: Source
    rule: str = ""
    vm_id: str = ""
    vault_id: str = ""
    item_id: str = ""
    job: str = ""
    code: str = ""
    fired: datetime | None = None
    alert_id: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return it for reports."""
        named = {name: getattr(self, name) or None for name in _NAMED}
        fired = iso(self.fired) if self.fired else None
        return {"source": self.source.value, **named, "fired": fired, "sources": dict(self.sources)}


@dataclass(frozen=True)
class Ignored:
    """What asks for no repair, with one sentence that says what was seen."""

    why: Why
    reason: str
