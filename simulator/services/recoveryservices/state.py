"""The rules of Recovery Services: what exists, who is protected, what may be asked of it when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from simulator.clock import iso
from simulator.errors import resource_not_found
from simulator.operations import Operation
from simulator.wire import ArmError, Json

from . import bodies
from .model import ON_DEMAND_LIMIT, Job, Policy, ProtectedItem, RecoveryPoint, Vault
from .service import BackupService

if TYPE_CHECKING:
    from simulator.world import World

VAULT_TYPE = "Microsoft.RecoveryServices/vaults"
ACCEPTED = timedelta(seconds=30)
"""From the acceptance of a request to the end of its operation."""


class RecoveryServicesState:
    """All vaults by lower-case id, and the backup service that works for them."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.vaults: dict[str, Vault] = {}
        self.service = BackupService(world)

    # What exists

    def add_vault(
        self,
        name: str,
        group: str,
        location: str = "westeurope",
        *,
        immutability: str = "Disabled",
        tags: Mapping[str, str] | None = None,
    ) -> Vault:
        """Create a vault (and its resource group if need be)."""
        home = self.world.resources.add_group(group, location)
        vault_id = f"{self.world.resources.group_id(home.name)}/providers/{VAULT_TYPE}/{name}"
        vault = Vault(vault_id, name, home.name, location, dict(tags or {}), immutability)
        self.vaults[vault.id.lower()] = vault
        return vault

    def add_policy(self, vault: Vault, name: str = "daily", **settings: str | int) -> Policy:
        """Create a policy; ``settings`` are the fields of :class:`Policy`."""
        policy = Policy(f"{vault.id}/backupPolicies/{name}", name, **settings)  # type: ignore[arg-type]
        vault.policies[name.lower()] = policy
        return policy

    def protect(self, vm_id: str, vault: Vault, policy: Policy) -> ProtectedItem:
        """Protect a VM from now on: a backup every day at the policy's hour."""
        parts = vm_id.split("/")
        group, name = parts[4], parts[-1]
        short = f"iaasvmcontainerv2;{group.lower()};{name.lower()}"
        item = ProtectedItem(
            f"{vault.id}/backupFabrics/Azure/protectionContainers/IaasVMContainer;{short}/protectedItems/VM;{short}",
            vault,
            vm_id,
            name,
            group,
            policy,
            data_id=str(self.world.random.randrange(10**17, 10**18)),
        )
        vault.items[short] = item
        self.service.schedule(item)
        return item

    def vault(self, group: str, name: str) -> Vault:
        """Return a vault.

        Raises:
            ArmError: 404 for the group or the vault.
        """
        self.world.resources.require_group(group)
        found = self.vaults.get(f"{self.world.resources.group_id(group)}/providers/{VAULT_TYPE}/{name}".lower())
        if found is None:
            raise resource_not_found(VAULT_TYPE, name, group)
        return found

    def item_of(self, vm_id: str) -> ProtectedItem | None:
        """Return the item of a VM, in whichever vault: the one that protects it, else one whose protection ended."""
        every = (item for vault in self.vaults.values() for item in vault.items.values())
        items = [item for item in every if item.vm_id.lower() == vm_id.lower()]
        active = (item for item in items if item.policy is not None and item.deleted_until is None)
        return next(active, items[0] if items else None)

    def item(self, vault: Vault, container: str, name: str) -> ProtectedItem:
        """Return an item by the names of the wire, e.g. ``VM;iaasvmcontainerv2;rg;vm``.

        Raises:
            ArmError: 404.
        """
        found = vault.items.get(short_name(container, name))
        if found is None:
            raise ArmError(
                404, "BMSUserErrorContainerObjectNotFound", f"The protected item '{name}' was not found in the vault."
            )
        return found

    def job(self, vault: Vault, name: str) -> Job:
        """Return a job.

        Raises:
            ArmError: 404.
        """
        found = vault.jobs.get(name.lower())
        if found is None:
            raise ArmError(404, "BMSUserErrorJobNotFound", f"The job '{name}' was not found in the vault.")
        return found

    def tiers(self, point: RecoveryPoint) -> dict[str, str]:
        """The tiers of a recovery point and their status; the instant one is as alive as its restore point."""
        alive = any(
            point.restore_point == known.id.lower()
            for collection in self.world.compute.collections.values()
            for known in collection.points.values()
        )
        tiers = {"InstantRP": "Valid" if alive else "Deleted"}
        return {**tiers, "HardenedRP": "Valid"} if point.in_vault else tiers

    # Requests

    def operation(self, vault: Vault, operation_id: str) -> Operation:
        """Poll an operation of this vault.

        Raises:
            ArmError: 404 when the vault knows no such operation.
        """
        known = self.world.operations.by_id.get(operation_id.lower())
        if known is None or known.properties.get("vault") != vault.id:
            raise ArmError(404, "NotFound", f"The operation '{operation_id}' was not found.")
        return self.world.operations.poll(operation_id)

    def back_up_now(self, item: ProtectedItem, expires: datetime | None) -> Operation:
        """Accept an on-demand backup; the operation gives the job, or fails while another backup runs.

        Raises:
            ArmError: 400 when the item is not protected, for an expiry in the past, and after nine in 24 hours.
        """
        now = self.world.clock.now
        if item.state not in ("Protected", "IRPending", "ProtectionError"):
            raise invalid_input(f"Backups of the item are stopped; its protection state is {item.state}.")
        if expires is not None and expires <= now:
            raise invalid_input("The expiry time of the recovery point lies in the past.")
        if len(self.on_demand_backups(item)) >= ON_DEMAND_LIMIT:
            raise too_many_backups()
        properties: Json = {"vault": item.vault.id, "item": item.id}
        if self.service.running_backup(item) is not None:
            return self.world.operations.start("backup", ACCEPTED, _another_backup_runs, properties=properties)
        job = self.service.start(item, user_triggered=True, expires=expires)
        return self.track(job, "backup", lambda: None, properties)

    def track(self, job: Job, kind: str, finish: Callable[[], None], properties: Json) -> Operation:
        """Start the operation that tells a client its job; one that a fault ends otherwise takes the job with it."""
        properties["jobId"] = job.name
        return self.world.operations.start(
            kind, ACCEPTED, finish, properties=properties, abort=lambda: self.service.withdraw(job)
        )

    def on_demand_backups(self, item: ProtectedItem) -> list[Job]:
        """The on-demand backups of an item that started in the last 24 hours, whatever became of them."""
        since = self.world.clock.now - timedelta(hours=24)
        return [
            job
            for job in item.vault.jobs.values()
            if job.item is item and job.operation == "Backup" and job.user_triggered and job.started > since
        ]

    def cancel(self, job: Job) -> Operation:
        """Accept the cancellation of a job.

        Raises:
            ArmError: 400 when it cannot be cancelled (any more).
        """
        self.service.cancel(job)
        properties = {"vault": job.item.vault.id, "job": job.name}
        return self.world.operations.start("cancel", timedelta(minutes=1), lambda: None, properties=properties)

    def refresh(self, vault: Vault) -> Operation:
        """Accept a discovery of VMs; it changes nothing here."""
        properties = {"vault": vault.id}
        return self.world.operations.start("refresh", timedelta(minutes=1), lambda: None, properties=properties)

    def graph_bodies(self) -> list[Json]:
        """What Resource Graph knows of this service: items, policies, and jobs without their errors."""
        now = self.world.clock.now
        found: list[Json] = []
        for vault in self.vaults.values():
            found += [bodies.item_body(item) for item in vault.items.values()]
            found += [bodies.policy_body(vault, policy) for policy in vault.policies.values()]
            found += [bodies.job_body(job, now) for job in vault.jobs.values()]
        return found

    def describe(self) -> list[Json]:
        """Everything of this service as readable JSON, for the control API."""
        return [self._describe(vault) for vault in self.vaults.values()]

    def _describe(self, vault: Vault) -> Json:
        return {
            "id": vault.id,
            "name": vault.name,
            "immutability": vault.immutability,
            "resource_guard": vault.guard.id if vault.guard else None,
            "items": [
                {
                    "name": f"VM;{short}",
                    "vm": item.vm_id,
                    "state": item.state,
                    "last_backup": item.last_status,
                    "clean_up_pending": item.clean_up_pending,
                    "recovery_points": [
                        {"id": point.id, "time": iso(point.time), "tiers": self.tiers(point)} for point in item.points
                    ],
                }
                for short, item in vault.items.items()
            ],
            "jobs": [
                {
                    "id": job.name,
                    "item": job.item.vm_name,
                    "operation": job.operation,
                    "status": job.status,
                    "started": iso(job.started),
                    "ended": iso(job.ended) if job.ended else None,
                    "error": job.error.code if job.error else None,
                    "on_demand": job.user_triggered,
                }
                for job in sorted(vault.jobs.values(), key=lambda job: job.started)
            ],
        }


