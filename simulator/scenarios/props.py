"""Vocabulary for what stands around a machine: disks, networks, key vaults, policies, metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from simulator.services.compute.model import Disk
from simulator.services.insights.state import Health
from simulator.services.inventory import keyvault, network
from simulator.services.inventory.state import KEY_VAULT, SQL_VM, STORAGE, Resource, machine_disks, stable_guid

if TYPE_CHECKING:
    from typing_extensions import Self

    from simulator.services.compute.model import Vm
    from simulator.world import World

ADE = {"Linux": "AzureDiskEncryptionForLinux", "Windows": "AzureDiskEncryption"}
ADE_PUBLISHER = "Microsoft.Azure.Security"
ADE_VERSIONS = {"Linux": "1.4", "Windows": "2.4"}
KEY = "disk-key"
BACKUP_PERMISSIONS = ("get", "list", "backup")


class Props:
    """The part of a stage that is about the machine's surroundings; every method returns the stage."""

    world: World
    vm: Vm

    # Disks

    def data_disk(self, size_gb: int = 128, lun: int = 1, storage: str = "Premium_LRS", **properties: Any) -> Self:
        """Attach one more data disk; ``properties`` are the disk's own, as on the wire (``maxShares=2``)."""
        name = f"{self.vm.name}-data-{lun}"
        disk = Disk(name, f"{self._home('Microsoft.Compute/disks')}/{name}", size_gb, lun, storage, dict(properties))
        self.vm.data_disks = [one for one in self.vm.data_disks if one.lun != lun]
        self.vm.data_disks.append(self.world.inventory.add_disk(disk, self.vm.location))
        return self

    def unmanaged(self, account: str = "premiumweu", sku: str = "Premium_LRS") -> Self:
        """Let the machine's disks be blobs in a storage account of their own."""
        self.storage_account(account, sku=sku, kind="Storage")
        for disk in machine_disks(self.vm):
            self.world.inventory.remove(disk.id.lower())
            disk.id, disk.vhd = "", f"https://{account}.blob.core.windows.net/vhds/{disk.name}.vhd"
        return self

    def disk(self, lun: int | None = None) -> Disk:
        """The data disk with this number, or the OS disk; change it as the scenario needs."""
        return next(disk for disk in machine_disks(self.vm) if disk.lun == lun)

    # Networks

    def network(self, name: str, *, group: str = "", location: str = "", space: str = "10.1.0.0/16") -> Self:
        """Add a virtual network with one subnet, ``default``; in the machine's group and region unless told."""
        inventory = self.world.inventory
        network.virtual_network(inventory, group or self.vm.group, name, location or self.vm.location, space=space)
        return self

    @property
    def nic(self) -> Resource:
        """The machine's primary network interface."""
        return self._resource(self.vm.nics[0])

    @property
    def nsg(self) -> Resource:
        """The network security group of that interface."""
        return self._resource(self.nic.properties["networkSecurityGroup"]["id"])

    def rule(
        self,
        name: str,
        *,
        access: str = "Deny",
        direction: str = "Outbound",
        target: str = "Internet",
        port: str = "443",
        priority: int = 100,
    ) -> Self:
        """Add a rule to the machine's security group; ``target`` is a prefix or service tag."""
        self.nsg.properties["securityRules"].append(network.rule(name, direction, access, priority, "*", target, port))
        return self

    def static_address(self, address: str = "") -> Self:
        """Give the primary interface a static address, the one it has unless told."""
        configuration = self.nic.properties["ipConfigurations"][0]["properties"]
        configuration["privateIPAllocationMethod"] = "Static"
        configuration["privateIPAddress"] = address or configuration["privateIPAddress"]
        return self

    # Storage accounts, key vaults, encryption, SQL

    def storage_account(
        self,
        name: str = "stagingweu",
        *,
        group: str = "",
        location: str = "",
        sku: str = "Standard_LRS",
        kind: str = "StorageV2",
        **properties: Any,
    ) -> Self:
        """Add a storage account; ``properties`` are as on the wire (``networkAcls={...}``)."""
        endpoints = {part: f"https://{name}.{part}.core.windows.net/" for part in ("blob", "queue", "table", "file")}
        where = location or self.vm.location
        body = {
            "provisioningState": "Succeeded",
            "accessTier": "Hot",
            "primaryLocation": where,
            "statusOfPrimary": "available",
            "primaryEndpoints": endpoints,
            "supportsHttpsTrafficOnly": True,
            "allowBlobPublicAccess": False,
            "minimumTlsVersion": "TLS1_2",
            "publicNetworkAccess": "Enabled",
            "networkAcls": {
                "bypass": "AzureServices",
                "virtualNetworkRules": [],
                "ipRules": [],
                "defaultAction": "Allow",
            },
            **properties,
        }
        tier = {"name": sku, "tier": sku.partition("_")[0]}
        self.world.inventory.add(STORAGE, group or self.vm.group, name, body, location=where, sku=tier, wire_kind=kind)
        return self

    def key_vault(
        self, name: str = "kv-web", *, group: str = "", rbac: bool = False, granted: bool = True, **properties: Any
    ) -> Self:
        """Add a key vault; ``granted``: the backup service may use its keys and secrets."""
        vault = keyvault.add(self.world, group or self.vm.group, name, self.vm.location, rbac=rbac, **properties)
        if granted:
            self.key_access(vault.id)
        return self

    def key_access(
        self,
        vault_id: str,
        *,
        keys: Sequence[str] = BACKUP_PERMISSIONS,
        secrets: Sequence[str] = BACKUP_PERMISSIONS,
        principal: str = keyvault.BACKUP_OBJECT_ID,
    ) -> Self:
        """Let a principal (the backup service unless told) use a key vault, by policy or by role as it is set up."""
        vault = self._resource(vault_id)
        if vault.properties["enableRbacAuthorization"]:
            self.world.authorization.roles.assign(vault.id, "Key Vault Administrator", principal)
            return self
        permissions = {"keys": list(keys), "secrets": list(secrets)}
        entry = {"tenantId": self.world.tenant, "objectId": principal, "permissions": permissions}
        keyvault.update(vault, "replace", [entry])
        return self

    def encrypted(self, vault: str = "kv-web", *, key: bool = True, luns: Sequence[int] | None = None) -> Self:
        """Encrypt the machine's disks with Azure Disk Encryption, with secrets in a key vault that exists or is made.

        ``key``: with a key encryption key; ``luns``: only these data disks besides the OS disk.
        """
        vault_id = self.vault_id(vault)
        if self.world.inventory.find(vault_id) is None:
            self.key_vault(vault)
        for disk in machine_disks(self.vm):
            if luns is None or disk.lun is None or disk.lun in luns:
                disk.properties["encryptionSettingsCollection"] = _encryption(vault_id, vault, disk, key=key)
        kind = ADE[self.vm.os_type]
        self.world.compute.add_extension(self.vm, kind, ADE_PUBLISHER, kind, version=ADE_VERSIONS[self.vm.os_type])
        return self

    def vault_id(self, name: str = "kv-web", group: str = "") -> str:
        """The id of a key vault, in the machine's group unless told."""
        return f"{self.world.resources.group_id(group or self.vm.group)}/providers/{KEY_VAULT}/{name}"

    def key_vault_usable(self, name: str = "kv-web", *, keys: bool = True) -> Callable[[], bool]:
        """Say, whenever it is asked, whether the backup service may use a key vault: for ``fails_while``."""
        return lambda: keyvault.backup_may_use(self.world, self.vault_id(name), keys=keys)

    def sql_machine(self, **properties: Any) -> Self:
        """Register the machine with the SQL IaaS Agent extension's resource provider."""
        body = {
            "virtualMachineResourceId": self.vm.id,
            "provisioningState": "Succeeded",
            "sqlImageOffer": "SQL2022-WS2022",
            "sqlImageSku": "Standard",
            "sqlServerLicenseType": "PAYG",
            "sqlManagement": "Full",
            "osType": self.vm.os_type,
            **properties,
        }
        self.world.inventory.add(SQL_VM, self.vm.group, self.vm.name, body, location=self.vm.location)
        return self

    # Policy, metrics, what happened

    def policy_denial(self, name: str, title: str, condition: dict[str, Any], *, scope: str = "") -> Self:
        """Assign a policy that denies what meets a condition (Azure's rule language), on the subscription unless told.

        It refuses no request here: let backups fail while ``policy_in_force`` says so.
        """
        where = scope or f"/subscriptions/{self.world.subscription}"
        self.world.authorization.policies.deny(name, title, condition, where)
        return self

    def policy_in_force(self, name: str, scope: str) -> bool:
        """Say whether an assignment of this name applies to a scope and is enforced."""
        return self.world.authorization.policies.in_force(name, scope)

    def metric(self, name: str, value: float) -> Self:
        """Let a metric of the machine (``Percentage CPU``) have a constant value."""
        self.world.insights.set_metric(self.vm.id, name, value)
        return self

    def happened(self, operation: str, *, ago: timedelta, resource_id: str = "", **more: str) -> Self:
        """Add an entry to the activity log, about the machine unless told; ``more`` as of ``InsightsState.log``."""
        when = self.world.clock.now - ago
        self.world.insights.log(when, resource_id or self.vm.id, operation, **more)
        return self

    def unhealthy(self, state: str, summary: str, reason: str = "Unplanned") -> Self:
        """Let Resource Health say something of the machine: ``Unavailable``, ``Degraded``, ``Unknown``."""
        self.world.insights.health[self.vm.id.lower()] = Health(state, summary, reason)
        return self

    # Helpers

    def _home(self, kind: str) -> str:
        return f"{self.world.resources.group_id(self.vm.group)}/providers/{kind}"

    def _resource(self, resource_id: str) -> Resource:
        found = self.world.inventory.find(resource_id)
        if found is None:
            raise ValueError(f"the stage has no {resource_id}")
        return found


def _encryption(vault_id: str, vault: str, disk: Disk, *, key: bool) -> dict[str, Any]:
    base, version = f"https://{vault}.vault.azure.net", stable_guid(f"version of {disk.id}").replace("-", "")
    settings: dict[str, Any] = {
        "diskEncryptionKey": {
            "sourceVault": {"id": vault_id},
            "secretUrl": f"{base}/secrets/{stable_guid(f'secret of {disk.id}').upper()}/{version}",
        }
    }
    if key:
        settings["keyEncryptionKey"] = {"sourceVault": {"id": vault_id}, "keyUrl": f"{base}/keys/{KEY}/{version}"}
    return {"enabled": True, "encryptionSettings": [settings], "encryptionSettingsVersion": "1.1"}
