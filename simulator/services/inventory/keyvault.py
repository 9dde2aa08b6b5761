"""The rules of key vaults: who may use their keys and secrets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from simulator.wire import ArmError, Json

from .state import KEY_VAULT, Resource

if TYPE_CHECKING:
    from simulator.world import World

BACKUP_APPLICATION_ID = "262044b1-e2ce-469f-a196-69ab7ada62d3"
"""Application id of the Backup Management Service, the same in every tenant."""
BACKUP_OBJECT_ID = "55555555-5555-4555-8555-555555555555"
"""Object id of its service principal in the simulated tenant; in Azure, only Microsoft Graph tells it."""

NEEDED = ("get", "list", "backup")
"""What the backup service needs on keys and on secrets."""
_DATA_ACTIONS = {
    "keys": ("Microsoft.KeyVault/vaults/keys/read", "Microsoft.KeyVault/vaults/keys/backup/action"),
    "secrets": (
        "Microsoft.KeyVault/vaults/secrets/getSecret/action",
        "Microsoft.KeyVault/vaults/secrets/backup/action",
        "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
    ),
}
_KINDS = ("keys", "secrets", "certificates", "storage")
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def add(world: World, group: str, name: str, location: str = "", *, rbac: bool = False, **properties: Any) -> Resource:
    """Create a key vault without access policies."""
    body: Json = {
        "tenantId": world.tenant,
        "sku": {"family": "A", "name": "standard"},
        "accessPolicies": [],
        "enabledForDeployment": False,
        "enabledForDiskEncryption": True,
        "enabledForTemplateDeployment": False,
        "enableSoftDelete": True,
        "softDeleteRetentionInDays": 90,
        "enablePurgeProtection": True,
        "enableRbacAuthorization": rbac,
        "networkAcls": {"bypass": "AzureServices", "defaultAction": "Allow", "ipRules": [], "virtualNetworkRules": []},
        "vaultUri": f"https://{name}.vault.azure.net/",
        "provisioningState": "Succeeded",
        "publicNetworkAccess": "Enabled",
        **properties,
    }
    return world.inventory.add(KEY_VAULT, group, name, body, location=location)


def put(world: World, group: str, name: str, body: Json) -> tuple[Resource, bool]:
    """Create a key vault or replace its properties; the second value says whether it is new.

    Raises:
        ArmError: 400 without location, tenant or sku.
    """
    wanted = body.get("properties")
    if not body.get("location"):
        raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
    if not isinstance(wanted, dict) or not wanted.get("tenantId") or not wanted.get("sku"):
        raise ArmError(400, "BadRequest", "The parameters tenantId and sku are required.")
    known = world.inventory.find(f"{world.resources.group_id(group)}/providers/{KEY_VAULT}/{name}")
    vault = known or add(world, group, name, str(body["location"]))
    policies = [_entry(entry) for entry in wanted.get("accessPolicies") or []]
    vault.properties |= {key: value for key, value in wanted.items() if value is not None}
    vault.properties["accessPolicies"] = policies
    if body.get("tags") is not None:
        vault.tags = dict(body["tags"])
    return vault, known is None


def update(vault: Resource, operation: str, entries: list[Json]) -> bool:
    """Add (merge), replace or remove the access policies of the principals named; say whether one is new.

    Raises:
        ArmError: 400 for another operation or an entry that is not complete.
    """
    if operation not in ("add", "replace", "remove"):
        raise ArmError(400, "BadRequest", f"The operation kind '{operation}' is not add, replace or remove.")
    policies: list[Json] = vault.properties["accessPolicies"]
    known = {_principal(entry): entry for entry in policies}
    new = False
    for wanted in [_entry(entry) for entry in entries]:
        who = _principal(wanted)
        if operation == "remove":
            if who in known and not _take_out(known[who]["permissions"], wanted["permissions"]):
                del known[who]
            continue
        new = new or who not in known
        if operation == "add" and who in known:
            _merge(known[who]["permissions"], wanted["permissions"])
        else:
            known[who] = wanted
    vault.properties["accessPolicies"] = list(known.values())
    return new


def _principal(entry: Json) -> tuple[str, str, str]:
    names = ("tenantId", "objectId", "applicationId")
    tenant, principal, application = (str(entry.get(name) or "").lower() for name in names)
    return tenant, principal, application


def _entry(entry: Any) -> Json:
    whole = isinstance(entry, dict) and isinstance(entry.get("permissions"), dict)
    if not whole or not all(_GUID.fullmatch(str(entry.get(name, ""))) for name in ("tenantId", "objectId")):
        message = "An invalid value was provided for 'accessPolicies'."
        raise ArmError(400, "BadRequest", message)
    kept = {name: entry[name] for name in ("tenantId", "objectId", "applicationId") if entry.get(name)}
    permissions = {kind: list(entry["permissions"].get(kind) or []) for kind in _KINDS}
    return {**kept, "permissions": {kind: found for kind, found in permissions.items() if found}}


def _merge(known: Json, more: Json) -> None:
    for kind, permissions in more.items():
        there = known.setdefault(kind, [])
        have = {name.lower() for name in there}
        there += [name for name in permissions if name.lower() not in have]


def _take_out(known: Json, less: Json) -> Json:
    """Take permissions out as they are spelled, and return what is left; another case takes nothing out."""
    for kind, permissions in less.items():
        known[kind] = [name for name in known.get(kind, []) if name not in permissions]
        if not known[kind]:
            del known[kind]
    return known


def backup_may_use(world: World, vault_id: str, *, keys: bool = True) -> bool:
    """Say whether the backup service may back up a disk encrypted with this vault.

    ``keys``: with a key encryption key; without, secrets alone will do.
    """
    vault = world.inventory.find(vault_id)
    if vault is None:
        return False
    kinds = ("keys", "secrets") if keys else ("secrets",)
    if vault.properties.get("enableRbacAuthorization"):
        needed = [action for kind in kinds for action in _DATA_ACTIONS[kind]]
        return world.authorization.roles.allows_data(BACKUP_OBJECT_ID, vault.id, needed)
    for entry in vault.properties["accessPolicies"]:
        if str(entry["objectId"]).lower() == BACKUP_OBJECT_ID:
            return all(_has(entry["permissions"].get(kind, [])) for kind in kinds)
    return False


def _has(permissions: list[str]) -> bool:
    have = {name.lower() for name in permissions}
    return "all" in have or have.issuperset(NEEDED)
