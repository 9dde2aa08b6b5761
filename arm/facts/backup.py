"""Facts of Microsoft.RecoveryServices: protection, vault, jobs, recovery points, policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..ids import parse
from ..session import Session
from .times import filter_time, parse_time
from .values import inner

API = "2024-04-01"
VAULT_API = "2024-04-01"
_RUNNING = ("inprogress", "cancelling")
_VAULT_TIERS = ("hardenedrp", "archivedrp")


@dataclass(frozen=True)
class Protection:
    """Where a VM is backed up to, as ``backupStatus`` says.

    Attributes:
        vault_id: id of the Recovery Services vault; empty when the VM is not protected.
        item_id: id of the protected item in that vault; empty likewise.
    """

    vault_id: str
    item_id: str


@dataclass(frozen=True)
class ProtectedItem:
    """The VM as the vault sees it.

    Attributes:
        state: ``Protected``, ``ProtectionStopped`` and so on.
        excluded_luns: with selective disk backup, the data disks that are left out; ``None`` without.
        included_luns: with selective disk backup, the only data disks that are backed up; ``None`` without.
    """

    id: str
    state: str
    policy_id: str
    source_resource_id: str
    last_backup_status: str
    last_recovery_point: datetime | None
    soft_deleted: bool
    last_backup_time: datetime | None = None
    excluded_luns: tuple[int, ...] | None = None
    included_luns: tuple[int, ...] | None = None


@dataclass(frozen=True)
class JobError:
    """One error of a failed job: an integer code and localized text; the symbolic code is not a field of it."""

    code: int | None
    title: str
    text: str
    recommendations: tuple[str, ...]


@dataclass(frozen=True)
class Job:
    """A backup, restore or configuration job.

    Attributes:
        dynamic_message: non-localized message; it may name the symbolic error code. Only in job details.
        properties: what Azure notes about it, such as the target of a restore. Only in job details.
        tasks: its parts as ``(name, status)``, in order. Only in job details.
        cancellable: whether Azure offers to cancel it.
        activity_id: what Microsoft's support asks for.
    """

    id: str
    name: str
    operation: str
    status: str
    started: datetime | None
    ended: datetime | None
    on_demand: bool
    errors: tuple[JobError, ...]
    dynamic_message: str
    properties: Mapping[str, str] = field(default_factory=dict)
    tasks: tuple[tuple[str, str], ...] = ()
    cancellable: bool = False
    activity_id: str = ""

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.status.lower() in _RUNNING


@dataclass(frozen=True)
class RecoveryPoint:
    """A recovery point and the tiers it is in, as ``(type, status)``."""

    id: str
    name: str
    time: datetime | None
    tiers: tuple[tuple[str, str], ...]

    @property
    def in_vault(self) -> bool:
        """Whether a valid copy is in the vault or archive tier, so that the snapshot is not the only copy."""
        return any(kind.lower() in _VAULT_TIERS and status.lower() == "valid" for kind, status in self.tiers)


@dataclass(frozen=True)
class Policy:
    """A backup policy.

    Attributes:
        kind: ``V1`` (standard) or ``V2`` (enhanced).
        run_times: the times of day it starts backups at, as ``HH:MM``, in ``time_zone``.
        group_prefix: custom name of the groups for restore points, before the number; empty for the service's own.
    """

    id: str
    name: str
    group_prefix: str
    group_suffix: str
    instant_retention_days: int | None
    kind: str = ""
    run_times: tuple[str, ...] = ()
    time_zone: str = ""
    daily_days: int | None = None


@dataclass(frozen=True)
class ResourceGuard:
    """A Resource Guard (multi-user authorization) on the vault."""

    proxy_id: str
    operations: tuple[str, ...]


def read_protection(session: Session, vm_id: str, location: str) -> Protection:
    """Ask which vault protects a VM.

    Permission: ``Microsoft.RecoveryServices/locations/backupStatus/action`` on the subscription.
    """
    subscription = f"/subscriptions/{parse(vm_id).subscription}"
    path = f"{subscription}/providers/Microsoft.RecoveryServices/locations/{location}/backupStatus"
    body = session.post(path, API, {"resourceType": "VM", "resourceId": vm_id})
    vault = str(body.get("vaultId") or "")
    names = (body.get("fabricName"), body.get("containerName"), body.get("protectedItemName"))
    if not vault or not all(names) or str(body.get("protectionStatus", "")).lower() == "notprotected":
        return Protection("", "")
    fabric, container, item = names
    return Protection(vault, f"{vault}/backupFabrics/{fabric}/protectionContainers/{container}/protectedItems/{item}")


def read_item(session: Session, item_id: str) -> ProtectedItem:
    """Read a protected item.

    Permission: ``Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/read``.
    """
    return parse_item(session.get(item_id, API), item_id)


def parse_item(body: Mapping[str, Any], item_id: str = "") -> ProtectedItem:
    """Return the protected item of an ARM object; ``item_id`` where the object does not say its id."""
    properties = inner(body, "properties")
    return ProtectedItem(
        id=str(body.get("id") or item_id),
        state=str(properties.get("protectionState", "")),
        policy_id=str(properties.get("policyId") or ""),
        source_resource_id=str(properties.get("sourceResourceId") or properties.get("virtualMachineId") or ""),
        last_backup_status=str(properties.get("lastBackupStatus") or ""),
        last_recovery_point=parse_time(properties.get("lastRecoveryPoint")),
        soft_deleted=bool(properties.get("isScheduledForDeferredDelete")),
        last_backup_time=parse_time(properties.get("lastBackupTime")),
        excluded_luns=_luns(properties, inclusion=False),
        included_luns=_luns(properties, inclusion=True),
    )


def _luns(properties: Mapping[str, Any], *, inclusion: bool) -> tuple[int, ...] | None:
    chosen = inner(properties, "extendedProperties", "diskExclusionProperties")
    if not chosen or bool(chosen.get("isInclusionList")) is not inclusion:
        return None
    return tuple(sorted(int(one) for one in chosen.get("diskLunList") or ()))


def parse_job(entry: Mapping[str, Any]) -> Job:
    """Return the job of an ARM job object, from a list or from its details."""
    properties = inner(entry, "properties")
    extended = inner(properties, "extendedInfo")
    return Job(
        id=str(entry.get("id", "")),
        name=str(entry.get("name", "")),
        operation=str(properties.get("operation", "")),
        status=str(properties.get("status", "")),
        started=parse_time(properties.get("startTime")),
        ended=parse_time(properties.get("endTime")),
        on_demand=bool(properties.get("isUserTriggered")),
        errors=tuple(_job_error(error) for error in properties.get("errorDetails") or []),
        dynamic_message=str(extended.get("dynamicErrorMessage") or ""),
        properties={str(name): str(value) for name, value in inner(extended, "propertyBag").items()},
        tasks=tuple(
            (str(one.get("taskId", "")), str(one.get("status", ""))) for one in extended.get("tasksList") or []
        ),
        cancellable=_cancellable(properties.get("actionsInfo") or []),
        activity_id=str(properties.get("activityId") or ""),
    )


def _cancellable(actions: list[Any]) -> bool:
    """Say whether ``actionsInfo`` offers to cancel; old answers write the number 1 for it."""
    return any(str(action).lower() in ("cancellable", "1") for action in actions)


def _job_error(error: Mapping[str, Any]) -> JobError:
    code = error.get("errorCode")
    return JobError(
        code=code if isinstance(code, int) else None,
        title=str(error.get("errorTitle") or ""),
        text=str(error.get("errorString") or ""),
        recommendations=tuple(str(text) for text in error.get("recommendations") or ()),
    )


def read_jobs(
    session: Session,
    item_id: str,
    *,
    status: str = "",
    operation: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> tuple[Job, ...]:
    """Read the jobs of one protected item, newest first.

    The service cannot filter by item, so the vault's list is filtered here by container and item name.

    Args:
        session: where to read.
        item_id: the protected item.
        status: only jobs with this status, such as ``InProgress``.
        operation: only this operation, such as ``Backup``.
        since: only jobs that started at or after this (needs ``until``).
        until: only jobs that started before this.

    Permission: ``Microsoft.RecoveryServices/Vaults/backupJobs/read``.
    """
    clauses = ["backupManagementType eq 'AzureIaasVM'"]
    if operation:
        clauses.append(f"operation eq '{operation}'")
    if status:
        clauses.append(f"status eq '{status}'")
    if since is not None and until is not None:
        clauses.append(f"startTime eq '{filter_time(since)}' and endTime eq '{filter_time(until)}'")
    container = parse(item_id).names[-2].lower().replace("iaasvmcontainer;", "", 1)
    jobs = [
        parse_job(entry)
        for entry in session.pages(f"{vault_of(item_id)}/backupJobs", API, filter_=" and ".join(clauses))
        if str(inner(entry, "properties").get("containerName", "")).lower().replace("iaasvmcontainer;", "", 1)
        == container
    ]
    return tuple(sorted(jobs, key=lambda job: job.started.timestamp() if job.started else 0.0, reverse=True))


def read_job(session: Session, vault_id: str, job_name: str) -> Job:
    """Read one job with its details. Permission: ``Microsoft.RecoveryServices/Vaults/backupJobs/read``."""
    return parse_job(session.get(f"{vault_id}/backupJobs/{job_name}", API))


def read_job_again(session: Session, job: Job) -> Job:
    """Read a job that a list told of, with its details, in whichever vault it is. Permission as for its list."""
    return read_job(session, job.id[: job.id.lower().index("/backupjobs/")], job.name)


def read_recovery_points(session: Session, item_id: str) -> tuple[RecoveryPoint, ...]:
    """Read the recovery points of a protected item with their tiers, oldest first.

    Permission: ``…/protectedItems/recoveryPoints/read``.
    """
    points = []
    for entry in session.pages(f"{item_id}/recoveryPoints", API):
        properties = inner(entry, "properties")
        tiers = tuple(
            (str(tier.get("type", "")), str(tier.get("status", "")))
            for tier in properties.get("recoveryPointTierDetails") or []
        )
        moment = parse_time(properties.get("recoveryPointTime"))
        points.append(RecoveryPoint(str(entry.get("id", "")), str(entry.get("name", "")), moment, tiers))
    return tuple(sorted(points, key=lambda point: point.time.timestamp() if point.time else 0.0))


def read_policy(session: Session, policy_id: str) -> Policy:
    """Read a backup policy. Permission: ``Microsoft.RecoveryServices/Vaults/backupPolicies/read``."""
    return parse_policy(session.get(policy_id, API), policy_id)


def parse_policy(body: Mapping[str, Any], policy_id: str = "") -> Policy:
    """Return the policy of an ARM object; ``policy_id`` where the object does not say its id."""
    properties = inner(body, "properties")
    details = inner(properties, "instantRPDetails")
    days = properties.get("instantRpRetentionRangeInDays")
    schedule = inner(properties, "schedulePolicy")
    times = schedule.get("scheduleRunTimes") or inner(schedule, "dailySchedule").get("scheduleRunTimes") or []
    kept = inner(properties, "retentionPolicy", "dailySchedule", "retentionDuration").get("count")
    return Policy(
        id=str(body.get("id") or policy_id),
        name=str(body.get("name", "")),
        group_prefix=str(details.get("azureBackupRGNamePrefix") or ""),
        group_suffix=str(details.get("azureBackupRGNameSuffix") or ""),
        instant_retention_days=days if isinstance(days, int) else None,
        kind=str(properties.get("policyType") or ""),
        run_times=tuple(str(one)[11:16] for one in times),
        time_zone=str(properties.get("timeZone") or ""),
        daily_days=kept if isinstance(kept, int) else None,
    )


def read_policies(session: Session, vault_id: str) -> tuple[Policy, ...]:
    """Read a vault's policies for Azure VMs. Permission: ``Microsoft.RecoveryServices/Vaults/backupPolicies/read``."""
    only = "backupManagementType eq 'AzureIaasVM'"
    return tuple(parse_policy(entry) for entry in session.pages(f"{vault_id}/backupPolicies", API, filter_=only))


def read_resource_guards(session: Session, vault_id: str) -> tuple[ResourceGuard, ...]:
    """Read the Resource Guard proxies of a vault.

    Permission: ``Microsoft.RecoveryServices/Vaults/backupResourceGuardProxies/read``.
    """
    return tuple(
        ResourceGuard(
            proxy_id=str(entry.get("id", "")),
            operations=tuple(
                str(detail.get("vaultCriticalOperation", ""))
                for detail in inner(entry, "properties").get("resourceGuardOperationDetails") or []
            ),
        )
        for entry in session.pages(f"{vault_id}/backupResourceGuardProxies", API)
    )


def read_immutability(session: Session, vault_id: str) -> str:
    """Return a vault's immutability: ``Disabled``, ``Unlocked`` or ``Locked``.

    Permission: ``Microsoft.RecoveryServices/Vaults/read``.
    """
    settings = inner(session.get(vault_id, VAULT_API), "properties", "securitySettings", "immutabilitySettings")
    return str(settings.get("state") or "Disabled")


def vault_of(item_id: str) -> str:
    """Return the id of the vault that holds a protected item."""
    return item_id[: item_id.lower().index("/backupfabrics/")]
