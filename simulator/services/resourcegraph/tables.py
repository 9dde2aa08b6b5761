"""The tables of Resource Graph, filled from the other services."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from simulator.services.compute.views import collection_body, extension_body, vm_body
from simulator.services.inventory import views
from simulator.services.recoveryservices.bodies import item_body, job_body, policy_body
from simulator.wire import Json

if TYPE_CHECKING:
    from simulator.services.recoveryservices.model import ProtectedItem, Vault
    from simulator.world import World

JOBS_KEPT = timedelta(days=14)
"""Older jobs are not in Resource Graph."""


def tables(world: World) -> dict[str, Callable[[], Sequence[Json]]]:
    """Return the tables by name; rows are made when a query asks for them."""
    return {
        "resources": partial(_readable, world, _resources),
        "resourcecontainers": partial(_readable, world, _containers),
        "recoveryservicesresources": partial(_readable, world, _backup),
    }


def _readable(world: World, rows: Callable[[World], list[Json]]) -> list[Json]:
    """Return the rows that the caller may read: Resource Graph leaves out the rest without a word."""
    return [entry for entry in rows(world) if world.authorization.may(f"{entry['type']}/read")]


def row(world: World, body: Json, home: Vault | None = None) -> Json:
    """Return a resource as Resource Graph shows it: type and group in lower case, every column present.

    ``home`` is the vault of a resource that has no location of its own.
    """
    parts = str(body["id"]).split("/")
    group = parts[4].lower() if len(parts) > 4 else ""
    kind = str(body["type"]).lower()
    shown: dict[str, Any] = {
        "id": body["id"],
        "name": body["name"],
        "type": kind,
        "tenantId": world.tenant,
        "kind": body.get("kind", ""),
        "location": body.get("location") or (home.location if home else ""),
        "resourceGroup": group,
        "subscriptionId": world.subscription,
        "managedBy": body.get("managedBy", ""),
        "sku": body.get("sku"),
        "plan": None,
        "properties": body.get("properties", {}),
        "tags": body.get("tags"),
        "identity": body.get("identity"),
        "zones": None,
        "extendedLocation": None,
    }
    return shown


def _resources(world: World) -> list[Json]:
    rows = []
    for vm in world.compute.vms.values():
        shown = row(world, vm_body(vm))
        power = {
            "code": f"PowerState/{vm.power_state}",
            "level": "Info",
            "displayStatus": f"VM {vm.power_state}",
        }
        shown["properties"] = {**shown["properties"], "extended": {"instanceView": {"powerState": power}}}
        rows.append(shown)
        rows += [row(world, extension_body(vm, extension)) for extension in vm.extensions.values()]
    rows += [row(world, collection_body(collection)) for collection in world.compute.collections.values()]
    rows += [row(world, body) for body in views.everything(world)]
    known = {str(entry["id"]).lower() for entry in rows}
    rows += [row(world, entry) for entry in world.resources.everything() if str(entry["id"]).lower() not in known]
    return rows


def _containers(world: World) -> list[Json]:
    subscription = {
        "id": f"/subscriptions/{world.subscription}",
        "name": world.resources.subscription_name,
        "type": "microsoft.resources/subscriptions",
        "properties": {"state": "Enabled"},
    }
    groups = [
        {
            "id": world.resources.group_id(group.name),
            "name": group.name,
            "type": "microsoft.resources/subscriptions/resourcegroups",
            "location": group.location,
            "tags": dict(group.tags),
            "managedBy": group.managed_by or "",
            "properties": {"provisioningState": group.provisioning_state},
        }
        for group in world.resources.groups.values()
    ]
    return [row(world, entry) for entry in [subscription, *groups]]


def _backup(world: World) -> list[Json]:
    rows = []
    for vault in world.recoveryservices.vaults.values():
        rows += [row(world, policy_body(vault, policy), vault) for policy in vault.policies.values()]
        rows += [_item(world, item) for item in vault.items.values()]
        since = world.clock.now - JOBS_KEPT
        rows += [
            row(world, job_body(job, world.clock.now), vault) for job in vault.jobs.values() if job.started > since
        ]
    return rows


def _item(world: World, item: ProtectedItem) -> Json:
    shown = row(world, item_body(item), item.vault)
    source = {"resourceID": item.vm_id, "datasourceType": "Microsoft.Compute/virtualMachines"}
    shown["properties"] = {
        **shown["properties"],
        "dataSourceInfo": source,
        "currentProtectionState": item.state,
        "vaultId": item.vault.id,
    }
    return shown
