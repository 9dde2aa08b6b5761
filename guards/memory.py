"""What has happened before, as data: what the guards with memory (:mod:`guards.breakers`) look at.

Nothing is read here; who gives it has read it right before the change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from .windows import Window

BLAST_SPAN = timedelta(hours=24)
"""The blast radius is counted over the last day."""


class Asked(str, Enum):
    """What was asked for."""

    REPAIR = "repair"
    ACTION = "action"
    UNDO = "undo"


@dataclass(frozen=True)
class Limits:
    """What is configured. The defaults hold where nothing is.

    Attributes:
        loop_runs: so many runs of one runbook may change one VM within ``loop_span``.
        loop_span: over which runs are counted.
        systemic_vms: so many VMs with one error within ``systemic_span`` are one incident.
        systemic_span: over which VMs are counted.
        systemic_quiet: an incident is over when its error has not been seen for so long.
        blast_vms: so many VMs may be changed within a day.
        blast_percent: so many percent of the VMs that a vault protects.
        windows: when changes may be made; none: at any time.
    """

    loop_runs: int = 2
    loop_span: timedelta = timedelta(days=7)
    systemic_vms: int = 5
    systemic_span: timedelta = timedelta(hours=1)
    systemic_quiet: timedelta = timedelta(hours=6)
    blast_vms: int = 20
    blast_percent: int = 25
    windows: tuple[Window, ...] = ()


@dataclass(frozen=True)
class Frozen:
    """The kill switch is on.

    Attributes:
        reason: why, in the words of who did it.
        who: who did it, and on which machine.
        at: when, by that machine's clock.
    """

    reason: str
    who: str
    at: datetime


@dataclass(frozen=True)
class Earlier:
    """An earlier run of the same runbook that has changed this VM.

    Attributes:
        run: its id.
        at: Azure's time when it began.
    """

    run: str
    at: datetime


@dataclass(frozen=True)
class Incident:
    """Many VMs have one error.

    Attributes:
        id: what it is closed by.
        runbook: the error.
        since: Azure's time when the first VM was seen with it.
        last: Azure's time when it was last seen.
        first_vm: id of the first VM.
        vms: on how many VMs it was seen.
    """

    id: str
    runbook: str
    since: datetime
    last: datetime
    first_vm: str
    vms: int


@dataclass(frozen=True)
class ChangedVm:
    """A VM that was changed, or is just about to be.

    Attributes:
        vm_id: its id.
        vault_id: id of the vault that protects it; empty when none does.
    """

    vm_id: str
    vault_id: str = ""


@dataclass(frozen=True)
class Memory:
    """What has happened before.

    Attributes:
        limits: what is configured.
        asked: what was asked for; an operator who asks for a single action, or for undoing, has asked for exactly that.
        frozen: the kill switch, when it is on.
        earlier: runs of the same runbook that have changed this VM within ``limits.loop_span``.
        incident: the one that this runbook's error is part of, while it stands.
        others: other VMs that were changed in the last day.
        counted: this VM is already among those that were changed in the last day.
    """

    limits: Limits = field(default_factory=Limits)
    asked: Asked = Asked.REPAIR
    frozen: Frozen | None = None
    earlier: tuple[Earlier, ...] = ()
    incident: Incident | None = None
    others: tuple[ChangedVm, ...] = ()
    counted: bool = False
