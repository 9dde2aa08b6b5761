"""The vocabulary in which scenarios are written: a stage is set in a few chained calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from simulator.services.recoveryservices.errors import JOB_ERRORS, LIMIT
from simulator.services.recoveryservices.model import (
    INSTANT_LIMIT,
    SNAPSHOT,
    TRANSFER,
    Job,
    Obstacle,
    Policy,
    ProtectedItem,
    RecoveryPoint,
    ResourceGuard,
    Task,
    Vault,
)
from simulator.services.recoveryservices.protection import CRITICAL
from simulator.services.recoveryservices.service import PUBLISHER, SNAPSHOT_TASK, TRANSFER_TASK, snapshot_extension

from .props import Props

if TYPE_CHECKING:
    from simulator.services.compute.model import AgentState, PowerState, RestorePointCollection, Vm
    from simulator.world import World

LOCATION = "westeurope"
BACKUP_GROUP = "AzureBackupRG_westeurope_1"
LOCK = "do-not-delete"
NOTES = "Protected by the platform team. Ask in #platform before removing."
DAY = timedelta(days=1)
FAILED_NIGHTS = 4
JOBS_KEPT = 14 * DAY


@dataclass(frozen=True)
class Setting:
    """Who is who in a world that has been set: names as an operator would give them."""

    vm_id: str
    vm: str
    resource_group: str
    vault: str
    backup_resource_group: str
    """Where the backup service keeps (or would keep) the restore points; empty for a VM without backup."""


@dataclass(frozen=True)
class Scenario:
    """One starting point of the world.

    ``code`` is the error that last night's backup failed with (``None``: nothing is broken).
    """

    name: str
    code: str | None
    broken: str
    set_up: Callable[[Stage], object]

    def build(self, world: World, vm: str = "web-01") -> Setting:
        """Fill an empty world; ``vm`` is the name of the VM that the scenario is about."""
        stage = Stage(world, vm)
        self.set_up(stage)
        return stage.setting()


Row = tuple[str, "str | None", str, "Callable[[Stage], object]"]
"""Name, error, what is broken in one line, and the function that sets the stage."""


class Stage(Props):
    """A world being set. Every method adds to it and returns the stage, so that calls can be chained.

    The last scheduled backup was an hour before the beginning; night 0 is that one, night 1 the one before.
    """

    def __init__(self, world: World, vm_name: str) -> None:
        self.world = world
        self.vm_name = vm_name
        self.vm: Vm
        self.vault: Vault
        self.policy: Policy
        self.item: ProtectedItem | None = None
        self._vm_id = ""

    def setting(self) -> Setting:
        """Return who is who."""
        group = ""
        if self.item is not None:
            service = self.world.recoveryservices.service
            own = service.collections(self.item)
            group = own[0].group if own else service.group_name(self.item)
        return Setting(self._vm_id, self.vm.name, self.vm.group, self.vault.name, group)

    # Who is there

    def machine(
        self,
        *,
        group: str = "rg-web",
        os_type: str = "Linux",
        power: PowerState = "running",
        agent: AgentState = "Ready",
        tags: dict[str, str] | None = None,
    ) -> Stage:
        """Add the VM the scenario is about, with the backup service's extension."""
        self.vm = self.world.compute.add_vm(
            self.vm_name,
            group,
            LOCATION,
            os_type=os_type,
            power_state=power,
            agent=agent,
            tags=tags or {"env": "prod"},
        )
        self._vm_id = self.vm.id
        self.extension("Succeeded")
        return self

    def extension(self, state: str, message: str = "") -> Stage:
        """Install the backup service's extension in a provisioning state."""
        kind, version = snapshot_extension(self.vm)
        self.world.compute.add_extension(
            self.vm, kind, PUBLISHER, kind, version=version, provisioning_state=state, message=message
        )
        return self

    def backup_vault(self, *, immutability: str = "Disabled", guarded: bool = False) -> Stage:
        """Add the vault, with a resource guard of another subscription if it is ``guarded``."""
        self.vault = self.world.recoveryservices.add_vault("vault-weu", "rg-web", LOCATION, immutability=immutability)
        if guarded:
            guard = (
                "/subscriptions/33333333-3333-4333-8333-333333333333/resourceGroups/rg-security"
                "/providers/Microsoft.DataProtection/resourceGuards/backup-guard"
            )
            self.vault.guard = ResourceGuard(guard, dict(CRITICAL))
        return self

    def protected(self, **policy: str | int) -> Stage:
        """Protect the VM with a daily policy; ``policy`` are fields of its :class:`Policy`."""
        self.policy = self.world.recoveryservices.add_policy(self.vault, "daily", **policy)
        self.item = self.world.recoveryservices.protect(self.vm.id, self.vault, self.policy)
        return self

    def web_server(self, **policy: str | int) -> Stage:
        """Add VM and vault where missing, and protect the VM."""
        if not hasattr(self, "vm"):
            self.machine()
        if not hasattr(self, "vault"):
            self.backup_vault()
        return self.protected(**policy)

    # What happened before

    def night(self, number: int) -> datetime:
        """The start of the scheduled backup that many nights before the last."""
        now = self.world.clock.now
        last = now.replace(hour=self.policy.hour, minute=0, second=0, microsecond=0)
        return last - number * DAY - (DAY if last > now else timedelta(0))

    def points(
        self,
        count: int,
        *,
        newest: datetime | None = None,
        every: timedelta = DAY,
        group: str = BACKUP_GROUP,
        not_in_vault: int = 0,
        vm_unique_id: str = "",
    ) -> Stage:
        """Add completed backups with their restore points, in a collection of their own in ``group``.

        ``not_in_vault`` is the number of oldest points whose transfer to the vault never ended.
        """
        item, service = self._protected_item(), self.world.recoveryservices.service
        collection = service.add_collection(item, group, self.vm)
        last = newest or self.night(FAILED_NIGHTS)
        for index in range(count):
            start = last - (count - 1 - index) * every
            time = start + SNAPSHOT + timedelta(seconds=self.world.random.randrange(5, 50))
            point = service.add_points(item, collection, time, vm_unique_id or self.vm.vm_id)
            point.in_vault = index >= not_in_vault
            status = "Completed" if point.in_vault else "CompletedWithWarnings"
            self._past(start, TRANSFER, status, user_triggered=start.hour != self.policy.hour)
        return self

    def vault_points(self, count: int, *, newest: int = FAILED_NIGHTS + INSTANT_LIMIT) -> Stage:
        """Add older recovery points, one a night back from ``newest``, whose restore points are long cleaned up."""
        item, service = self._protected_item(), self.world.recoveryservices.service
        for number in range(newest, newest + count):
            time = self.night(number) + SNAPSHOT
            expires = time + timedelta(days=self.policy.daily_days)
            gone = f"{self.vm.id}/gone/{number}".lower()
            item.points.append(RecoveryPoint(service.point_id(), time, gone, in_vault=True, expires=expires))
            self._past(self.night(number), TRANSFER, "Completed")
        return self

    def failed(self, code: str, *, nights: int = FAILED_NIGHTS) -> Stage:
        """Let the scheduled backups of the last nights, the last one included, have failed with an error."""
        for number in reversed(range(nights)):
            self._past(self.night(number), SNAPSHOT, "Failed", code)
        return self

    def wrapped(self, words: str) -> Stage:
        """Let the failed backups so far only wrap what the compute platform said, in these words."""
        for job in self.vault.jobs.values():
            job.wrapped = words if job.error is not None else ""
        return self

    def on_demand(self, starts: list[datetime], code: str) -> Stage:
        """Let on-demand backups have failed with an error."""
        for start in starts:
            self._past(start, SNAPSHOT, "Failed", code, user_triggered=True)
        return self

    def limit(self, *, lock_on: str | None = None, level: str = "CanNotDelete", group: str = BACKUP_GROUP) -> Stage:
        """Add 18 restore points in ``group``, older points in the vault, and nights that failed for it.

        ``lock_on`` is the scope of a lock that brought this about; with ``None``, none is added here.
        """
        if self.item is None:
            self.web_server()
        self.vault_points(5).points(INSTANT_LIMIT, group=group).failed(LIMIT)
        return self if lock_on is None else self.lock(lock_on, level=level)

    # What is in the way

    def lock(self, scope: str, *, level: str = "CanNotDelete", name: str = LOCK) -> Stage:
        """Lock a scope."""
        self.world.authorization.add_lock(scope, name, level, NOTES)
        return self

    def group(self, name: str = BACKUP_GROUP) -> str:
        """The scope of a resource group (which need not exist yet)."""
        return self.world.resources.group_id(name)

    @property
    def subscription(self) -> str:
        """The scope of the subscription."""
        return f"/subscriptions/{self.world.subscription}"

    @property
    def collection(self) -> RestorePointCollection:
        """The backup service's (first) collection of the VM."""
        return self.world.recoveryservices.service.collections(self._protected_item())[0]

    def clean_up_broken(self) -> Stage:
        """Let the automatic clean-up of restore points never happen."""
        self._protected_item().clean_up_broken = True
        return self

    def fails_while(self, code: str, holds: Callable[[], bool]) -> Stage:
        """Let backups fail with an error as long as ``holds`` says so (asked at each snapshot)."""
        self._protected_item().obstacles.append(Obstacle(code, holds))
        return self

    def points_refuse_deletion(self, code: str, message: str) -> Stage:
        """Let every single restore point refuse deletion; the whole collection can still be deleted."""
        for point in self.collection.points.values():
            point.refuses_deletion = (code, message)
        return self

    def running(
        self,
        operation: str,
        *,
        since: timedelta,
        ends_in: timedelta,
        code: str | None = None,
        transferring: bool = False,
        item: ProtectedItem | None = None,
    ) -> Stage:
        """Let a job be in progress that ends by itself, with an error if ``code`` says so.

        ``transferring``: a backup whose snapshot is taken; ``item``: another one than the scenario's.
        """
        service = self.world.recoveryservices.service
        job = service.add_job(item or self._protected_item(), operation)
        job.started -= since
        if operation == "Backup":
            job.tasks = [Task(SNAPSHOT_TASK, "InProgress", job.started), Task(TRANSFER_TASK)]
            if code is None:
                service.go_on(job, self.vm, ends_in, transferring=transferring)
                return self
            if transferring:
                service.go_on(job, self.vm, ends_in + DAY, transferring=True)  # it fails before

        def end() -> None:
            if code is None:
                service.complete(job)
            else:
                service.fail(job, code)

        self.world.clock.call_later(ends_in, end)
        return self

    def localized(self, language: str) -> Stage:
        """Let failed jobs give their texts in another language, without the symbolic name."""
        item = self._protected_item()
        item.language, item.symbolic = language, False
        return self

    def stopped(self) -> Stage:
        """Let protection have been stopped, with all data kept."""
        item = self._protected_item()
        item.state, item.policy = "ProtectionStopped", None
        self.world.recoveryservices.service.unschedule(item)
        return self

    def state(self, state: str) -> Stage:
        """Let the item be in a protectionState, whatever brought it there."""
        self._protected_item().state = state
        return self

    def soft_deleted(self, ago: timedelta) -> Stage:
        """Let the item have been deleted some time ago; soft delete keeps it for the rest of the vault's days."""
        self.stopped()
        self._protected_item().deleted_until = self.world.clock.now - ago + timedelta(days=self.vault.soft_delete_days)
        return self

    def user_collection(self, name: str, count: int) -> Stage:
        """Add a collection that somebody made by hand, in the VM's own group."""
        compute, now = self.world.compute, self.world.clock.now
        collection = compute.add_collection(self.vm.group, name, self.vm.id, LOCATION)
        for index in range(count):
            compute.add_restore_point(collection, f"golden-{index + 1}", now - (60 + index) * DAY, self.vm.vm_id)
        return self

    def machine_deleted(self) -> Stage:
        """Delete the VM; item and restore points stay."""
        del self.world.compute.vms[self._vm_id.lower()]
        return self

    def machine_moved(self, group: str, *, asked_there: bool = False) -> Stage:
        """Move the VM to another group: item and restore points stay with its old id.

        ``asked_there``: the scenario is about the machine under its new id.
        """
        old = self.vm
        self.machine_deleted()
        new = self.world.compute.add_vm(old.name, group, old.location, os_type=old.os_type, vm_id=old.vm_id)
        if asked_there:
            self.vm, self._vm_id = new, new.id
        return self

    def machine_recreated(self) -> Stage:
        """Make a VM anew under the name and in the group of the one that is gone; its unique id is another."""
        return self.machine(group=self.vm.group, os_type=self.vm.os_type)

    def namesake(self, group: str) -> Stage:
        """Add a healthy, protected VM of the same name in another group."""
        other = Stage(self.world, self.vm_name)
        other.vault, other.policy = self.vault, self.policy
        other.machine(group=group)
        other.item = self.world.recoveryservices.protect(other.vm.id, self.vault, self.policy)
        other.vault_points(20, newest=2).points(2, newest=other.night(0))
        return self

    # Helpers

    def _protected_item(self) -> ProtectedItem:
        if self.item is None:
            raise ValueError("the stage has no protected item yet; call protected() or web_server() first")
        return self.item

    def _past(
        self, start: datetime, length: timedelta, status: str, code: str | None = None, *, user_triggered: bool = False
    ) -> None:
        if start < self.world.clock.now - JOBS_KEPT:
            return
        item, world = self._protected_item(), self.world
        name = world.guid()
        job = Job(f"{self.vault.id}/backupJobs/{name}", name, item, "Backup", start, user_triggered, status)
        job.ended, job.activity_id = start + length, world.guid()
        job.policy_name = item.policy.name if item.policy else ""
        job.error = JOB_ERRORS[code] if code else None
        snapshot = Task(SNAPSHOT_TASK, "Failed" if code else "Completed", start, start + SNAPSHOT)
        transfer = Task(TRANSFER_TASK)
        if code is None:
            transfer = Task(TRANSFER_TASK, status, start + SNAPSHOT, job.ended)
        job.tasks = [snapshot, transfer]
        self.vault.jobs[name] = job
        if item.last_time is None or job.ended > item.last_time:
            item.last_status, item.last_time, item.last_error = status, job.ended, job.error


def nights(stage: Stage, code: str, number: int = 3) -> Stage:
    """Let backups have failed with an error for some nights, and succeeded well before."""
    return stage.vault_points(20, newest=number + 2).points(2, newest=stage.night(number)).failed(code, nights=number)