def short_name(container: str, item: str) -> str:
    """Return the key of an item: what the names of container and item share.

    Raises:
        ArmError: 400 when they are not names of one Azure VM.
    """
    short = item.lower().removeprefix("vm;")
    if container.lower().removeprefix("iaasvmcontainer;") != short or short.count(";") != 2:
        raise invalid_input("The names of container and protected item do not belong together.")
    return short


def invalid_input(message: str) -> ArmError:
    """400 for a request that the backup service does not understand or allow."""
    return ArmError(400, "BMSUserErrorInvalidInput", message)


def too_many_backups() -> ArmError:
    """400 after nine on-demand backups in 24 hours."""
    message = "Operation is blocked as you have reached the limit on number of operations permitted in 24 hours."
    advice = "We recommend not having more than 3 backups a day. Please retry the operation tomorrow."
    info = {"code": "CloudDosAbsoluteLimitReached", "message": message, "recommendedAction": [advice]}
    return ArmError(
        400,
        "CloudDosAbsoluteLimitReached",
        message,
        extra={"additionalInfo": [{"type": "UserFacingError", "info": info}]},
    )


def _another_backup_runs() -> None:
    raise ArmError(
        409,
        "UserErrorBackupOperationInProgress",
        "Unable to initiate backup as another backup operation is currently in progress.",
    )
