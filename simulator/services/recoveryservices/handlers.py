"""Requests of Recovery Services, wire format only."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from simulator.clock import iso
from simulator.operations import Operation
from simulator.paging import page
from simulator.wire import ArmError, Json, Request, Response

from . import bodies, filters, protection
from .model import Job, ProtectedItem, Vault
from .state import invalid_input

if TYPE_CHECKING:
    from simulator.world import World

JOB_POLL = timedelta(minutes=5)
"""How far one look at a job in progress moves the clock: a waiting client would have waited."""
RETRY_AFTER = "1"
HEADER_VERSION = "2016-12-01"
"""The api-version in URLs of response headers, whatever the client sent."""
MANAGEMENT = "backupmanagementtype"


# Vaults


def list_vaults(world: World, request: Request, **_: str) -> Response:
    """All vaults of the subscription."""
    rows = [bodies.vault_body(vault) for vault in world.recoveryservices.vaults.values()]
    return Response(200, page(request, rows, world.page_size))


def list_vaults_of_group(world: World, request: Request, **names: str) -> Response:
    """All vaults of a resource group."""
    group = world.resources.require_group(names["resourceGroupName"])
    vaults = [vault for vault in world.recoveryservices.vaults.values() if vault.group == group.name]
    return Response(200, page(request, [bodies.vault_body(vault) for vault in vaults], world.page_size))


def get_vault(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """One vault."""
    return Response(200, bodies.vault_body(_vault(world, names)))


def get_vault_config(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """The backup configuration of a vault: soft delete and storage."""
    vault = _vault(world, names)
    return Response(
        200,
        {
            "id": f"{vault.id}/backupconfig/vaultconfig",
            "name": "vaultconfig",
            "type": "Microsoft.RecoveryServices/vaults/backupconfig",
            "properties": {
                "storageModelType": "GeoRedundant",
                "storageType": "GeoRedundant",
                "storageTypeState": "Locked",
                "enhancedSecurityState": "Enabled",
                "softDeleteFeatureState": vault.soft_delete,
                "softDeleteRetentionPeriodInDays": vault.soft_delete_days,
                "isSoftDeleteFeatureStateEditable": vault.soft_delete != "AlwaysON",
            },
        },
    )


def list_guard_proxies(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """The link to the vault's resource guard, if it has one."""
    body = bodies.guard_proxy_body(_vault(world, names))
    return Response(200, {"value": [] if body is None else [body]})


