"""Which backups of a vault start at the same time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..ids import normal
from ..session import Json, Session
from .backup import Policy, ProtectedItem, parse_item, parse_policy, vault_of
from .graph import query_all

_ROWS = "recoveryservicesresources | where type =~ 'microsoft.recoveryservices/vaults/"
ITEMS = (
    f"{_ROWS}backupfabrics/protectioncontainers/protecteditems' and properties.backupManagementType =~ 'AzureIaasVM'"
)
POLICIES = f"{_ROWS}backuppolicies'"
COLUMNS = " | project id, name, properties | order by id asc"


@dataclass(frozen=True)
class Start:
    """A time of day at which a policy of a VM starts backups.

    Attributes:
        at: the time as ``HH:MM``, in ``zone``.
        vms: ids of the VMs of the same vault that start at this time, in lower case, the VM itself included.
    """

    at: str
    zone: str
    vms: tuple[str, ...]


Starts = Mapping[tuple[str, str, str], "list[str]"]
"""The VMs that start together, by vault, time and time zone."""


def in_vault(vault_id: str) -> str:
    """Return the clause that keeps the rows of one vault."""
    return f" and id startswith '{vault_id}/'" if vault_id else ""


def read_starts(session: Session, item: ProtectedItem) -> tuple[Start, ...]:
    """Read with which VMs of its vault the backups of one VM start together (Resource Graph; two queries).

    Permissions: ``Microsoft.RecoveryServices/Vaults/backupPolicies/read``, ``…/protectedItems/read``.
    """
    vault = vault_of(item.id)
    scope, only = (vault.split("/")[2],), in_vault(vault)
    policies = by_id(query_all(session, f"{POLICIES}{only}{COLUMNS}", scope))
    items = [parse_item(row) for row in query_all(session, f"{ITEMS}{only}{COLUMNS}", scope)]
    return starts_of(item, policies, all_starts(items, policies))


def count_protected(session: Session, vault_id: str) -> int:
    """Count the VMs that a vault protects, as far as Resource Graph tells (it lags behind by minutes).

    Permission: ``Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/read``.
    """
    items = [
        parse_item(row)
        for row in query_all(session, f"{ITEMS}{in_vault(vault_id)}{COLUMNS}", (vault_id.split("/")[2],))
    ]
    return sum(1 for item in items if not item.soft_deleted and item.state.lower() != "protectionstopped")


def all_starts(items: Iterable[ProtectedItem], policies: Mapping[str, Policy]) -> Starts:
    """Return which VMs start together.

    Args:
        items: the protected items, of any number of vaults.
        policies: their policies by id in lower case.
    """
    found: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
    for item in items:
        for key in _keys(item, policies):
            found[key].append(normal(item.source_resource_id))
    return found


def starts_of(item: ProtectedItem, policies: Mapping[str, Policy], starts: Starts) -> tuple[Start, ...]:
    """Return when the backups of one item start, and with which others."""
    return tuple(Start(key[1], key[2], tuple(sorted(starts.get(key, ())))) for key in _keys(item, policies))


def _keys(item: ProtectedItem, policies: Mapping[str, Policy]) -> list[tuple[str, str, str]]:
    policy = policies.get(normal(item.policy_id)) if item.policy_id else None
    if policy is None or item.soft_deleted:
        return []
    return [(normal(vault_of(item.id)), time, policy.time_zone) for time in policy.run_times]


def by_id(rows: Iterable[Json]) -> dict[str, Policy]:
    """Return the policies of Resource Graph's rows, by id in lower case."""
    policies = [parse_policy(row) for row in rows]
    return {normal(policy.id): policy for policy in policies}
