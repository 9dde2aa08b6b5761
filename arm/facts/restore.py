"""Facts of where a restore goes to: the vault, accounts for staging, networks, groups, and what was refused there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from ..errors import RemediationError
from ..ids import parse
from ..session import Session
from . import inventory, monitor, network
from .graph import query
from .schedule import count_protected
from .values import inner

if TYPE_CHECKING:
    from datetime import datetime

    from .backup import Job, Protection

T = TypeVar("T")

VAULT_API = "2024-04-01"
GROUPS_API = "2021-04-01"
_VM_NAME = re.compile(r"[\w.-]{1,64}")


@dataclass(frozen=True)
class Vault:
    """A Recovery Services vault.

    Attributes:
        cross_region: whether it can restore in the paired region: ``crossRegionRestore`` is ``Enabled``.
    """

    id: str
    name: str
    location: str
    cross_region: bool


@dataclass(frozen=True)
class Group:
    """A resource group."""

    id: str
    name: str
    location: str


def read_vault(session: Session, vault_id: str) -> Vault:
    """Read a vault. Permission: ``Microsoft.RecoveryServices/Vaults/read``."""
    body = session.get(vault_id, VAULT_API)
    redundancy = inner(body, "properties", "redundancySettings")
    return Vault(
        id=str(body.get("id") or vault_id),
        name=str(body.get("name") or parse(vault_id).name),
        location=str(body.get("location", "")),
        cross_region=str(redundancy.get("crossRegionRestore", "")).lower() == "enabled",
    )


def read_groups(session: Session, subscription: str) -> tuple[Group, ...]:
    """Read all resource groups of a subscription (an id, without slashes).

    Permission: ``Microsoft.Resources/subscriptions/resourceGroups/read``.
    """
    path = f"/subscriptions/{subscription}/resourceGroups"
    return tuple(
        Group(str(entry.get("id", "")), str(entry.get("name", "")), str(entry.get("location", "")))
        for entry in session.pages(path, GROUPS_API)
    )


def find_vms(session: Session, subscription: str, name: str) -> tuple[str, ...]:
    """Return the ids of the virtual machines of a name in a subscription; none for what cannot be a name.

    Permission: ``Microsoft.Compute/virtualMachines/read``.
    """
    if not _VM_NAME.fullmatch(name):
        return ()
    text = f"resources | where type =~ 'microsoft.compute/virtualmachines' and name =~ '{name}' | project id, name"
    return tuple(str(row["id"]) for row in query(session, text, (subscription,)))


class RestoreFacts:
    """The part of a machine's facts that is about restoring it."""

    session: Session
    vm_id: str

    if TYPE_CHECKING:  # of the whole, which this is a part of

        def _once(self, name: str, read: Callable[[], T]) -> T: ...

        def protection(self) -> Protection:
            """Return where the machine is backed up to."""

        def restores(self) -> tuple[Job, ...]:
            """Return the restore jobs of the last 30 days."""

        def read_job(self, name: str) -> Job:
            """Read one job."""

        @property
        def azure_now(self) -> datetime:
            """Azure's time."""

    @property
    def subscription(self) -> str:
        """The subscription of the machine, which is that of its vault."""
        return parse(self.vm_id).subscription

    def last_failed_restore(self) -> Job | None:
        """Return the newest failed restore of the last 30 days with its error and its inputs, or ``None``."""
        failed = [job for job in self.restores() if job.status == "Failed"]
        return self._once("last_failed_restore", lambda: self.read_job(failed[0].name)) if failed else None

    def vault(self) -> Vault | None:
        """Return the vault; ``None`` when the machine is not protected."""
        vault_id = self.protection().vault_id
        return self._once("vault", lambda: read_vault(self.session, vault_id)) if vault_id else None

    def protected_in_vault(self) -> int | None:
        """Return how many machines the vault protects; ``None`` when that cannot be told."""
        try:
            count = self._once("protected_in_vault", lambda: count_protected(self.session, self.protection().vault_id))
        except RemediationError:
            return None
        return count or None  # this very machine is one: none at all is an answer that lags behind

    def storage_accounts(self) -> tuple[inventory.StorageAccount, ...]:
        """Return every storage account of the subscription."""
        return self._once("storage_accounts", lambda: inventory.read_storage_accounts(self.session, self.subscription))

    def storage_health(self, account_id: str) -> monitor.Health:
        """Return what Resource Health says of a storage account now."""
        return self._once(f"health of {account_id}", lambda: monitor.read_health(self.session, account_id))

    def all_networks(self) -> tuple[network.VirtualNetwork, ...]:
        """Return every virtual network of the subscription with its subnets."""
        return self._once("all_networks", lambda: network.read_virtual_networks(self.session, self.subscription))

    def resource_groups(self) -> tuple[Group, ...]:
        """Return every resource group of the subscription."""
        return self._once("resource_groups", lambda: read_groups(self.session, self.subscription))

    def vms_of_name(self, name: str) -> tuple[str, ...]:
        """Return the ids of the machines of a name in the subscription."""
        return self._once(f"machines called {name}", lambda: find_vms(self.session, self.subscription, name))

    def refusals(self) -> tuple[monitor.Event, ...]:
        """Return what Azure has refused in the subscription since the failed restore began, newest first.

        Refused for want of permission, by a policy or by a lock; none without a failed restore.
        """
        failed = self.last_failed_restore()
        if failed is None or failed.started is None:
            return ()
        since, until = failed.started, self.azure_now
        return self._once("refusals", lambda: monitor.read_refusals(self.session, self.subscription, since, until))
