"""Facts of what a VM stands on: managed disks, key vaults, storage accounts, SQL registration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..errors import AzureError, NotFound
from ..ids import normal, parse
from ..session import Session
from .compute import VirtualMachine
from .values import inner

DISK_API = "2024-03-02"
KEY_VAULT_API = "2023-07-01"
STORAGE_API = "2023-05-01"
SQL_API = "2023-10-01"


@dataclass(frozen=True)
class EncryptionSetting:
    """Where Azure Disk Encryption keeps the keys of a disk.

    Attributes:
        secret_url: URL of the disk encryption key (BEK).
        secret_vault_id: the key vault of that secret.
        key_url: URL of the key encryption key (KEK); empty when the disk has none.
        key_vault_id: the key vault of that key; empty likewise.
    """

    secret_url: str
    secret_vault_id: str
    key_url: str = ""
    key_vault_id: str = ""


@dataclass(frozen=True)
class ManagedDisk:
    """A managed disk.

    Attributes:
        sku: such as ``Premium_LRS`` or ``UltraSSD_LRS``.
        size_gb: in GiB.
        state: ``Attached``, ``Reserved`` (its VM is deallocated), ``Unattached``, ``ActiveSAS`` and so on.
        encryption: at rest, such as ``EncryptionAtRestWithPlatformKey`` or ``EncryptionAtRestWithCustomerKey``.
        encryption_set_id: the disk encryption set of a customer's key; empty without.
        settings: Azure Disk Encryption's keys; empty for a disk that it does not encrypt.
        max_shares: how many VMs may attach it at the same time; more than 1 is a shared disk.
        owners: ids of the VMs it is attached to.
        network_access: ``AllowAll``, ``AllowPrivate`` or ``DenyAll``.
    """

    id: str
    name: str
    location: str
    sku: str
    size_gb: int | None
    state: str
    encryption: str
    encryption_set_id: str
    settings: tuple[EncryptionSetting, ...]
    max_shares: int
    owners: tuple[str, ...]
    network_access: str
    os_type: str = ""

    @property
    def encrypted(self) -> bool:
        """Whether Azure Disk Encryption encrypts it."""
        return bool(self.settings)


@dataclass(frozen=True)
class AccessPolicy:
    """What one principal may do in a key vault, in lower case."""

    tenant_id: str
    object_id: str
    application_id: str
    keys: tuple[str, ...]
    secrets: tuple[str, ...]

    def allows(self, kind: str, *permissions: str) -> bool:
        """Say whether it allows all of these on ``keys`` or ``secrets``; ``all`` allows everything."""
        have = self.keys if kind == "keys" else self.secrets
        return "all" in have or set(permissions) <= set(have)


@dataclass(frozen=True)
class KeyVault:
    """A key vault.

    Attributes:
        rbac: roles decide who may use it; its access policies then count for nothing.
        public_access: ``publicNetworkAccess``: ``Enabled`` or ``Disabled``.
        default_action: what its firewall does with everybody else: ``Allow`` or ``Deny``.
        bypass: who passes the firewall: ``AzureServices`` or ``None``.
    """

    id: str
    name: str
    location: str
    uri: str
    tenant_id: str
    rbac: bool
    policies: tuple[AccessPolicy, ...]
    soft_delete: bool
    purge_protection: bool
    public_access: str
    default_action: str
    bypass: str

    def policy_of(self, object_id: str) -> AccessPolicy | None:
        """Return the access policy of a principal by its object id."""
        return next((one for one in self.policies if one.object_id == object_id.lower()), None)


@dataclass(frozen=True)
class StorageAccount:
    """A storage account; network settings as of :class:`KeyVault`.

    Attributes:
        primary_status: ``statusOfPrimary``: ``available`` or ``unavailable``; empty where Azure does not say.
    """

    id: str
    name: str
    location: str
    sku: str
    kind: str
    state: str
    public_access: str
    default_action: str
    bypass: str
    primary_status: str = ""


@dataclass(frozen=True)
class SqlMachine:
    """A VM's registration with the SQL IaaS Agent extension.

    Attributes:
        management: ``Full``, ``LightWeight`` or ``NoAgent``.
        auto_backup: whether its own automated backup is on.
    """

    id: str
    management: str
    image: str
    license: str
    auto_backup: bool


def read_disks(session: Session, vm: VirtualMachine) -> tuple[ManagedDisk, ...]:
    """Read the managed disks that a VM's model names, all at once, in its order.

    Permission: ``Microsoft.Compute/disks/read``.
    """
    return tuple(session.gather([partial(read_disk, session, disk.id) for disk in vm.disks if disk.id]))


def read_disk(session: Session, disk_id: str) -> ManagedDisk:
    """Read one managed disk. Permission: ``Microsoft.Compute/disks/read``."""
    return parse_disk(session.get(disk_id, DISK_API), disk_id)


def parse_disk(body: Mapping[str, Any], disk_id: str = "") -> ManagedDisk:
    """Return the managed disk of an ARM object; ``disk_id`` where the object does not say its id."""
    properties = inner(body, "properties")
    size = properties.get("diskSizeGB")
    encryption = inner(properties, "encryption")
    owners = body.get("managedByExtended") or [body.get("managedBy")]
    return ManagedDisk(
        id=str(body.get("id") or disk_id),
        name=str(body.get("name", "")),
        location=str(body.get("location", "")),
        sku=str(inner(body, "sku").get("name") or ""),
        size_gb=size if isinstance(size, int) else None,
        state=str(properties.get("diskState") or ""),
        encryption=str(encryption.get("type") or ""),
        encryption_set_id=str(encryption.get("diskEncryptionSetId") or ""),
        settings=_settings(inner(properties, "encryptionSettingsCollection")),
        max_shares=int(properties.get("maxShares") or 1),
        owners=tuple(str(owner) for owner in owners if owner),
        network_access=str(properties.get("networkAccessPolicy") or ""),
        os_type=str(properties.get("osType") or ""),
    )


def _settings(collection: Mapping[str, Any]) -> tuple[EncryptionSetting, ...]:
    if not collection.get("enabled"):
        return ()
    return tuple(
        EncryptionSetting(
            secret_url=str(inner(entry, "diskEncryptionKey").get("secretUrl") or ""),
            secret_vault_id=str(inner(entry, "diskEncryptionKey", "sourceVault").get("id") or ""),
            key_url=str(inner(entry, "keyEncryptionKey").get("keyUrl") or ""),
            key_vault_id=str(inner(entry, "keyEncryptionKey", "sourceVault").get("id") or ""),
        )
        for entry in collection.get("encryptionSettings") or []
    )


def key_vaults_of(disks: Sequence[ManagedDisk]) -> tuple[str, ...]:
    """Return the ids of the key vaults that disks' encryption settings name, each once."""
    named = (
        vault for disk in disks for one in disk.settings for vault in (one.secret_vault_id, one.key_vault_id) if vault
    )
    return tuple({normal(vault): vault for vault in named}.values())


