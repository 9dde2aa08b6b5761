"""All facts of one VM, each read once, when asked for, many at a time."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar, cast

from ..errors import BadResponse, NotFound, RemediationError
from ..ids import group_id, normal, parse
from ..session import Session
from . import access, backup, compute, graph, inventory, monitor, network, schedule
from .guest import GuestFacts
from .locks import Lock, read_locks
from .restore import RestoreFacts
from .run_commands import RunCommand, read_run_commands
from .whereabouts import KnownItem, Whereabouts, read_items_of_name, read_whereabouts

T = TypeVar("T")

RECENT = timedelta(days=2)
OLDER = timedelta(days=30)
SNAPSHOT_TIME = timedelta(hours=2)
"""How long a snapshot may take at the most, waiting and trying again included."""


class VmFacts(RestoreFacts):
    """The facts of one virtual machine.

    Every method reads from Azure on first use and answers from memory afterwards, until :meth:`refresh`.
    Errors are those of :meth:`arm.session.Session.get`.

    Args:
        session: where to read.
        vm: which machine.
    """

    def __init__(self, session: Session, vm: graph.VmReference) -> None:
        self.session = session
        self.vm_id = vm.id
        self._location = vm.location
        self._known: dict[str, Any] = {}
        self._guest: GuestFacts | None = None
        self._turns: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def refresh(self) -> None:
        """Forget what was read, but which vault protects the machine: that does not change under a run."""
        self._known = {name: value for name, value in self._known.items() if name == "protection"}

    def prefetch(self, *names: str) -> None:
        """Read the named facts at the same time; an error shows when its fact is asked for."""
        with suppress(RemediationError):
            self.session.gather([getattr(self, name) for name in names])

    def _once(self, name: str, read: Callable[[], T]) -> T:
        with self._lock:
            turn = self._turns.setdefault(name, threading.Lock())
        with turn:
            if name not in self._known:
                try:
                    self._known[name] = read()
                except NotFound as error:  # that it does not exist is known, too
                    self._known[name] = error
                except (AttributeError, KeyError, TypeError, ValueError) as error:
                    what = f"Azure's answer about {name.replace('_', ' ')} is not of the documented shape: {error}"
                    raise BadResponse(what, "Check what answers at the ARM endpoint.") from error
            if isinstance(self._known[name], NotFound):
                raise self._known[name]
            return cast("T", self._known[name])

    @property
    def azure_now(self) -> datetime:
        """Azure's time, from its last answer."""
        return self.session.azure_now()

    def vm(self) -> compute.VirtualMachine:
        """Return the machine with its instance view.

        Raises:
            NotFound: it does not exist (any more).
        """
        return self._once("vm", lambda: compute.read_vm(self.session, self.vm_id))

    def vm_or_none(self) -> compute.VirtualMachine | None:
        """Return the machine, or ``None`` when it is gone."""
        try:
            return self.vm()
        except NotFound:
            return None

    def extensions(self) -> tuple[compute.Extension, ...]:
        """Return the machine's extensions."""
        return self._once("extensions", lambda: compute.read_extensions(self.session, self.vm_id))

    def guest(self) -> GuestFacts | None:
        """Return what a look inside the machine has told; ``None`` when nobody has looked. Azure is not asked."""
        return self._guest

    def tell_guest(self, told: GuestFacts) -> None:
        """Take what a look inside the machine has told; it stays known until the next look."""
        self._guest = told

    def run_commands(self) -> tuple[RunCommand, ...]:
        """Return the machine's managed run commands; none where Azure does not offer them."""
        return self._once("run_commands", self._read_run_commands)

    def _read_run_commands(self) -> tuple[RunCommand, ...]:
        try:
            return read_run_commands(self.session, self.vm_id)
        except NotFound:
            return ()

    def protection(self) -> backup.Protection:
        """Return where the machine is backed up to; its ids are empty when it is not protected."""
        return self._once("protection", self._read_protection)

    def _read_protection(self) -> backup.Protection:
        if not self._location and self.vm_or_none() is None:
            item = graph.find_protected_item(self.session, self.vm_id)
            return backup.Protection(backup.vault_of(item), item) if item else backup.Protection("", "")
        return backup.read_protection(self.session, self.vm_id, self._location or self.vm().location)

    def item(self) -> backup.ProtectedItem | None:
        """Return the protected item, or ``None`` when the machine is not protected."""
        item_id = self.protection().item_id
        return self._once("item", lambda: backup.read_item(self.session, item_id)) if item_id else None

    def policy(self) -> backup.Policy | None:
        """Return the backup policy; ``None`` when there is none (protection stopped, not protected)."""
        item = self.item()
        if item is None or not item.policy_id:
            return None
        return self._once("policy", lambda: backup.read_policy(self.session, item.policy_id))

    def resource_guards(self) -> tuple[backup.ResourceGuard, ...]:
        """Return the Resource Guards of the vault."""
        vault_id = self.protection().vault_id
        if not vault_id:
            return ()
        return self._once("resource_guards", lambda: backup.read_resource_guards(self.session, vault_id))

    def immutability(self) -> str:
        """Return the vault's immutability state."""
        vault_id = self.protection().vault_id
        return self._once("immutability", lambda: backup.read_immutability(self.session, vault_id))

    def running_jobs(self) -> tuple[backup.Job, ...]:
        """Return the jobs of this machine that have not ended: in progress, however old, or being cancelled."""
        item_id = self.protection().item_id
        if not item_id:
            return ()
        begun = self._once("running_jobs", lambda: backup.read_jobs(self.session, item_id, status="InProgress"))
        known = {job.name for job in begun}
        return begun + tuple(job for job in self.recent_jobs() if job.running and job.name not in known)

    def jobs_elsewhere(self) -> tuple[backup.Job, ...]:
        """Return the jobs in progress in other vaults that hold an item of this machine, such as an earlier vault."""
        return self._once("jobs_elsewhere", self._read_jobs_elsewhere)

    def _read_jobs_elsewhere(self) -> tuple[backup.Job, ...]:
        own = normal(self.protection().vault_id)
        items = graph.find_protected_items(self.session, self.vm_id)
        others = [item for item in items if normal(backup.vault_of(item)) != own]
        reads = [partial(backup.read_jobs, self.session, item, status="InProgress") for item in others]
        found = self.session.gather(reads)
        return tuple(job for jobs in found for job in jobs)

    def job_details(self) -> tuple[backup.Job, ...]:
        """Return every job in progress, those in other vaults included, with tasks and errors."""
        jobs = (*self.running_jobs(), *self.jobs_elsewhere())
        return self._once("job_details", lambda: tuple(backup.read_job_again(self.session, job) for job in jobs))

    def recent_jobs(self) -> tuple[backup.Job, ...]:
        """Return this machine's jobs of the last two days, newest first."""
        item_id = self.protection().item_id
        if not item_id:
            return ()
        return self._once("recent_jobs", lambda: self._jobs_of_last(RECENT))

    def _jobs_of_last(self, span: timedelta, **narrowed: str) -> tuple[backup.Job, ...]:
        now = self.azure_now
        return backup.read_jobs(
            self.session, self.protection().item_id, since=now - span, until=now + timedelta(hours=1), **narrowed
        )

    def last_failed_job(self) -> backup.Job | None:
        """Return the newest failed backup job of the last 30 days with its error details, or ``None``."""
        if not self.protection().item_id:
            return None
        return self._once("last_failed_job", lambda: self._read_last_failed(lambda job: job.operation == "Backup"))

    def last_other_failed_job(self) -> backup.Job | None:
        """Return the newest failed job of the last 30 days that is no backup (a restore, say), or ``None``."""
        if not self.protection().item_id:
            return None
        return self._once(
            "last_other_failed_job", lambda: self._read_last_failed(lambda job: job.operation != "Backup")
        )

    def _read_last_failed(self, wanted: Callable[[backup.Job], bool]) -> backup.Job | None:
        failed = [job for job in self.recent_jobs() if job.status == "Failed" and wanted(job)]
        failed = failed or [job for job in self.failed_jobs() if wanted(job)]
        return self.read_job(failed[0].name) if failed else None

    def last_scheduled_backup(self) -> backup.Job | None:
        """Return the newest scheduled backup of the last 30 days that succeeded, with its details, or ``None``."""
        if not self.protection().item_id:
            return None
        return self._once("last_scheduled_backup", self._read_last_scheduled)

    def _read_last_scheduled(self) -> backup.Job | None:
        ended = self._jobs_of_last(OLDER, operation="Backup", status="Completed")
        scheduled = [job for job in ended if not job.on_demand]
        return self.read_job(scheduled[0].name) if scheduled else None

    def failed_jobs(self) -> tuple[backup.Job, ...]:
        """Return this machine's failed jobs of the last 30 days, newest first, without their details."""
        if not self.protection().item_id:
            return ()
        return self._once("failed_jobs", lambda: self._jobs_of_last(OLDER, status="Failed"))

    def restores(self) -> tuple[backup.Job, ...]:
        """Return this machine's restore jobs of the last 30 days, newest first, without their details."""
        if not self.protection().item_id:
            return ()
        return self._once("restores", lambda: self._jobs_of_last(OLDER, operation="Restore"))

    def starts(self) -> tuple[schedule.Start, ...]:
        """Return at which times of day its policy backs it up, and which machines of the vault start with it."""
        item = self.item()
        return self._once("starts", lambda: schedule.read_starts(self.session, item)) if item else ()

    def completed_since(self, job: backup.Job) -> bool:
        """Say whether a job of the same operation has succeeded since a job began, warnings or not; read afresh."""
        if job.started is None:
            return False
        until = self.azure_now + timedelta(hours=1)
        later = backup.read_jobs(
            self.session, self.protection().item_id, operation=job.operation, since=job.started, until=until
        )
        return any(one.status.startswith("Completed") for one in later)

    def read_job(self, name: str) -> backup.Job:
        """Read one job of this machine's vault with its details, always afresh."""
        return backup.read_job(self.session, self.protection().vault_id, name)

    def recovery_points(self) -> tuple[backup.RecoveryPoint, ...]:
        """Return the recovery points with their tiers, oldest first."""
        item_id = self.protection().item_id
        if not item_id:
            return ()
        return self._once("recovery_points", lambda: backup.read_recovery_points(self.session, item_id))

    def collections(self) -> tuple[compute.RestorePointCollection, ...]:
        """Return the restore point collections made from this machine, over all groups, with their points."""
        return self._once("collections", self._read_collections)

    def _read_collections(self) -> tuple[compute.RestorePointCollection, ...]:
        found = compute.read_collection_ids(self.session, self.vm_id)
        return tuple(self.session.gather([partial(compute.read_collection, self.session, one) for one in found]))

    def whereabouts(self) -> Whereabouts:
        """Return where this machine may be when it does not exist under its id, by its restore points' unique ids."""
        points = [point for one in self.collections() if one.made_by_backup for point in one.points]
        unique = tuple(dict.fromkeys(point.vm_unique_id for point in points if point.vm_unique_id))
        return self._once("whereabouts", lambda: read_whereabouts(self.session, self.vm_id, unique))

    def items_of_name(self) -> tuple[KnownItem, ...]:
        """Return the protected items of this machine and its namesakes, in every vault that can be read."""
        return self._once("items_of_name", lambda: read_items_of_name(self.session, self.vm_id))

    def policies(self) -> tuple[backup.Policy, ...]:
        """Return the policies for Azure VMs of this machine's vault; none when it is not protected."""
        vault_id = self.protection().vault_id
        return self._once("policies", lambda: backup.read_policies(self.session, vault_id)) if vault_id else ()

    def disks(self) -> tuple[inventory.ManagedDisk, ...]:
        """Return the machine's managed disks, the OS disk first."""
        return self._once("disks", lambda: inventory.read_disks(self.session, self.vm()))

    def key_vaults(self) -> tuple[inventory.KeyVault, ...]:
        """Return the key vaults that the disks' encryption settings name; those that do not exist are left out."""
        ids = inventory.key_vaults_of(self.disks())
        return self._once("key_vaults", lambda: inventory.read_key_vaults(self.session, ids))

    def roles_of(self, principal_id: str, scope: str) -> tuple[access.Role, ...]:
        """Return the roles that a principal (its object id) has at a scope or above it."""
        key = f"roles of {principal_id} at {normal(scope)}".lower()
        return self._once(key, lambda: self._read_roles(principal_id, scope))

    def _read_roles(self, principal_id: str, scope: str) -> tuple[access.Role, ...]:
        assigned = access.read_role_assignments(self.session, scope, principal_id)
        ids = sorted({one.role_id for one in assigned})
        return tuple(self.session.gather([partial(access.read_role, self.session, one) for one in ids]))

    def custom_roles(self, scope: str) -> tuple[access.Role, ...]:
        """Return the custom roles that can be assigned at a scope."""
        return self._once(f"custom roles at {normal(scope)}", lambda: access.read_custom_roles(self.session, scope))

    def sql_vm(self) -> inventory.SqlMachine | None:
        """Return the machine's registration with the SQL IaaS Agent extension, or ``None``."""
        return self._once("sql_vm", lambda: inventory.read_sql_machine(self.session, self.vm_id))

    def nics(self) -> tuple[network.NetworkInterface, ...]:
        """Return the machine's network interfaces, the primary one first."""
        return self._once("nics", lambda: network.read_nics(self.session, self.vm()))

    def subnets(self) -> tuple[network.Subnet, ...]:
        """Return the subnets that the interfaces are in."""
        return self._once("subnets", lambda: network.read_subnets(self.session, self.nics()))

    def nsgs(self) -> tuple[network.SecurityGroup, ...]:
        """Return the network security groups of the interfaces and of their subnets."""
        ids = [*(nic.nsg_id for nic in self.nics()), *(subnet.nsg_id for subnet in self.subnets())]
        return self._once("nsgs", lambda: network.read_security_groups(self.session, ids))

    def virtual_networks(self) -> tuple[network.VirtualNetwork, ...]:
        """Return the virtual networks that the interfaces are in."""
        subnets = [one.subnet_id for nic in self.nics() for one in nic.configurations if one.subnet_id]
        ids = {normal(one).partition("/subnets/")[0]: one[: one.lower().rindex("/subnets/")] for one in subnets}
        reads = [partial(network.read_virtual_network, self.session, one) for one in ids.values()]
        return self._once("virtual_networks", lambda: tuple(self.session.gather(reads)))

    def policy_assignments(self) -> tuple[access.PolicyAssignment, ...]:
        """Return the Azure Policy assignments at the machine's resource group and above."""
        scope = group_id(self.vm_id)
        return self._once("policy_assignments", lambda: access.read_policy_assignments(self.session, scope))

    def metrics(self, span: timedelta = timedelta(hours=1)) -> tuple[monitor.Metric, ...]:
        """Return processor use and available memory of the last ``span``."""
        self.vm()
        until = self.azure_now
        names = (monitor.CPU, monitor.MEMORY)
        return self._once(
            f"metrics of {span}",
            lambda: monitor.read_metrics(self.session, self.vm_id, names, until - span, until),
        )

    def load(self) -> tuple[monitor.Metric, ...]:
        """Return processor use and free memory, in percent, of the last backup's first two hours."""
        starts = [job.started for job in self.recent_jobs() if job.operation == "Backup" and job.started is not None]
        now = self.azure_now
        since = starts[0] if starts else now - SNAPSHOT_TIME
        until = min(since + SNAPSHOT_TIME, now)
        names = (monitor.CPU, monitor.FREE_MEMORY)
        return self._once("load", lambda: monitor.read_metrics(self.session, self.vm_id, names, since, until))

    def denials(self) -> tuple[monitor.Event, ...]:
        """Return what Azure Policy has denied in the machine's subscription in the last two days, newest first."""
        self.vm_or_none()
        until, subscription = self.azure_now, parse(self.vm_id).subscription
        return self._once("denials", lambda: monitor.read_denials(self.session, subscription, until - RECENT, until))

    def events(self) -> tuple[monitor.Event, ...]:
        """Return the machine's activity log of the last two days, newest first."""
        self.vm_or_none()
        until = self.azure_now
        return self._once("events", lambda: monitor.read_events(self.session, self.vm_id, until - RECENT, until))

    def health(self) -> monitor.Health:
        """Return what Resource Health says of the machine now."""
        return self._once("health", lambda: monitor.read_health(self.session, self.vm_id))

    def locks(self) -> tuple[Lock, ...]:
        """Return every management lock in the machine's subscription."""
        return self._once("locks", lambda: read_locks(self.session, self.vm_id))

    def locks_in_the_way(self, method: str, resource_id: str) -> tuple[Lock, ...]:
        """Return the locks at or above a resource that refuse a request to it."""
        return tuple(lock for lock in self.locks() if lock.blocks(method, resource_id))

    def made_by_backup(self, group: str) -> bool:
        """Say whether the backup service made a resource group for restore points.

        Microsoft documents ``AzureBackupRG_<Geo>_<number>``, or prefix, number and suffix as the policy sets them.
        """
        if re.fullmatch(r"azurebackuprg_[^/]+_\d+", group.lower()):
            return True
        policy = self.policy()
        if policy is None or not policy.group_prefix:
            return False
        prefix, suffix = re.escape(policy.group_prefix.lower()), re.escape(policy.group_suffix.lower())
        return re.fullmatch(rf"{prefix}\d+{suffix}", group.lower()) is not None
