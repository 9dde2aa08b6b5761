"""Resources of Recovery Services as they stand on the wire."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from simulator.clock import iso
from simulator.operations import Operation
from simulator.wire import Json

from .model import NEVER, Job, Policy, ProtectedItem, RecoveryPoint, Vault

if TYPE_CHECKING:
    from simulator.world import World

ITEM_TYPE = "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems"


def capital(resource_id: str) -> str:
    """Return an id with ``/Subscriptions/``, as the backup service writes it in lists, jobs and headers."""
    return "/S" + resource_id[2:] if resource_id.startswith("/subscriptions/") else resource_id


def vault_body(vault: Vault) -> Json:
    """A vault with its security settings."""
    return {
        "id": vault.id,
        "name": vault.name,
        "type": "Microsoft.RecoveryServices/vaults",
        "location": vault.location,
        "etag": "W/\"datetime'2026-01-15T12%3A36%3A51.68Z'\"",
        "tags": dict(vault.tags),
        "sku": {"name": "RS0", "tier": "Standard"},
        "properties": {
            "provisioningState": "Succeeded",
            "publicNetworkAccess": "Enabled",
            "privateEndpointStateForBackup": "None",
            "privateEndpointStateForSiteRecovery": "None",
            "monitoringSettings": {
                "azureMonitorAlertSettings": {"alertsForAllJobFailures": "Enabled"},
                "classicAlertSettings": {"alertsForCriticalOperations": "Disabled"},
            },
            "securitySettings": {
                "immutabilitySettings": {"state": vault.immutability},
                "softDeleteSettings": {
                    "softDeleteRetentionPeriodInDays": vault.soft_delete_days,
                    "softDeleteState": vault.soft_delete,
                    "enhancedSecurityState": "Enabled",
                },
                "multiUserAuthorization": "Enabled" if vault.guard else "Disabled",
            },
            "redundancySettings": {
                "standardTierStorageRedundancy": "GeoRedundant",
                "crossRegionRestore": "Disabled",
            },
        },
    }


def policy_body(vault: Vault, policy: Policy) -> Json:
    """A policy; V1 (standard) and V2 (enhanced) differ in the shape of their schedule."""
    run = f"2026-01-01T{policy.hour:02}:00:00Z"
    if policy.policy_type == "V2":
        schedule: Json = {
            "schedulePolicyType": "SimpleSchedulePolicyV2",
            "scheduleRunFrequency": "Daily",
            "dailySchedule": {"scheduleRunTimes": [run]},
        }
    else:
        schedule = {
            "schedulePolicyType": "SimpleSchedulePolicy",
            "scheduleRunFrequency": "Daily",
            "scheduleRunTimes": [run],
            "scheduleWeeklyFrequency": 0,
        }
    details: Json = {}
    if policy.group_prefix:
        details["azureBackupRGNamePrefix"] = policy.group_prefix
    if policy.group_suffix:
        details["azureBackupRGNameSuffix"] = policy.group_suffix
    return {
        "id": policy.id,
        "name": policy.name,
        "type": "Microsoft.RecoveryServices/vaults/backupPolicies",
        "properties": {
            "backupManagementType": "AzureIaasVM",
            "policyType": policy.policy_type,
            "instantRPDetails": details,
            "schedulePolicy": schedule,
            "retentionPolicy": {
                "retentionPolicyType": "LongTermRetentionPolicy",
                "dailySchedule": {
                    "retentionTimes": [run],
                    "retentionDuration": {"count": policy.daily_days, "durationType": "Days"},
                },
            },
            "instantRpRetentionRangeInDays": policy.instant_days,
            "timeZone": "UTC",
            "protectedItemsCount": sum(item.policy is policy for item in vault.items.values()),
        },
    }


def container_body(item: ProtectedItem) -> Json:
    """The container of an item: for Azure VMs, the VM itself."""
    return {
        "id": capital(item.id.partition("/protectedItems/")[0]),
        "name": f"IaasVMContainer;{item.container_name}",
        "type": "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers",
        "properties": {
            "containerType": "Microsoft.Compute/virtualMachines",
            "backupManagementType": "AzureIaasVM",
            "friendlyName": item.vm_name,
            "registrationStatus": "Registered",
            "healthStatus": "Healthy",
            "virtualMachineId": item.vm_id,
            "virtualMachineVersion": "Compute",
            "resourceGroup": item.vm_group,
        },
    }


def item_body(item: ProtectedItem, *, extended: bool = False) -> Json:
    """A protected item; ``extended`` adds what ``expand eq 'extendedInfo'`` asks for."""
    newest = max((point.time for point in item.points), default=None)
    properties: Json = {
        "protectedItemType": "Microsoft.Compute/virtualMachines",
        "backupManagementType": "AzureIaasVM",
        "workloadType": "VM",
        "friendlyName": item.vm_name,
        "containerName": item.container_name,
        "sourceResourceId": item.vm_id,
        "virtualMachineId": item.vm_id,
        "protectionState": item.state,
        "protectionStatus": "Unhealthy" if item.last_error else "Healthy",
        "healthStatus": "ActionRequired" if item.last_error else "Passed",
        "healthDetails": [_health(item)],
        "kpisHealths": {},
        "lastBackupStatus": item.last_status,
        "lastBackupTime": iso(item.last_time) if item.last_time else NEVER,
        "protectedItemDataId": item.data_id,
        "policyId": item.policy.id if item.policy else "",
        "policyName": item.policy.name if item.policy else "",
        "isArchiveEnabled": False,
        "softDeleteRetentionPeriodInDays": item.vault.soft_delete_days,
    }
    if newest is not None:
        properties["lastRecoveryPoint"] = iso(newest)
    if item.luns is not None:
        disks = {"diskLunList": list(item.luns), "isInclusionList": item.only_luns}
        properties["extendedProperties"] = {"diskExclusionProperties": disks}
    if item.deleted_until is not None:
        properties["isScheduledForDeferredDelete"] = True
        properties["deferredDeleteTimeInUTC"] = iso(item.deleted_until)
    if extended:
        properties["extendedInfo"] = _extended_info(item)
    return {
        "id": item.id,
        "name": f"VM;{item.container_name}",
        "type": ITEM_TYPE,
        "properties": properties,
    }


def _health(item: ProtectedItem) -> Json:
    error = item.last_error
    if error is None:
        return {"code": 400239, "title": "IaasVmHealthGreenDefault", "message": "", "recommendations": []}
    return {
        "code": error.number,
        "title": error.message(item.language).rstrip("."),
        "message": error.message(item.language),
        "recommendations": [error.advice(item.language)],
    }


def _extended_info(item: ProtectedItem) -> Json:
    info: Json = {"recoveryPointCount": len(item.points), "policyInconsistent": False}
    if item.points:
        info["oldestRecoveryPoint"] = iso(min(point.time for point in item.points))
    in_vault = [point.time for point in item.points if point.in_vault]
    if in_vault:
        info["oldestRecoveryPointInVault"] = iso(min(in_vault))
    return info


def recovery_point_body(world: World, item: ProtectedItem, point: RecoveryPoint) -> Json:
    """A recovery point with its tiers."""
    vm = world.compute.vms.get(item.vm_id.lower())
    tiers = world.recoveryservices.tiers(point)
    properties: Json = {
        "objectType": "IaasVMRecoveryPoint",
        "recoveryPointType": point.consistency,
        "recoveryPointTime": iso(point.time),
        "recoveryPointAdditionalInfo": "",
        "sourceVMStorageType": "PremiumVMOnPartialPremiumStorage",
        "isSourceVMEncrypted": False,
        "isInstantIlrSessionActive": False,
        "recoveryPointTierDetails": [{"type": tier, "status": status} for tier, status in tiers.items()],
        "isManagedVirtualMachine": vm is None or not vm.unmanaged,
        "virtualMachineSize": vm.size if vm else "Standard_D2s_v5",
        "originalStorageAccountOption": False,
        "osType": vm.os_type if vm else "Linux",
        "recoveryPointMoveReadinessInfo": {"ArchivedRP": {"isReadyForMove": False}},
    }
    if point.expires is not None:
        properties["recoveryPointProperties"] = {"expiryTime": iso(point.expires), "isSoftDeleted": False}
    return {
        "id": f"{item.id}/recoveryPoints/{point.id}",
        "name": point.id,
        "type": f"{ITEM_TYPE}/recoveryPoints",
        "properties": properties,
    }


def job_body(job: Job, now: datetime, *, details: bool = False) -> Json:
    """A job; its error and its tasks are given with ``details`` only, as lists leave them out."""
    properties: Json = {
        "jobType": "AzureIaaSVMJob",
        "operation": job.operation,
        "status": job.status,
        "backupManagementType": "AzureIaasVM",
        "entityFriendlyName": job.item.vm_name,
        "containerName": job.item.container_name,
        "virtualMachineVersion": "Compute",
        "startTime": iso(job.started),
        "duration": _duration((job.ended or now) - job.started),
        "activityId": job.activity_id,
        "isUserTriggered": job.user_triggered,
        "actionsInfo": ["Cancellable"] if job.cancellable else [],
    }
    if job.ended is not None:
        properties["endTime"] = iso(job.ended)
    if details:
        if job.error is not None:
            properties["errorDetails"] = [_error_details(job)]
        properties["extendedInfo"] = _job_info(job, now)
    return {
        "id": capital(job.id),
        "name": job.name,
        "type": "Microsoft.RecoveryServices/vaults/backupJobs",
        "properties": properties,
    }


def _error_details(job: Job) -> Json:
    error, language = job.error, job.item.language
    if error is None:
        return {}
    return {
        "errorCode": error.number,
        "errorTitle": error.message(language).rstrip("."),
        "errorString": error.message(language),
        "recommendations": [error.advice(language)],
    }


def _job_info(job: Job, now: datetime) -> Json:
    bag = {"VM Name": job.item.vm_name}
    if job.policy_name and not job.user_triggered:
        bag["Policy Name"] = job.policy_name
    if job.user_triggered and job.expires is not None:
        bag["Recovery Point Expiry Time in UTC"] = job.expires.strftime("%m/%d/%Y %H:%M:%S")
    bag |= job.noted
    info: Json = {
        "tasksList": [
            {
                "taskId": task.name,
                "status": task.status,
                "duration": _duration((task.ended or now) - task.started if task.started else timedelta(0)),
            }
            for task in job.tasks
        ],
        "propertyBag": bag,
        "internalPropertyBag": {},
        "progressPercentage": _progress(job),
    }
    if job.error is not None and job.wrapped:
        info["dynamicErrorMessage"] = job.wrapped
    elif job.error is not None and job.item.symbolic:
        info["dynamicErrorMessage"] = job.error.code
    return info


def _progress(job: Job) -> float:
    if job.status == "Completed" or not job.tasks:
        return 100.0 if job.status == "Completed" else 0.0
    return 100.0 * sum(task.status == "Completed" for task in job.tasks) / len(job.tasks)


def _duration(length: timedelta) -> str:
    return f"PT{length.total_seconds():.7f}".rstrip("0").rstrip(".") + "S"


def operation_body(operation: Operation) -> Json:
    """The status of an operation; the job it made is named once it has succeeded."""
    body: Json = {
        "id": operation.id,
        "name": operation.id,
        "status": operation.status,
        "startTime": iso(operation.started),
        "endTime": iso(operation.ended) if operation.ended else NEVER,
    }
    job = operation.properties.get("jobId")
    if job is not None and operation.status == "Succeeded":
        body["properties"] = {"objectType": "OperationStatusJobExtendedInfo", "jobId": job}
    if operation.error is not None:
        body["error"] = operation.error
    return body


def guard_proxy_body(vault: Vault) -> Json | None:
    """The link of a vault to its resource guard; ``None`` without one."""
    guard = vault.guard
    if guard is None:
        return None
    return {
        "id": f"{vault.id}/backupResourceGuardProxies/VaultProxy",
        "name": "VaultProxy",
        "type": "Microsoft.RecoveryServices/vaults/backupResourceGuardProxies",
        "properties": {
            "resourceGuardResourceId": guard.id,
            "resourceGuardOperationDetails": [
                {"vaultCriticalOperation": operation, "defaultResourceRequest": guard.request(operation)}
                for operation in guard.operations
            ],
            "lastUpdatedTime": "2026-01-15T12:20:47.8210031Z",
            "description": "Please take JIT access before performing any of the critical operations",
        },
    }
