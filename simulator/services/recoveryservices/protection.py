"""Changing the protection of a VM: enable, stop, suspend, resume, delete, undelete."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import TYPE_CHECKING

from simulator.operations import Operation
from simulator.services.inventory.state import machine_disks
from simulator.wire import ArmError, Json

from .errors import JOB_ERRORS
from .model import Policy, ProtectedItem, Vault
from .state import invalid_input, short_name

if TYPE_CHECKING:
    from simulator.world import World

_ITEM = "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems"
STOP = f"{_ITEM}/write#stopProtectionWithRetainData"
DELETE = f"{_ITEM}/delete"
CRITICAL = {
    STOP: "stopProtectionWithRetainDataRequests",
    DELETE: "deleteProtectedItemRequests",
    f"{_ITEM}/write": "updateProtectedItemRequests",
    "Microsoft.RecoveryServices/vaults/backupPolicies/write": "updateProtectionPolicyRequests",
    "Microsoft.RecoveryServices/vaults/backupconfig/write": "disableSoftDeleteRequests",
    "Microsoft.RecoveryServices/vaults/backupResourceGuardProxies/delete": "deleteResourceGuardProxyRequests",
}
"""Critical operations a resource guard protects, with the name of their requests on the guard."""


def put_item(world: World, vault: Vault, container: str, name: str, body: Json) -> Operation:
    """Change the protection of an item as the body's properties ask, or start protecting a VM.

    Raises:
        ArmError: 400 when the vault's immutability, its resource guard or the body itself forbids it,
            404 for a VM or policy that does not exist.
    """
    wanted = body.get("properties")
    if not isinstance(wanted, dict) or wanted.get("protectedItemType") != "Microsoft.Compute/virtualMachines":
        raise invalid_input("The request is not one for an Azure virtual machine.")
    item = vault.items.get(short_name(container, name))
    state = wanted.get("protectionState")
    requests = wanted.get("resourceGuardOperationRequests") or ()
    if wanted.get("isRehydrate"):
        return _undelete(world, item)
    if item is not None and item.deleted_until is not None:
        raise invalid_input("The item is in soft deleted state; undelete it first.")
    if state in ("ProtectionStopped", "BackupsSuspended"):
        return _stop(world, _known(item, name), state, requests)
    if wanted.get("policyId"):
        return _enable(world, vault, item, wanted)
    raise ArmError(
        400,
        "BMSUserErrorInvalidConfigureProtectionRequest",
        "Input for configure protection is not in proper format\r\n"
        "Please ensure that container exists and other parameters are in valid format",
    )


def delete_item(world: World, vault: Vault, container: str, name: str) -> Operation | None:
    """Stop protection and delete the data: softly for 14 days while soft delete is on, else at once.

    ``None`` when there is nothing to delete.

    Raises:
        ArmError: 400 when the vault is immutable or its resource guard has not unlocked the deletion.
    """
    short = short_name(container, name)
    item = vault.items.get(short)
    if item is None or item.deleted_until is not None:
        return None
    if vault.immutable:
        raise immutable_item()
    guard = vault.guard
    if guard is not None and DELETE in guard.operations and item.id.lower() not in guard.unlocked:
        raise guard_request_missing()
    found = item

    def finish() -> None:
        world.recoveryservices.service.unschedule(found)
        found.state = "ProtectionStopped"
        if vault.soft_delete == "Disabled":
            vault.items.pop(short, None)
            return
        kept = timedelta(days=vault.soft_delete_days)
        found.deleted_until = world.clock.now + kept
        world.clock.call_later(kept, purge)

    def purge() -> None:
        if found.deleted_until is not None and found.deleted_until <= world.clock.now:
            vault.items.pop(short, None)

    return _run(world, item, "DeleteBackupData", finish)


def _stop(world: World, item: ProtectedItem, state: str, requests: Collection[str]) -> Operation:
    vault = item.vault
    if vault.immutable != (state == "BackupsSuspended"):
        raise immutable_item()
    guard = vault.guard
    if guard is not None and STOP in guard.operations:
        expected = guard.request(STOP).lower()
        if expected not in {str(request).lower() for request in requests}:
            raise guard_request_missing()

    def finish() -> None:
        item.state = state
        world.recoveryservices.service.unschedule(item)
        if state == "ProtectionStopped":
            item.policy = None

    return _run(world, item, "DisableBackup", finish)


def _enable(world: World, vault: Vault, item: ProtectedItem | None, wanted: Json) -> Operation:
    vm_id = str(wanted.get("sourceResourceId") or (item.vm_id if item else ""))
    if vm_id.lower() not in world.compute.vms:
        raise ArmError(400, "BMSUserErrorDataSourceObjectNotFound", f"The virtual machine '{vm_id}' was not found.")
    world.authorization.require("Microsoft.Compute/virtualMachines/write", vm_id)
    policy = _policy(vault, str(wanted["policyId"]))
    elsewhere = world.recoveryservices.item_of(vm_id)
    if elsewhere is not None and elsewhere is not item:
        raise invalid_input(f"The virtual machine is already protected by the vault '{elsewhere.vault.name}'.")
    luns, only = _disk_list(wanted) if "extendedProperties" in wanted else (item.luns, item.only_luns) if item else _ALL
    if luns is not None and policy.policy_type == "V1" and _encrypted(world, vm_id):
        error = JOB_ERRORS["UserErrorEncryptedVmNotSupportedWithDiskEx"]
        raise ArmError(400, error.code, error.message("en-US"))
    protected = item or world.recoveryservices.protect(vm_id, vault, policy)
    if item is None:
        protected.state = "IRPending"

    def finish() -> None:
        protected.policy, protected.luns, protected.only_luns = policy, luns, only
        protected.state = "Protected" if protected.points else "IRPending"
        world.recoveryservices.service.schedule(protected)

    return _run(world, protected, "ConfigureBackup", finish)


_ALL: tuple[tuple[int, ...] | None, bool] = (None, False)


def _disk_list(wanted: Json) -> tuple[tuple[int, ...] | None, bool]:
    """Return the list of selective disk backup, and whether it names the only disks; ``None`` where it is taken away.

    Numbers may be texts: the Azure CLI sends them so.

    Raises:
        ArmError: 400 when it is no list of numbers.
    """
    extended = wanted["extendedProperties"] or {}
    disks = extended.get("diskExclusionProperties") if isinstance(extended, dict) else extended
    if disks is None:
        return _ALL
    luns = (disks.get("diskLunList") or []) if isinstance(disks, dict) else None
    if not isinstance(luns, list) or not all(str(one).isdecimal() for one in luns):
        raise invalid_input("The list of disks is not one of LUN numbers.")
    return tuple(sorted({int(one) for one in luns})), bool(disks.get("isInclusionList"))


def _encrypted(world: World, vm_id: str) -> bool:
    return any(
        "encryptionSettingsCollection" in one.properties for one in machine_disks(world.compute.vms[vm_id.lower()])
    )


def _undelete(world: World, item: ProtectedItem | None) -> Operation:
    if item is None or item.deleted_until is None:
        raise invalid_input("The item is not in soft deleted state.")
    found = item

    def finish() -> None:
        found.deleted_until = None
        found.state = "ProtectionStopped"

    return _run(world, found, "Undelete", finish)


def _run(world: World, item: ProtectedItem, name: str, change: Callable[[], None]) -> Operation:
    """Accept an operation that runs as a job of the vault."""
    service = world.recoveryservices.service
    job = service.add_job(item, name)
    properties: Json = {"vault": item.vault.id, "item": item.id}

    def finish() -> None:
        change()
        service.complete(job)

    return world.recoveryservices.track(job, name, finish, properties)


def _known(item: ProtectedItem | None, name: str) -> ProtectedItem:
    if item is None:
        raise ArmError(404, "BMSUserErrorContainerObjectNotFound", f"The protected item '{name}' was not found.")
    return item


def _policy(vault: Vault, policy_id: str) -> Policy:
    for policy in vault.policies.values():
        if policy.id.lower() == policy_id.lower():
            return policy
    raise ArmError(404, "BMSUserErrorPolicyNotFound", f"The policy '{policy_id}' was not found in the vault.")


def immutable_item() -> ArmError:
    """400 for stopping or deleting in a way the vault's immutability does not allow; the typo is Azure's."""
    return ArmError(
        400,
        "UserErrorOperationDeniedOnImmutableItem",
        "The Vault and Bakcup Item is in Immutable state where destructive operations are not supported. "
        "The Vault and Backup Item is immutable, hence operation is denied. "
        "Refer to the documentation to learn more: https://aka.ms/AB-ImmutableVaults-States ",
    )


def guard_request_missing() -> ArmError:
    """400 for a critical operation without the request of the vault's resource guard."""
    return invalid_input("ResourceGuard Operation requestid is either null or empty")