def read_key_vaults(session: Session, ids: Sequence[str]) -> tuple[KeyVault, ...]:
    """Read key vaults, all at once; those that do not exist are left out.

    Permission: ``Microsoft.KeyVault/vaults/read``.
    """
    found = session.gather([partial(_existing_key_vault, session, one) for one in ids])
    return tuple(vault for vault in found if vault is not None)


def _existing_key_vault(session: Session, vault_id: str) -> KeyVault | None:
    try:
        return read_key_vault(session, vault_id)
    except NotFound:
        return None


def read_key_vault(session: Session, vault_id: str) -> KeyVault:
    """Read one key vault. Permission: ``Microsoft.KeyVault/vaults/read``."""
    body = session.get(vault_id, KEY_VAULT_API)
    properties = inner(body, "properties")
    return KeyVault(
        id=str(body.get("id") or vault_id),
        name=str(body.get("name", "")),
        location=str(body.get("location", "")),
        uri=str(properties.get("vaultUri") or ""),
        tenant_id=str(properties.get("tenantId") or "").lower(),
        rbac=bool(properties.get("enableRbacAuthorization")),
        policies=tuple(_access_policy(entry) for entry in properties.get("accessPolicies") or []),
        soft_delete=bool(properties.get("enableSoftDelete", True)),
        purge_protection=bool(properties.get("enablePurgeProtection")),
        **_firewall(properties),
    )


def _access_policy(entry: Mapping[str, Any]) -> AccessPolicy:
    permissions = inner(entry, "permissions")
    keys, secrets = (tuple(str(one).lower() for one in permissions.get(kind) or []) for kind in ("keys", "secrets"))
    tenant, principal, application = (
        str(entry.get(name) or "").lower() for name in ("tenantId", "objectId", "applicationId")
    )
    return AccessPolicy(tenant, principal, application, keys, secrets)


def _firewall(properties: Mapping[str, Any]) -> dict[str, str]:
    rules = inner(properties, "networkAcls")
    return {
        "public_access": str(properties.get("publicNetworkAccess") or "Enabled"),
        "default_action": str(rules.get("defaultAction") or "Allow"),
        "bypass": str(rules.get("bypass") or "AzureServices"),
    }


def read_storage_account(session: Session, account_id: str) -> StorageAccount:
    """Read a storage account. Permission: ``Microsoft.Storage/storageAccounts/read``."""
    return _storage_account(session.get(account_id, STORAGE_API), account_id)


def read_storage_accounts(session: Session, subscription: str) -> tuple[StorageAccount, ...]:
    """Read every storage account of a subscription (an id, without slashes).

    Permission: ``Microsoft.Storage/storageAccounts/read``.
    """
    path = f"/subscriptions/{subscription}/providers/Microsoft.Storage/storageAccounts"
    return tuple(_storage_account(entry) for entry in session.pages(path, STORAGE_API))


def _storage_account(body: Mapping[str, Any], account_id: str = "") -> StorageAccount:
    properties = inner(body, "properties")
    return StorageAccount(
        id=str(body.get("id") or account_id),
        name=str(body.get("name", "")),
        location=str(body.get("location", "")),
        sku=str(inner(body, "sku").get("name") or ""),
        kind=str(body.get("kind") or ""),
        state=str(properties.get("provisioningState") or ""),
        primary_status=str(properties.get("statusOfPrimary") or ""),
        **_firewall(properties),
    )


def read_sql_machine(session: Session, vm_id: str) -> SqlMachine | None:
    """Read a VM's SQL registration, which bears the VM's name; ``None`` when it has none.

    Permission: ``Microsoft.SqlVirtualMachine/sqlVirtualMachines/read``.
    """
    parsed = parse(vm_id)
    group = f"/subscriptions/{parsed.subscription}/resourceGroups/{parsed.resource_group}"
    path = f"{group}/providers/Microsoft.SqlVirtualMachine/sqlVirtualMachines/{parsed.name}"
    try:
        body = session.get(path, SQL_API)
    except NotFound:
        return None
    except AzureError as error:
        if "MissingSubscriptionRegistration" in error.message:
            return None
        raise
    properties = inner(body, "properties")
    return SqlMachine(
        id=str(body.get("id") or path),
        management=str(properties.get("sqlManagement") or ""),
        image=str(properties.get("sqlImageOffer") or ""),
        license=str(properties.get("sqlServerLicenseType") or ""),
        auto_backup=bool(inner(properties, "autoBackupSettings").get("enable")),
    )
