"""What alerts are taken: from where, and how old."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from arm.ids import normal, parse

MAX_AGE = timedelta(hours=72)


@dataclass(frozen=True)
class Allowed:
    """Which machines alerts may ask to repair; an empty tuple allows all of its kind.

    Attributes:
        subscriptions: ids of subscriptions, for the machine and for the vault.
        resource_groups: names, or ids, of the groups in which the machine may be.
        vaults: names, or ids, of the vaults.
    """

    subscriptions: tuple[str, ...] = ()
    resource_groups: tuple[str, ...] = ()
    vaults: tuple[str, ...] = ()

    def refusal(self, vm_id: str, vault_id: str) -> str:
        """Say why a machine or a vault is outside; empty when neither is. An id that is not known is not judged.

        Args:
            vm_id: id of the machine, or empty.
            vault_id: id of the vault, or empty.
        """
        for resource in filter(None, (vm_id, vault_id)):
            subscription = parse(resource).subscription
            if not _has(self.subscriptions, subscription):
                return f"the subscription {subscription} is outside the configured scope"
        if vm_id:
            group = normal(vm_id).partition("/providers/")[0]
            if not _has(self.resource_groups, group.rpartition("/")[2], group):
                return f"the resource group {parse(vm_id).resource_group!r} is outside the configured scope"
        if vault_id and not _has(self.vaults, parse(vault_id).name, vault_id):
            return f"the vault {parse(vault_id).name!r} is outside the configured scope"
        return ""


@dataclass(frozen=True)
class AlertSettings:
    """What alerts are taken.

    Attributes:
        allowed: which machines.
        max_age: how long ago the backup may have failed, and the alert may have been fired.
    """

    allowed: Allowed = field(default_factory=Allowed)
    max_age: timedelta = MAX_AGE


def _has(wanted: Iterable[str], *spellings: str) -> bool:
    """Say whether one of the spellings is wanted, or everything is, because nothing is named."""
    named = {normal(one) for one in wanted}
    return not named or any(normal(one) in named for one in spellings)