def get_guard_proxy(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """The link to the vault's resource guard."""
    body = bodies.guard_proxy_body(_vault(world, names))
    name = names["resourceGuardProxyName"]
    if body is None or body["name"].lower() != name.lower():
        raise ArmError(404, "ResourceNotFound", f"The resource guard proxy '{name}' was not found.")
    return Response(200, body)


def unlock_delete(world: World, request: Request, **names: str) -> Response:
    """Unlock the deletion of an item for one who may use the resource guard."""
    guard = _vault(world, names).guard
    body = request.json()
    asked = {str(entry).lower() for entry in body.get("resourceGuardOperationRequests") or ()}
    if guard is None or guard.request(protection.DELETE).lower() not in asked:
        raise protection.guard_request_missing()
    guard.unlocked.add(str(body.get("resourceToBeDeleted", "")).lower())
    until = world.clock.now + timedelta(hours=1)
    return Response(200, {"unlockDeleteExpiryTime": iso(until)})


# Policies, containers, items


def list_policies(world: World, request: Request, **names: str) -> Response:
    """The policies of a vault."""
    vault = _vault(world, names)
    wanted = filters.terms(request, {MANAGEMENT, "workloadtype"})
    rows = [bodies.policy_body(vault, policy) for policy in vault.policies.values() if _for_vms(wanted)]
    return Response(200, _page(world, request, rows))


def get_policy(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """One policy."""
    vault, name = _vault(world, names), names["policyName"]
    policy = vault.policies.get(name.lower())
    if policy is None:
        raise ArmError(404, "BMSUserErrorPolicyNotFound", f"The policy '{name}' was not found in the vault.")
    return Response(200, bodies.policy_body(vault, policy))


def list_containers(world: World, request: Request, **names: str) -> Response:
    """The containers of a vault: one for each protected VM."""
    vault = _vault(world, names)
    wanted = filters.terms(request, {MANAGEMENT, "status", "friendlyname", "containertype"})
    rows = [
        bodies.container_body(item)
        for item in vault.items.values()
        if _for_vms(wanted)
        and filters.same("Registered", wanted.get("status"))
        and filters.same(item.vm_name, wanted.get("friendlyname"))
    ]
    return Response(200, _page(world, request, rows))


def list_items(world: World, request: Request, **names: str) -> Response:
    """The protected items of a vault."""
    vault = _vault(world, names)
    wanted = filters.terms(request, {MANAGEMENT, "itemtype", "policyname", "friendlyname", "healthstate"})
    rows = [
        bodies.item_body(item)
        for item in vault.items.values()
        if _for_vms(wanted)
        and filters.same("VM", wanted.get("itemtype"))
        and filters.same(item.vm_name, wanted.get("friendlyname"))
        and filters.same(item.policy.name if item.policy else "", wanted.get("policyname"))
        and filters.same("ActionRequired" if item.last_error else "Passed", wanted.get("healthstate"))
    ]
    for row in rows:
        row["id"] = bodies.capital(row["id"])
    return Response(200, _page(world, request, rows))


def get_item(world: World, request: Request, **names: str) -> Response:
    """One protected item; ``$filter=expand eq 'extendedInfo'`` adds counts and dates of its recovery points."""
    wanted = filters.terms(request, {"expand"})
    extended = wanted.get("expand", "").lower() == "extendedinfo"
    return Response(200, bodies.item_body(_item(world, names), extended=extended))


def put_item(world: World, request: Request, **names: str) -> Response:
    """Enable, stop, suspend, resume or undelete."""
    vault, container, name = _vault(world, names), names["containerName"], names["protectedItemName"]
    operation = protection.put_item(world, vault, container, name, request.json())
    return _accepted(request, vault, operation, _item_path(names), ("operationsStatus", "operationResults"))


def delete_item(world: World, request: Request, **names: str) -> Response:
    """Stop protection and delete the data; 204 when there is none."""
    vault, container, name = _vault(world, names), names["containerName"], names["protectedItemName"]
    operation = protection.delete_item(world, vault, container, name)
    if operation is None:
        return Response(204)
    return _accepted(request, vault, operation, "", ("backupOperations", "backupOperationResults"))


def backup_status(world: World, request: Request, azureRegion: str, **_: str) -> Response:  # noqa: N803
    """Which vault protects a VM; asked of a region, which knows only its own vaults."""
    body = request.json()
    vm_id = str(body.get("resourceId", ""))
    if not vm_id or str(body.get("resourceType", "")).lower() != "vm":
        raise invalid_input("The request needs a resourceType VM and a resourceId.")
    item = world.recoveryservices.item_of(vm_id)
    region = azureRegion.replace(" ", "").lower()
    found: Json = {
        "protectionStatus": "NotProtected",
        "vaultId": "",
        "fabricName": "Invalid",
        "containerName": "",
        "protectedItemName": "",
        "errorCode": "Success",
        "errorMessage": "",
        "policyName": "",
        "registrationStatus": "",
    }
    if item is not None and item.vault.location == region:
        found |= {
            "protectionStatus": "Protected",
            "vaultId": item.vault.id,
            "fabricName": "Azure",
            "containerName": f"iaasvmcontainer;{item.container_name}",
            "protectedItemName": f"vm;{item.container_name}",
            "policyName": item.policy.name if item.policy else "",
        }
    return Response(200, found)


# On-demand backup and recovery points


def trigger_backup(world: World, request: Request, **names: str) -> Response:
    """Start an on-demand backup."""
    item = _item(world, names)
    wanted = request.json().get("properties") or {}
    if wanted.get("objectType") != "IaasVMBackupRequest":
        raise invalid_input("The request is not one for an Azure virtual machine.")
    operation = world.recoveryservices.back_up_now(item, _time(wanted.get("recoveryPointExpiryTimeInUTC")))
    return _accepted(request, item.vault, operation, _item_path(names), ("operationsStatus", "operationResults"))


def list_recovery_points(world: World, request: Request, **names: str) -> Response:
    """The recovery points of an item, newest first."""
    item = _item(world, names)
    wanted = filters.terms(request, {"startdate", "enddate", "extendedinfo", "restorepointquerytype"})
    since, until = _range(wanted, "startdate", "enddate")
    points = sorted(item.points, key=lambda point: point.time, reverse=True)
    rows = [bodies.recovery_point_body(world, item, point) for point in points if since <= point.time <= until]
    return Response(200, _page(world, request, rows))


def get_recovery_point(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """One recovery point."""
    item, name = _item(world, names), names["recoveryPointId"]
    for point in item.points:
        if point.id == name:
            return Response(200, bodies.recovery_point_body(world, item, point))
    raise ArmError(404, "BMSUserErrorRecoveryPointNotFound", f"The recovery point '{name}' was not found.")


# Operations


def operation_status(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """The status of an operation, asked at the vault, the fabric or the item."""
    operation = world.recoveryservices.operation(_vault(world, names), names["operationId"])
    return Response(200, bodies.operation_body(operation))


def operation_result(world: World, request: Request, **names: str) -> Response:
    """202 while an operation runs, then 204 (for a change of protection, asked at the item: 200 with the item)."""
    vault = _vault(world, names)
    operation = world.recoveryservices.operation(vault, names["operationId"])
    if operation.status == "InProgress":
        location = f"{request.base_url}{bodies.capital(request.path)}?api-version={HEADER_VERSION}"
        return Response(202, None, {"Location": location, "Retry-After": RETRY_AFTER})
    if operation.error is not None:
        raise ArmError(409, operation.error["code"], operation.error["message"])
    if "protectedItemName" in names and operation.kind != "backup":
        return Response(200, bodies.item_body(_item(world, names)))
    return Response(204)


def refresh_containers(world: World, request: Request, **names: str) -> Response:
    """Start a discovery of VMs."""
    vault = _vault(world, names)
    operation = world.recoveryservices.refresh(vault)
    path = f"/backupFabrics/{names['fabricName']}"
    return _accepted(request, vault, operation, path, ("operationsStatus", "operationResults"))


# Jobs


def list_jobs(world: World, request: Request, **names: str) -> Response:
    """The jobs of a vault, newest first, without their errors and tasks."""
    vault = _vault(world, names)
    wanted = filters.terms(request, {"operation", "status", MANAGEMENT, "jobid", "starttime", "endtime"})
    since, until = _range(wanted, "starttime", "endtime")
    jobs = sorted(vault.jobs.values(), key=lambda job: job.started, reverse=True)
    rows = [
        bodies.job_body(job, world.clock.now)
        for job in jobs
        if _for_vms(wanted)
        and filters.same(job.operation, wanted.get("operation"))
        and filters.same(job.status, wanted.get("status"))
        and filters.same(job.name, wanted.get("jobid"))
        and since <= job.started <= until
    ]
    return Response(200, _page(world, request, rows))


def get_job(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """One job with its error and tasks; looking at one in progress lets :data:`JOB_POLL` pass."""
    job = _job(world, names)
    body = bodies.job_body(job, world.clock.now, details=True)
    if job.running:
        world.operations.pass_time(JOB_POLL)
    return Response(200, body)


def cancel_job(world: World, request: Request, **names: str) -> Response:
    """Start cancelling a job."""
    job = _job(world, names)
    operation = world.recoveryservices.cancel(job)
    response = _accepted(
        request, job.item.vault, operation, f"/backupJobs/{job.name}", ("operationsStatus", "operationResults")
    )
    del response.headers["Azure-AsyncOperation"]
    return response


# Shared


def _vault(world: World, names: dict[str, str]) -> Vault:
    return world.recoveryservices.vault(names["resourceGroupName"], names["vaultName"])


def _item(world: World, names: dict[str, str]) -> ProtectedItem:
    return world.recoveryservices.item(_vault(world, names), names["containerName"], names["protectedItemName"])


def _job(world: World, names: dict[str, str]) -> Job:
    return world.recoveryservices.job(_vault(world, names), names["jobName"])


def _item_path(names: dict[str, str]) -> str:
    return (
        f"/backupFabrics/{names['fabricName']}/protectionContainers/{names['containerName']}"
        f"/protectedItems/{names['protectedItemName']}"
    )


def _accepted(request: Request, vault: Vault, operation: Operation, path: str, ends: tuple[str, str]) -> Response:
    base = f"{request.base_url}{bodies.capital(vault.id)}{path}"
    status, result = (f"{base}/{end}/{operation.id}?api-version={HEADER_VERSION}" for end in ends)
    return Response(202, None, {"Azure-AsyncOperation": status, "Location": result, "Retry-After": RETRY_AFTER})


def _page(world: World, request: Request, rows: Iterable[Any]) -> Json:
    return page(request, list(rows), world.page_size, token="$skipToken")  # noqa: S106


def _for_vms(wanted: dict[str, str]) -> bool:
    return filters.same("AzureIaasVM", wanted.get(MANAGEMENT)) and filters.same("VM", wanted.get("workloadtype"))


def _range(wanted: dict[str, str], first: str, last: str) -> tuple[datetime, datetime]:
    since = filters.moment(wanted[first]) if first in wanted else datetime.min.replace(tzinfo=timezone.utc)
    until = filters.moment(wanted[last]) if last in wanted else datetime.max.replace(tzinfo=timezone.utc)
    return since, until


def _time(text: object) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError as error:
        raise invalid_input(f"'{text}' is no time in ISO 8601.") from error
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)
