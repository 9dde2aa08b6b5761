"""Facts from a fixture file: what a case does not give, it may not look at."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from actions.change import Change, Impact, Undo
from arm.errors import NotFound
from arm.facts.access import Role
from arm.facts.backup import Job, JobError, Policy, ProtectedItem, Protection, RecoveryPoint, ResourceGuard
from arm.facts.collect import VmFacts
from arm.facts.compute import Extension, RestorePoint, RestorePointCollection, VirtualMachine, VmDisk
from arm.facts.graph import VmReference
from arm.facts.inventory import AccessPolicy, EncryptionSetting, KeyVault, ManagedDisk
from arm.facts.locks import Lock, parse_lock
from arm.facts.run_commands import RunCommand
from arm.facts.times import parse_time
from arm.ids import normal

SUBSCRIPTION = "/subscriptions/s"
VM_ID = f"{SUBSCRIPTION}/resourceGroups/rg-web/providers/Microsoft.Compute/virtualMachines/web-01"
VAULT = f"{SUBSCRIPTION}/resourceGroups/rg-backup/providers/Microsoft.RecoveryServices/vaults/vault-1"
_NAME = "iaasvmcontainerv2;rg-web;web-01"
ITEM = f"{VAULT}/backupFabrics/Azure/protectionContainers/IaasVMContainer;{_NAME}/protectedItems/VM;{_NAME}"
POLICY = f"{VAULT}/backupPolicies/daily"
GROUP = "AzureBackupRG_westeurope_1"
COLLECTION = "AzureBackup_web-01_1"
UNIQUE = "aaaaaaaa-0000-4000-8000-000000000001"
NOW = "2026-03-02T03:00:00Z"
TENANT = "11111111-1111-4111-8111-111111111111"
KEY_VAULTS = f"{SUBSCRIPTION}/resourceGroups/rg-web/providers/Microsoft.KeyVault/vaults"
CALM_VM = {"running_jobs": [], "recent_jobs": [], "locks": [], "resource_guards": []}
"""A VM where nothing is going on."""
PLACES = {"{key_vaults}": KEY_VAULTS}
PLACES |= {"{subscription}": SUBSCRIPTION, "{vm}": VM_ID, "{vault}": VAULT, "{item}": ITEM, "{policy}": POLICY}


def cases(folder: Path) -> list[Any]:
    """Every JSON file below a folder as a parameter, named after it; ``{vm}`` and the like stand for full ids."""
    found = []
    for path in sorted(folder.rglob("*.json")):
        text = path.read_text(encoding="utf-8")
        for name, value in PLACES.items():
            text = text.replace(name, value)
        found.append(pytest.param(json.loads(text), id=str(path.relative_to(folder).with_suffix(""))))
    return found


def scope_id(scope: str) -> str:
    """``group NAME``, ``subscription``, ``collection NAME in GROUP`` or an id, as an id."""
    words = scope.split()
    if words[0] == "subscription":
        return SUBSCRIPTION
    if words[0] == "group":
        return f"{SUBSCRIPTION}/resourceGroups/{words[1]}"
    if words[0] == "collection":
        group = f"{SUBSCRIPTION}/resourceGroups/{words[3]}"
        return f"{group}/providers/Microsoft.Compute/restorePointCollections/{words[1]}"
    return scope


def vm(entry: dict[str, Any]) -> VirtualMachine:
    return VirtualMachine(
        id=VM_ID,
        name="web-01",
        location="westeurope",
        unique_id=entry.get("unique_id", UNIQUE),
        os_type=entry.get("os", "Linux"),
        os_name=entry.get("os_name", ""),
        image=entry.get("image", {}),
        extension_operations=entry.get("extension_operations"),
        tags=entry.get("tags", {}),
        provisioning_state=entry.get("state", "Succeeded"),
        power_state=entry.get("power", "running"),
        agent_status=entry.get("agent", "Ready"),
        disks=tuple(vm_disk(one) for one in entry.get("disks", ())),
    )


def vm_disk(entry: dict[str, Any]) -> VmDisk:
    """A disk as the VM names it; without ``lun``, the OS disk."""
    return VmDisk(entry["name"], f"{VM_ID}/{entry['name']}", entry.get("lun"), entry.get("size"), "Premium_LRS")


def luns(entry: dict[str, Any], name: str) -> tuple[int, ...] | None:
    return tuple(entry[name]) if name in entry else None


def item(entry: dict[str, Any]) -> ProtectedItem:
    return ProtectedItem(
        id=entry.get("id", ITEM),
        state=entry.get("state", "Protected"),
        policy_id=entry.get("policy", POLICY),
        source_resource_id=VM_ID,
        last_backup_status="Completed",
        last_recovery_point=parse_time(entry.get("last_recovery_point")),
        soft_deleted=entry.get("soft_deleted", False),
        excluded_luns=luns(entry, "excluded"),
        included_luns=luns(entry, "included"),
    )


def collection(entry: dict[str, Any]) -> RestorePointCollection:
    name, group = entry.get("name", COLLECTION), entry.get("group", GROUP)
    one = scope_id(f"collection {name} in {group}")
    points = tuple(
        RestorePoint(
            id=f"{one}/restorePoints/{point['name']}",
            name=point["name"],
            created=parse_time(point.get("created")),
            vm_unique_id=point.get("vm", UNIQUE),
            provisioning_state="Succeeded",
        )
        for point in entry.get("points", [])
    )
    return RestorePointCollection(one, name, group, entry.get("source", VM_ID), points, entry.get("listed", True))


def lock(entry: dict[str, Any]) -> Lock:
    properties = {"level": "CanNotDelete", **{key: entry[key] for key in ("level", "notes", "owners") if key in entry}}
    name = entry.get("name", "do-not-delete")
    one = f"{scope_id(entry['scope'])}/providers/Microsoft.Authorization/locks/{name}"
    return parse_lock({"id": one, "name": name, "properties": properties})


def job(entry: dict[str, Any]) -> Job:
    return Job(
        id=f"{VAULT}/backupJobs/{entry.get('name', 'job-1')}",
        name=entry.get("name", "job-1"),
        operation=entry.get("operation", "Backup"),
        status=entry.get("status", "Failed"),
        started=parse_time(entry.get("started")),
        ended=parse_time(entry.get("ended")),
        on_demand=entry.get("on_demand", False),
        errors=tuple(JobError(one.get("code"), one.get("title", ""), "", ()) for one in entry.get("errors", ())),
        dynamic_message=entry.get("message", ""),
        cancellable=entry.get("cancellable", False),
    )


def recovery_point(entry: dict[str, Any]) -> RecoveryPoint:
    tiers = tuple((kind, status) for kind, status in entry.get("tiers", {"HardenedRP": "Valid"}).items())
    return RecoveryPoint(f"{ITEM}/recoveryPoints/{entry['name']}", entry["name"], parse_time(entry.get("time")), tiers)


def disk(entry: dict[str, Any]) -> ManagedDisk:
    """A disk; ``secret`` and ``key`` name the key vaults of its encryption."""
    names = (entry.get("secret", ""), entry.get("key", ""))
    secret, key = (f"{KEY_VAULTS}/{name}" if name else "" for name in names)
    settings = (EncryptionSetting("https://s", secret, "https://k" if key else "", key),) if secret else ()
    one, sku, size = f"{VM_ID}/{entry['name']}", "Premium_LRS", entry.get("size", 30)
    return ManagedDisk(one, entry["name"], "westeurope", sku, size, "Attached", "", "", settings, 1, (), "")


def key_vault(entry: dict[str, Any]) -> KeyVault:
    """A key vault; ``policies`` are object id to permissions on keys and secrets."""
    policies = tuple(
        AccessPolicy(TENANT, who, may.get("application", ""), tuple(may.get("keys", ())), tuple(may.get("secrets", ())))
        for who, may in entry.get("policies", {}).items()
    )
    one, rbac = f"{KEY_VAULTS}/{entry['name']}", entry.get("rbac", False)
    return KeyVault(one, entry["name"], "westeurope", "", TENANT, rbac, policies, True, True, "Enabled", "Allow", "")


def role(entry: dict[str, Any]) -> Role:
    data = tuple(f"Microsoft.KeyVault/vaults/{one}" for one in entry.get("data", ()))
    guid = f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{entry['name']}"
    return Role(guid, entry["name"], tuple(entry.get("actions", ())), (), data, ())


def _many(parse: Any) -> Any:
    return lambda entries: tuple(parse(entry) for entry in entries)


_PARSE: dict[str, Any] = {
    "item": lambda entry: None if entry is None else item(entry),
    "policy": lambda entry: Policy(
        POLICY, "daily", *(entry.get(one, "") for one in ("prefix", "suffix")), 2, entry.get("kind", "")
    ),
    "immutability": str,
    "protected_in_vault": int,
    "collections": _many(collection),
    "locks": _many(lock),
    "extensions": _many(
        lambda entry: Extension(
            f"{VM_ID}/extensions/{entry['name']}", entry["name"], entry["publisher"], entry["type"], "Succeeded"
        )
    ),
    "run_commands": _many(
        lambda entry: RunCommand(f"{VM_ID}/runCommands/{entry['name']}", entry["name"], entry.get("state", "Succeeded"))
    ),
    "running_jobs": _many(job),
    "jobs_elsewhere": _many(job),
    "disks": _many(disk),
    "key_vaults": _many(key_vault),
    "roles": _many(role),
    "custom_roles": _many(role),
    "recent_jobs": _many(job),
    "last_failed_job": lambda entry: None if entry is None else job(entry),
    "recovery_points": _many(recovery_point),
    "resource_guards": _many(lambda entry: ResourceGuard(entry["proxy"], tuple(entry.get("operations", ())))),
}


class _GivenLocks:
    """Where :func:`arm.facts.locks.read_lock` reads: the locks of the case."""

    def __init__(self, locks: tuple[Lock, ...]) -> None:
        self._locks = {normal(lock.id): lock for lock in locks}

    def get(self, path: str, _api_version: str) -> dict[str, Any]:
        found = self._locks.get(normal(path))
        if found is None:
            raise NotFound(f"{path} was not found", "Check the name.")
        return {"id": found.id, "name": found.name, **found.body()}


class GivenFacts(VmFacts):
    """The facts of a case. A fact that the case does not give is an error of the case, or of who reads it."""

    def __init__(self, given: dict[str, Any]) -> None:
        known = {name: _PARSE[name](entry) for name, entry in given.items() if name not in ("vm", "now")}
        super().__init__(_GivenLocks(known.get("locks", ())), VmReference(VM_ID, "westeurope"))  # type: ignore[arg-type]
        self._now = given.get("now", NOW)
        self._given = known
        self._given["protection"] = Protection("", "") if given.get("item", {}) is None else Protection(VAULT, ITEM)
        self._vm = given.get("vm", {})

    @property
    def azure_now(self) -> datetime:
        return parse_time(self._now) or datetime(2026, 3, 2, tzinfo=timezone.utc)

    def _once(self, name: str, read: Any) -> Any:
        if name == "vm":
            if self._vm is None:
                raise NotFound(f"{VM_ID} was not found", "Check the name.")
            return vm(self._vm)
        if " at " in name:  # of a place: the case gives it for all places
            name = "custom_roles" if name.startswith("custom") else "roles"
        if name not in self._given:
            raise LookupError(f"the case gives no {name!r}")
        return self._given[name]


def change(entry: dict[str, Any]) -> Change:
    """A change of a case; only operation and target are needed."""
    return Change(
        action=entry.get("action", "asked"),
        operation=entry["operation"],
        target=entry["target"],
        summary=entry.get("summary", "a change"),
        reason="asked for",
        before=entry.get("before"),
        after=entry.get("after"),
        impact=Impact(entry.get("impact", "none")),
        body=entry.get("body", {}),
        undo=Undo(**entry["undo"]) if "undo" in entry else None,
        repairs=entry.get("repairs", True),
    )
