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
from ..parallel import gather
from ..session import Session
from . import backup, compute, graph
from .locks import Lock, read_locks

T = TypeVar("T")

RECENT = timedelta(days=2)
OLDER = timedelta(days=30)


class VmFacts:
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
        self._turns: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def refresh(self) -> None:
        """Forget what was read, but which vault protects the machine: that does not change under a run."""
        self._known = {name: value for name, value in self._known.items() if name == "protection"}

    def prefetch(self, *names: str) -> None:
        """Read the named facts at the same time; an error shows when its fact is asked for."""
        with suppress(RemediationError):
            gather([getattr(self, name) for name in names])

    def _once(self, name: str, read: Callable[[], T]) -> T:
        with self._lock:
            turn = self._turns.setdefault(name, threading.Lock())
        with turn:
            if name not in self._known:
                try:
                    self._known[name] = read()
                except (AttributeError, KeyError, TypeError, ValueError) as error:
                    what = f"Azure's answer about {name.replace('_', ' ')} is not of the documented shape: {error}"
                    raise BadResponse(what, "Check what answers at the ARM endpoint.") from error
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

    def failed_jobs(self) -> tuple[backup.Job, ...]:
        """Return this machine's failed jobs of the last 30 days, newest first, without their details."""
        if not self.protection().item_id:
            return ()
        return self._once("failed_jobs", lambda: self._jobs_of_last(OLDER, status="Failed"))

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
        return tuple(gather([partial(compute.read_collection, self.session, one) for one in found]))

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
