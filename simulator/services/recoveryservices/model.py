"""What the backup service keeps: vaults, policies, protected items, recovery points and jobs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from simulator.services.recoveryservices.errors import JobError

SNAPSHOT = timedelta(minutes=5)
"""From the start of a backup to its snapshot."""
TRANSFER = timedelta(minutes=20)
"""From the start of a backup to the end of the transfer to the vault."""
CLEAN_UP = timedelta(hours=3)
"""From the backup that starts the clean-up of restore points to its end."""
INSTANT_LIMIT = 18
"""Restore points that one VM may have, over all collections and resource groups."""
ON_DEMAND_LIMIT = 9
"""On-demand backups of one item in any 24 hours."""
NEVER = "0001-01-01T00:00:00Z"
"""Azure's way to say "not yet"."""


@dataclass
class ResourceGuard:
    """Multi-user authorization: the operations of a vault that need a request of this guard."""

    id: str
    operations: dict[str, str]
    """Critical operation -> name of its request collection on the guard."""
    unlocked: set[str] = field(default_factory=set)
    """Items (lower id) whose deletion has been unlocked."""

    def request(self, operation: str) -> str:
        """Return the id of the default request for a critical operation."""
        return f"{self.id}/{self.operations[operation]}/default"


@dataclass
class Policy:
    """A backup policy for Azure VMs, run once a day."""

    id: str
    name: str
    policy_type: str = "V1"
    hour: int = 2
    instant_days: int = 2
    daily_days: int = 30
    group_prefix: str = ""
    group_suffix: str = ""


@dataclass
class Vault:
    """A Recovery Services vault. ``immutability`` is Disabled, Unlocked or Locked."""

    id: str
    name: str
    group: str
    location: str
    tags: dict[str, str] = field(default_factory=dict)
    immutability: str = "Disabled"
    soft_delete: str = "Enabled"
    soft_delete_days: int = 14
    guard: ResourceGuard | None = None
    policies: dict[str, Policy] = field(default_factory=dict)
    items: dict[str, ProtectedItem] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)

    @property
    def immutable(self) -> bool:
        """Say whether immutability is on, reversible or not."""
        return self.immutability != "Disabled"


@dataclass
class RecoveryPoint:
    """One recovery point: a restore point beside the VM, a copy in the vault, or both.

    ``restore_point`` is the lower-case id of the restore point that backs the instant tier; empty of unmanaged disks.
    """

    id: str
    time: datetime
    restore_point: str
    in_vault: bool = False
    expires: datetime | None = None
    consistency: str = "AppConsistent"


@dataclass(frozen=True)
class Obstacle:
    """A reason why backups of an item fail with ``code`` as long as ``holds`` says so (scenario knob)."""

    code: str
    holds: Callable[[], bool]


@dataclass
class ProtectedItem:
    """One VM under protection. ``state`` is the protectionState of the wire."""

    id: str
    vault: Vault
    vm_id: str
    vm_name: str
    vm_group: str
    policy: Policy | None
    state: str = "Protected"
    data_id: str = ""
    last_status: str = ""
    last_time: datetime | None = None
    last_error: JobError | None = None
    language: str = "en-US"
    """Language of the texts of its failed jobs."""
    symbolic: bool = True
    """Whether its failed jobs name the error in ``dynamicErrorMessage``."""
    obstacles: list[Obstacle] = field(default_factory=list)
    points: list[RecoveryPoint] = field(default_factory=list)
    deleted_until: datetime | None = None
    clean_up_broken: bool = False
    """The automatic clean-up of restore points never happens (scenario knob)."""
    clean_up_pending: bool = False
    luns: tuple[int, ...] | None = None
    """With selective disk backup: its list of data disks; ``None`` without."""
    only_luns: bool = False
    """The list names the only data disks that are backed up, not those that are left out."""
    schedule: int = 0
    """Number of the schedule in force; a run of an older one does nothing."""

    @property
    def container_name(self) -> str:
        """The container's short name, as it stands in items and jobs."""
        return f"iaasvmcontainerv2;{self.vm_group.lower()};{self.vm_name.lower()}"

    def takes(self, lun: int | None) -> bool:
        """Say whether its backups take the data disk of this number; the OS disk (``None``) they always take."""
        return lun is None or self.luns is None or (lun in self.luns) == self.only_luns


@dataclass
class Task:
    """One line of a job's task list."""

    name: str
    status: str = "NotStarted"
    started: datetime | None = None
    ended: datetime | None = None


@dataclass
class Job:
    """One job of a vault; ``error`` is set on failed ones."""

    id: str
    name: str
    item: ProtectedItem
    operation: str
    started: datetime
    user_triggered: bool = False
    status: str = "InProgress"
    ended: datetime | None = None
    error: JobError | None = None
    activity_id: str = ""
    policy_name: str = ""
    """The policy it ran under; a scheduled job says it, whatever became of the item since."""
    wrapped: str = ""
    """What the compute platform has said, where ``error`` only wraps it: the job's dynamic message."""
    expires: datetime | None = None
    noted: dict[str, str] = field(default_factory=dict)
    """What its property bag holds besides."""
    tasks: list[Task] = field(default_factory=list)
    begins_until: datetime | None = None
    """Until then it is between two states, and refuses to be cancelled as not in progress (scenario knob)."""
    cancel_fails: bool = False
    """A cancellation that is allowed fails all the same (scenario knob)."""

    @property
    def running(self) -> bool:
        """Say whether the job still goes on."""
        return self.status in ("InProgress", "Cancelling")

    @property
    def cancellable(self) -> bool:
        """A backup can be cancelled until its data is being transferred."""
        return (
            self.status == "InProgress"
            and self.operation == "Backup"
            and not (len(self.tasks) > 1 and self.tasks[1].status == "InProgress")
        )
