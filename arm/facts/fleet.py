"""Facts of many VMs at a time: a handful of Resource Graph queries, and one list of locks for each subscription.

However many machines there are, only the pages become more. Resource Graph lags behind by minutes and tells less than
the resources themselves: what it does not tell is an error of that one fact, so that nobody takes silence for health.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar, cast

from ..errors import AzureError, NotFound, RemediationError, UsageError
from ..ids import looks_like_id, normal, parse
from ..session import Json, Session
from . import backup, compute, inventory, schedule, whereabouts
from .collect import RECENT, VmFacts
from .graph import VmReference, query, query_all
from .locks import read_locks
from .times import iso
from .values import inner

T = TypeVar("T")

_JOBS = (
    "recoveryservicesresources | where type =~ 'microsoft.recoveryservices/vaults/backupjobs'"
    " and properties.backupManagementType =~ 'AzureIaasVM'"
)
_TABLES = {
    "vms": "resources | where type =~ 'microsoft.compute/virtualmachines'",
    "extensions": "resources | where type =~ 'microsoft.compute/virtualmachines/extensions'",
    "collections": "resources | where type =~ 'microsoft.compute/restorepointcollections'",
    "disks": "resources | where type =~ 'microsoft.compute/disks'",
}
_COLUMNS = " | project id, name, location, managedBy, sku, tags, properties | order by id asc"
_VAULT_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_VAULT_TYPE = "microsoft.recoveryservices/vaults"
_LIVELY = ("protected", "irpending", "protectionerror", "")
"""States of an item in which its VM ought to exist."""


@dataclass(frozen=True)
class Scope:
    """Which machines: those of one vault, or of one subscription; with neither, all that can be read.

    Attributes:
        vault_id: id of the Recovery Services vault; empty for every vault.
        subscription: id of the subscription; empty for every one.
    """

    vault_id: str = ""
    subscription: str = ""

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """The subscriptions to ask; none means every one."""
        return (self.subscription,) if self.subscription else ()


class KnownFacts(VmFacts):
    """The facts of one VM that a look at many has brought. What it has not brought is an error, and is not read.

    Args:
        session: where they came from.
        vm: which machine.
        known: each fact, or the error for which there is none, by the name of its method.
    """

    def __init__(self, session: Session, vm: VmReference, known: Mapping[str, Any]) -> None:
        super().__init__(session, vm)
        self._brought = known

    def _once(self, name: str, read: Callable[[], T]) -> T:  # noqa: ARG002  # nothing is read for one machine alone
        found = self._brought.get(name, _not_told())
        if isinstance(found, RemediationError):
            raise found
        return cast("T", found)


def _not_told() -> AzureError:
    return AzureError("Resource Graph does not tell it", "Ask for this machine alone, with --vm.")


def find_vault(session: Session, vault: str, *, subscription: str = "") -> Scope:
    """Find the one vault that a name or id means.

    Args:
        session: where to look.
        vault: name, or full resource id.
        subscription: only in this subscription (id).

    Raises:
        UsageError: none, several, or a malformed name or id; the error lists candidates.

    Permission: ``Microsoft.RecoveryServices/Vaults/read``.
    """
    if vault.startswith("/") or looks_like_id(vault):
        parsed = parse(vault)
        if parsed.type.lower() != _VAULT_TYPE or not _VAULT_NAME.fullmatch(parsed.name) or "'" in vault:
            raise UsageError(f"{vault!r} is not the id of a Recovery Services vault", "Copy the id from the portal.")
        group = f"/subscriptions/{parsed.subscription}/resourceGroups/{parsed.resource_group}"
        return Scope(f"{group}/providers/Microsoft.RecoveryServices/vaults/{parsed.name}", parsed.subscription)
    if not _VAULT_NAME.fullmatch(vault):
        raise UsageError(f"{vault!r} is not a name of a vault", "Give its name, or its full resource id.")
    vaults = f"resources | where type =~ '{_VAULT_TYPE}'"
    rows = query(session, f"{vaults} | project id, name", (subscription,) if subscription else ())
    found = [str(row["id"]) for row in rows if str(row.get("name", "")).lower() == vault.lower()]
    if len(found) == 1:
        return Scope(found[0], parse(found[0]).subscription)
    if found:
        raise UsageError(f"{len(found)} vaults are called {vault!r}", "Give the full id.", sorted(found))
    names = sorted(str(row["name"]) for row in rows)[:8]
    raise UsageError(
        f"no vault {vault!r} can be read here", "Check the name, and that this identity may read it.", names
    )


def read_fleet(session: Session, scope: Scope) -> tuple[KnownFacts, ...]:
    """Read what Resource Graph tells about the VMs of a scope, in the order of their ids.

    A VM that is gone, but whose protection goes on, is among them.

    Permissions: those of the facts ``vm``, ``extensions``, ``item``, ``policy``, ``recent_jobs``, ``collections`` and
    ``locks``; rows that may not be read are missing, and their facts are errors.

    Raises:
        AzureError: the machines themselves, or their protection, cannot be asked for.
    """
    asked = {
        **{name: f"{table}{_COLUMNS}" for name, table in _TABLES.items()},
        "items": f"{schedule.ITEMS}{schedule.COLUMNS}",
        "policies": f"{schedule.POLICIES}{schedule.COLUMNS}",
    }
    reads = [partial(_tried, partial(query_all, session, text, scope.subscriptions)) for text in asked.values()]
    rows = dict(zip(asked, session.gather(reads), strict=True))
    machines, items = _or_raise(rows["vms"]), [backup.parse_item(row) for row in _or_raise(rows["items"])]
    fleet = _Fleet(session, scope, rows, {normal(str(row["id"])): row for row in machines}, items)
    fleet.read_the_rest()
    return tuple(KnownFacts(session, VmReference(vm_id), fleet.facts_of(vm_id)) for vm_id in fleet.vm_ids())


def _tried(read: Callable[[], T]) -> T | RemediationError:
    try:
        return read()
    except RemediationError as error:
        return error


def _or_raise(found: T | RemediationError) -> T:
    if isinstance(found, RemediationError):
        raise found
    return found


@dataclass
class _Fleet:
    """What was read, put in order by machine."""

    session: Session
    scope: Scope
    rows: Mapping[str, list[Json] | RemediationError]
    machines: Mapping[str, Json]
    items: list[backup.ProtectedItem]
    jobs: Any = None
    locks: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        items_of = _grouped(sorted(self.items, key=_liveliest), lambda item: normal(item.source_resource_id))
        self.items_of: dict[str, list[backup.ProtectedItem]] = items_of
        self.by_name = _grouped(self.items_of, lambda source: source.rpartition("/")[2])
        self.policies = _mapped(self.rows["policies"], schedule.by_id)
        self.starts = _mapped(self.policies, partial(schedule.all_starts, self.items))
        self.extensions = _mapped(self.rows["extensions"], _extensions)
        self.disks = _mapped(self.rows["disks"], _disks)
        self.collections = _mapped(self.rows["collections"], _collections)

    def vm_ids(self) -> list[str]:
        """The machines: those of the scope, and those that are gone but still protected."""
        vault = normal(self.scope.vault_id) if self.scope.vault_id else ""
        found = {} if vault else {key: str(row["id"]) for key, row in self.machines.items()}
        for key, items in self.items_of.items():
            lively = items[0].state.lower() in _LIVELY and not items[0].soft_deleted
            if vault in ("", normal(backup.vault_of(items[0].id))) and (lively or key in self.machines):
                found[key] = str(self.machines[key]["id"]) if key in self.machines else items[0].source_resource_id
        return [found[key] for key in sorted(found)]

    def read_the_rest(self) -> None:
        """Read what needs to know more first: the last jobs (Azure's time), and the locks (the subscriptions)."""
        since = iso(self.session.azure_now() - RECENT)
        lately = f" and (todatetime(properties.startTime) > todatetime('{since}') or properties.status =~ 'InProgress')"
        text = f"{_JOBS}{lately}{schedule.COLUMNS}"
        examples = {parse(vm_id).subscription.lower(): vm_id for vm_id in self.vm_ids()}
        reads: list[Callable[[], Any]] = [partial(query_all, self.session, text, self.scope.subscriptions)]
        reads += [partial(read_locks, self.session, vm_id) for vm_id in examples.values()]
        jobs, *locks = self.session.gather([partial(_tried, read) for read in reads])
        self.jobs = _mapped(jobs, _jobs)
        self.locks = dict(zip(examples, locks, strict=True))

    def facts_of(self, vm_id: str) -> dict[str, Any]:
        """Return what is known of one machine."""
        key = normal(vm_id)
        row = self.machines.get(key)
        gone = NotFound("the virtual machine does not exist (any more)", "Stop its protection, or restore it.")
        items = self.items_of.get(key, [])
        known: dict[str, Any] = {
            "vm": _machine(row) if row is not None else gone,
            "extensions": _mapped(self.extensions, lambda found: found.get(key) or _not_told()),
            "collections": _mapped(self.collections, lambda found: tuple(found.get(key, ()))),
            "disks": _mapped(self.disks, lambda found: _attached(row, found)),
            "locks": self.locks[parse(vm_id).subscription.lower()],
            "protection": backup.Protection("", ""),
            "items_of_name": self._namesakes(key),
            "jobs_elsewhere": _mapped(self.jobs, lambda found: self._running(found, items[1:])),
        }
        return known | self._protected(items[0]) if items else known

    def _protected(self, item: backup.ProtectedItem) -> dict[str, Any]:
        jobs = _mapped(self.jobs, lambda found: _newest_first(found.get(_container(item.id), ())))
        return {
            "protection": backup.Protection(backup.vault_of(item.id), item.id),
            "item": item,
            "policy": _mapped(self.policies, lambda found: found.get(normal(item.policy_id)) or _not_told()),
            "starts": _mapped(
                self.starts,
                lambda found: schedule.starts_of(item, cast("Mapping[str, backup.Policy]", self.policies), found),
            ),
            "recent_jobs": jobs,
            "running_jobs": _mapped(jobs, lambda found: tuple(job for job in found if job.running)),
        }

    def _namesakes(self, key: str) -> tuple[whereabouts.KnownItem, ...]:
        return tuple(
            whereabouts.KnownItem(item.id, item.source_resource_id, item.state, source in self.machines)
            for source in self.by_name.get(key.rpartition("/")[2], ())
            for item in self.items_of[source]
        )

    def _running(
        self, jobs: Mapping[Any, list[backup.Job]], items: list[backup.ProtectedItem]
    ) -> tuple[backup.Job, ...]:
        return tuple(job for item in items for job in jobs.get(_container(item.id), ()) if job.running)


def _mapped(found: Any, change: Callable[[Any], Any]) -> Any:
    """Return what follows from something that was read; an error stays the error it is."""
    return found if isinstance(found, RemediationError) else change(found)


def _grouped(values: Any, key: Callable[[Any], Any]) -> dict[Any, list[Any]]:
    found: defaultdict[Any, list[Any]] = defaultdict(list)
    for value in values:
        found[key(value)].append(value)
    return found


def _liveliest(item: backup.ProtectedItem) -> tuple[bool, bool, float]:
    """Sort the item that is backed up before those of earlier vaults."""
    last = item.last_backup_time.timestamp() if item.last_backup_time else 0.0
    return item.soft_deleted, item.state.lower() not in _LIVELY, -last


def _machine(row: Json) -> compute.VirtualMachine:
    """Return a VM of Resource Graph's row: of its instance view it has the power state and the OS only."""
    properties = inner(row, "properties")
    view = inner(properties, "extended", "instanceView")
    statuses = [{"code": inner(view, "powerState").get("code") or ""}]
    return compute.parse_machine({**row, "properties": {**properties, "instanceView": {**view, "statuses": statuses}}})


def _extensions(rows: list[Json]) -> dict[str, tuple[compute.Extension, ...]]:
    by_vm = _grouped(rows, lambda row: normal(str(row.get("id", "")).lower().partition("/extensions/")[0]))
    return {vm: tuple(compute.parse_extension(row) for row in found) for vm, found in by_vm.items()}


def _disks(rows: list[Json]) -> dict[str, inventory.ManagedDisk]:
    return {normal(str(row["id"])): inventory.parse_disk(row) for row in rows}


def _attached(row: Json | None, disks: Mapping[str, inventory.ManagedDisk]) -> Any:
    """Return a machine's managed disks; an error when not every one can be read."""
    named = [normal(disk.id) for disk in _machine(row).disks if disk.id] if row is not None else []
    return tuple(disks[one] for one in named) if set(named) <= set(disks) else _not_told()


def _collections(rows: list[Json]) -> dict[str, list[compute.RestorePointCollection]]:
    return _grouped(map(_collection, rows), lambda one: normal(one.source_id))


def _collection(row: Json) -> compute.RestorePointCollection:
    where, source = str(row.get("id", "")), str(inner(row, "properties", "source").get("id", ""))
    return compute.RestorePointCollection(
        where, parse(where).name, parse(where).resource_group, source, (), listed=False
    )


def _jobs(rows: list[Json]) -> dict[tuple[str, str], list[backup.Job]]:
    """Return the jobs by vault and container."""
    found: defaultdict[tuple[str, str], list[backup.Job]] = defaultdict(list)
    for row in rows:
        vault = normal(str(row.get("id", ""))).partition("/backupjobs/")[0]
        found[vault, _bare(str(inner(row, "properties").get("containerName", "")))].append(backup.parse_job(row))
    return found


def _container(item_id: str) -> tuple[str, str]:
    return normal(backup.vault_of(item_id)), _bare(parse(item_id).names[-2])


def _bare(container: str) -> str:
    return container.lower().replace("iaasvmcontainer;", "", 1)


def _newest_first(jobs: Any) -> tuple[backup.Job, ...]:
    return tuple(sorted(jobs, key=lambda job: job.started.timestamp() if job.started else 0.0, reverse=True))
