"""The backup service as an actor on the virtual clock: it schedules, snapshots, transfers, fails and cleans up."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from simulator.wire import ArmError

from .errors import (
    AGENT,
    CANCEL_FAILED,
    CANCEL_NOT_SUPPORTED,
    JOB_ERRORS,
    LIMIT,
    LOCKED,
    NOT_CANCELABLE,
    NOT_IN_PROGRESS,
    PROVISIONING,
    VM_NOT_FOUND,
)
from .model import (
    CLEAN_UP,
    INSTANT_LIMIT,
    SNAPSHOT,
    TRANSFER,
    Job,
    Obstacle,
    ProtectedItem,
    RecoveryPoint,
    Task,
)

if TYPE_CHECKING:
    from simulator.services.compute.model import RestorePoint, RestorePointCollection, Vm
    from simulator.world import World

SNAPSHOT_TASK, TRANSFER_TASK = "Take Snapshot", "Transfer data to vault"
PUBLISHER = "Microsoft.Azure.RecoveryServices"
COLLECTION_PREFIX = "AzureBackup_"
RESTORE_POINT_LAG = timedelta(seconds=12)
"""A restore point says it was made a little after the time of its recovery point."""
ON_DEMAND_RETENTION = timedelta(days=30)
CANCELLING = timedelta(minutes=1)


class BackupService:
    """Runs the backups of all items of one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    # Schedule

    def schedule(self, item: ProtectedItem) -> None:
        """Run the item's backups once a day at its policy's hour, from now on."""
        item.schedule += 1
        self._plan(item, item.schedule)

    def unschedule(self, item: ProtectedItem) -> None:
        """Run no more scheduled backups of the item."""
        item.schedule += 1

    def _plan(self, item: ProtectedItem, number: int) -> None:
        now = self._world.clock.now
        hour = item.policy.hour if item.policy else 0
        due = now.replace(hour=hour, minute=0, second=0, microsecond=0)
        if due <= now:
            due += timedelta(days=1)
        self._world.clock.call_later(due - now, lambda: self._run_scheduled(item, number))

    def _run_scheduled(self, item: ProtectedItem, number: int) -> None:
        if item.schedule != number:
            return
        self._plan(item, number)
        if self.running_backup(item) is None:
            self.start(item)

    # Jobs

    def add_job(self, item: ProtectedItem, operation: str, *, user_triggered: bool = True) -> Job:
        """Put a job in progress into the vault; somebody must end it."""
        world = self._world
        name = world.guid()
        job = Job(
            f"{item.vault.id}/backupJobs/{name}",
            name,
            item,
            operation,
            world.clock.now,
            user_triggered,
            activity_id=world.guid(),
            policy_name=item.policy.name if item.policy else "",
        )
        item.vault.jobs[name] = job
        return job

    def running_backup(self, item: ProtectedItem) -> Job | None:
        """Return the backup of this item that is in progress."""
        jobs = item.vault.jobs.values()
        return next((job for job in jobs if job.item is item and job.operation == "Backup" and job.running), None)

    def start(self, item: ProtectedItem, *, user_triggered: bool = False, expires: datetime | None = None) -> Job:
        """Start a backup: snapshot after :data:`SNAPSHOT`, data in the vault after :data:`TRANSFER`."""
        job = self.add_job(item, "Backup", user_triggered=user_triggered)
        job.expires = expires or (job.started + ON_DEMAND_RETENTION if user_triggered else None)
        job.tasks = [Task(SNAPSHOT_TASK, "InProgress", job.started), Task(TRANSFER_TASK)]
        self._world.clock.call_later(SNAPSHOT, lambda: self._snapshot(job))
        return job

    def fail(self, job: Job, code: str) -> None:
        """End a job that is in progress with an error; a backup that met the limit starts the clean-up."""
        if not job.running:
            return
        job.status, job.ended, job.error = "Failed", self._world.clock.now, JOB_ERRORS[code]
        for task in job.tasks:
            if task.status == "InProgress":
                task.status, task.ended = "Failed", job.ended
        if job.operation == "Backup":
            self._note(job)
            if code == LIMIT:
                self.start_clean_up(job.item)

    def complete(self, job: Job) -> None:
        """End a job that is in progress well."""
        if not job.running:
            return
        job.status, job.ended = "Completed", self._world.clock.now
        for task in job.tasks:
            if task.status != "Completed":
                task.status, task.started, task.ended = "Completed", task.started or job.started, job.ended
        if job.operation == "Backup":
            self._note(job)
            if job.item.state == "IRPending":
                job.item.state = "Protected"

    def withdraw(self, job: Job) -> None:
        """Undo the start of a job: it never was, unless it has ended meanwhile."""
        if not job.running:
            return
        job.status = "Cancelled"
        job.item.vault.jobs.pop(job.name, None)

    def cancel(self, job: Job) -> None:
        """Start cancelling a backup.

        Raises:
            ArmError: 400 when the job has ended or already transfers data.
        """
        refusal = self._no_cancel(job)
        if refusal is not None:
            error = JOB_ERRORS[refusal]
            raise ArmError(400, "BMSUserErrorInvalidInput", f"{error.message('en-US')}. {error.advice('en-US')}")
        job.status = "Cancelling"
        self._world.clock.call_later(CANCELLING, lambda: self._cancelled(job))

    def _no_cancel(self, job: Job) -> str | None:
        """Return the error with which a job refuses to be cancelled, ``None`` when it does not."""
        if job.operation != "Backup":
            return CANCEL_NOT_SUPPORTED
        if job.status != "InProgress" or (job.begins_until or job.started) > self._world.clock.now:
            return NOT_IN_PROGRESS
        if not job.cancellable:
            return NOT_CANCELABLE
        return CANCEL_FAILED if job.cancel_fails else None

    def _cancelled(self, job: Job) -> None:
        job.status, job.ended = "Cancelled", self._world.clock.now
        for task in job.tasks:
            if task.status == "InProgress":
                task.status, task.ended = "Cancelled", job.ended

    @staticmethod
    def _note(job: Job) -> None:
        item = job.item
        item.last_status, item.last_time, item.last_error = job.status, job.ended, job.error

    # A backup, step by step

    def _snapshot(self, job: Job) -> None:
        if job.status != "InProgress":
            return
        vm = self._world.compute.vms.get(job.item.vm_id.lower())
        code = self._obstacle(job.item, vm)
        if code is not None or vm is None:
            self.fail(job, code or VM_NOT_FOUND)
            return
        self._install_extension(vm)
        self._transfer(job, vm, self._world.clock.now, TRANSFER - SNAPSHOT)

    def _transfer(self, job: Job, vm: Vm, taken: datetime, ends_in: timedelta) -> None:
        point = self._make_points(job, vm, taken)
        job.tasks[0].status, job.tasks[0].ended = "Completed", taken
        job.tasks[1].status, job.tasks[1].started = "InProgress", taken
        self._world.clock.call_later(ends_in, lambda: self._transferred(job, point))

    def go_on(self, job: Job, vm: Vm, ends_in: timedelta, *, transferring: bool) -> None:
        """Let a backup that began some time ago go its way, so that it ends in ``ends_in`` when nothing is in its way.

        ``transferring``: its snapshot was taken long ago; otherwise that still goes on, until shortly before the end.
        """
        if transferring:
            self._transfer(job, vm, job.started + SNAPSHOT, ends_in)
        else:
            self._world.clock.call_later(ends_in - (TRANSFER - SNAPSHOT), lambda: self._snapshot(job))

    def _obstacle(self, item: ProtectedItem, vm: Vm | None) -> str | None:
        if vm is None:
            return VM_NOT_FOUND
        compute, found = self._world.compute, vm
        obstacles = (
            Obstacle(LIMIT, lambda: len(compute.restore_points_of(item.vm_id)) >= INSTANT_LIMIT),
            *item.obstacles,
            Obstacle(PROVISIONING, lambda: found.shown_state == "Failed"),
            Obstacle(AGENT, lambda: found.power_state == "running" and found.agent != "Ready"),
            Obstacle(LOCKED, lambda: self._read_only(item)),
        )
        return next((obstacle.code for obstacle in obstacles if obstacle.holds()), None)

    def _read_only(self, item: ProtectedItem) -> bool:
        collections = self.collections(item)
        scope = collections[0].id if collections else self._world.resources.group_id(self.group_name(item))
        return bool(self._world.authorization.blocking(f"{scope}/restorePoints/next", "PUT"))

    def _install_extension(self, vm: Vm) -> None:
        kind, version = snapshot_extension(vm)
        present = any(known.type.lower() == kind.lower() for known in vm.extensions.values())
        if vm.power_state == "running" and not present:
            self._world.compute.add_extension(vm, kind, PUBLISHER, kind, version=version)

    def _make_points(self, job: Job, vm: Vm, taken: datetime) -> RecoveryPoint:
        if vm.unmanaged:  # its snapshots are snapshots of blobs: restore points are of managed disks only
            return self._add_point(job.item, taken, "", job.expires)
        collections = self.collections(job.item)
        collection = collections[0] if collections else self.add_collection(job.item, self.group_name(job.item), vm)
        return self.add_points(job.item, collection, taken, vm.vm_id, expires=job.expires)

    def add_collection(self, item: ProtectedItem, group: str, vm: Vm) -> RestorePointCollection:
        """Create the service's restore point collection of an item in a resource group."""
        digits = self._world.random.randrange(10**15, 10**16)
        name = f"{COLLECTION_PREFIX}{item.vm_name}_{digits}"
        return self._world.compute.add_collection(group, name, item.vm_id, vm.location)

    def add_points(
        self,
        item: ProtectedItem,
        collection: RestorePointCollection,
        time: datetime,
        vm_unique_id: str,
        *,
        expires: datetime | None = None,
    ) -> RecoveryPoint:
        """Make a restore point and the recovery point it backs, both of ``time``."""
        name = time.strftime(f"{COLLECTION_PREFIX}%Y%m%d_%H%M%S")
        restore_point = self._world.compute.add_restore_point(collection, name, time + RESTORE_POINT_LAG, vm_unique_id)
        return self._add_point(item, time, restore_point.id.lower(), expires)

    def _add_point(
        self, item: ProtectedItem, time: datetime, restore_point: str, expires: datetime | None
    ) -> RecoveryPoint:
        if expires is None and item.policy is not None:
            expires = time + timedelta(days=item.policy.daily_days)
        point = RecoveryPoint(self.point_id(), time, restore_point, expires=expires)
        item.points.append(point)
        return point

    def point_id(self) -> str:
        """Return the next recovery point id: a number of 14 digits, as Azure's are."""
        return str(self._world.random.randrange(10**13, 10**14))

    def _transferred(self, job: Job, point: RecoveryPoint) -> None:
        if job.status != "InProgress":
            return
        point.in_vault = True
        self.complete(job)
        now = self._world.clock.now
        job.item.points = [kept for kept in job.item.points if kept.expires is None or kept.expires > now]
        self.start_clean_up(job.item)

    # Restore point collections and their clean-up

    def group_name(self, item: ProtectedItem) -> str:
        """The resource group in which the service would make a new collection for this item."""
        policy = item.policy
        if policy is not None and policy.group_prefix:
            return f"{policy.group_prefix}1{policy.group_suffix}"
        return f"AzureBackupRG_{item.vault.location}_1"

    def collections(self, item: ProtectedItem) -> list[RestorePointCollection]:
        """The service's own collections of an item's VM, over all groups."""
        return [
            collection
            for collection in self._world.compute.collections.values()
            if collection.source_id.lower() == item.vm_id.lower() and collection.name.startswith(COLLECTION_PREFIX)
        ]

    def start_clean_up(self, item: ProtectedItem) -> None:
        """Start the clean-up of expired restore points, unless locks refuse every deletion already now."""
        open_for_deletion = any(
            not self._world.authorization.blocking(collection.id, "DELETE") for collection in self.collections(item)
        )
        if item.clean_up_broken or item.clean_up_pending or not open_for_deletion:
            return
        item.clean_up_pending = True
        self._world.clock.call_later(CLEAN_UP, lambda: self._clean_up(item))

    def _clean_up(self, item: ProtectedItem) -> None:
        item.clean_up_pending = False
        owned = [(collection, point) for collection in self.collections(item) for point in collection.points.values()]
        newest = max((point.time_created for _, point in owned), default=None)
        for collection, point in owned:
            blocked = self._world.authorization.blocking(point.id, "DELETE")
            if point.time_created != newest and not blocked and self._expired(item, point):
                self._world.compute.remove_restore_point(collection, point)

    def _expired(self, item: ProtectedItem, point: RestorePoint) -> bool:
        backed = next((known for known in item.points if known.restore_point == point.id.lower()), None)
        if backed is not None and not backed.in_vault:
            return False
        if item.policy is None:
            return False
        return point.time_created + timedelta(days=item.policy.instant_days) <= self._world.clock.now


def snapshot_extension(vm: Vm) -> tuple[str, str]:
    """Type (also its name) and version of the extension that the service installs in a VM."""
    return ("VMSnapshotLinux", "1.0.9234.0") if vm.os_type == "Linux" else ("VMSnapshot", "1.0.66.0")
