"""Subscriptions, providers, resource groups and lists of resources on the wire."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from simulator.errors import bad_parameter, group_not_found
from simulator.paging import page
from simulator.services.authorization.state import scope_locked
from simulator.wire import ArmError, Json, Request, Response

from .state import ResourceGroup

if TYPE_CHECKING:
    from simulator.world import World

_TERM = re.compile(r"(resourceType|name|resourceGroup|location)\s+eq\s+'([^']*)'", re.IGNORECASE)


# Tenants and subscriptions


def _subscription(world: World) -> Json:
    return {
        "id": f"/subscriptions/{world.subscription}",
        "subscriptionId": world.subscription,
        "tenantId": world.tenant,
        "displayName": world.resources.subscription_name,
        "state": "Enabled",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
    }


def list_subscriptions(world: World, request: Request) -> Response:
    """Answer the one subscription there is."""
    return Response(200, page(request, [_subscription(world)], world.page_size))


def get_subscription(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Answer the subscription."""
    return Response(200, _subscription(world))


def list_locations(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Answer the regions that something here lives in."""
    regions = sorted({str(entry["location"]) for entry in world.resources.everything()} | {"westeurope"})
    value = [
        {
            "id": f"/subscriptions/{world.subscription}/locations/{name}",
            "name": name,
            "type": "Region",
            "displayName": name,
            "regionalDisplayName": name,
        }
        for name in regions
    ]
    return Response(200, {"value": value})


def list_tenants(world: World, request: Request) -> Response:
    """Answer the one tenant there is."""
    tenant = {
        "id": f"/tenants/{world.tenant}",
        "tenantId": world.tenant,
        "displayName": "Simulated tenant",
        "tenantCategory": "Home",
    }
    return Response(200, page(request, [tenant], world.page_size))


# Providers


def _provider(world: World, name: str, state: str) -> Json:
    return {
        "id": f"/subscriptions/{world.subscription}/providers/{name}",
        "namespace": name,
        "registrationState": state,
        "registrationPolicy": "RegistrationRequired",
        "resourceTypes": [],
    }


def _known_provider(world: World, name: str) -> str:
    for known in world.resources.providers:
        if known.lower() == name.lower():
            return known
    raise ArmError(404, "InvalidResourceNamespace", f"The resource namespace '{name}' is invalid.")


def list_providers(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Answer all providers with their registration state."""
    bodies = [_provider(world, name, state) for name, state in world.resources.providers.items()]
    return Response(200, page(request, bodies, world.page_size))


def get_provider(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Answer one provider."""
    name = _known_provider(world, names["resourceProviderNamespace"])
    return Response(200, _provider(world, name, world.resources.providers[name]))


def register_provider(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Register the subscription for a provider."""
    name = _known_provider(world, names["resourceProviderNamespace"])
    world.resources.providers[name] = "Registered"
    return Response(200, _provider(world, name, "Registered"))


# Resource groups


def _group(world: World, group: ResourceGroup) -> Json:
    body: Json = {
        "id": world.resources.group_id(group.name),
        "name": group.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": group.location,
        "tags": dict(group.tags),
        "properties": {"provisioningState": group.provisioning_state},
    }
    if group.managed_by is not None:
        body["managedBy"] = group.managed_by
    return body


def list_groups(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Answer all resource groups."""
    bodies = [_group(world, group) for group in world.resources.groups.values()]
    return Response(200, page(request, bodies, world.page_size))


def get_group(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Answer one resource group."""
    return Response(200, _group(world, world.resources.require_group(names["resourceGroupName"])))


def head_group(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Answer whether a resource group exists."""
    return Response(204 if names["resourceGroupName"].lower() in world.resources.groups else 404)


def put_group(world: World, request: Request, **names: str) -> Response:
    """Create a resource group or replace its tags."""
    body = request.json()
    known = world.resources.groups.get(names["resourceGroupName"].lower())
    location = body.get("location")
    if not isinstance(location, str) or not location:
        raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
    if known is not None and known.location.lower() != location.replace(" ", "").lower():
        message = (
            f"Invalid resource group location '{location}'. The Resource group already exists in location "
            f"'{known.location}'."
        )
        raise ArmError(409, "InvalidResourceGroupLocation", message)
    group = known or world.resources.add_group(names["resourceGroupName"], location.replace(" ", "").lower())
    group.tags = {str(name): str(value) for name, value in dict(body.get("tags") or {}).items()}
    group.managed_by = body.get("managedBy") or group.managed_by
    return Response(200 if known else 201, _group(world, group))


def patch_group(world: World, request: Request, **names: str) -> Response:
    """Replace the tags of a resource group."""
    group = world.resources.require_group(names["resourceGroupName"])
    tags = request.json().get("tags")
    if tags is not None:
        group.tags = {str(name): str(value) for name, value in dict(tags).items()}
    return Response(200, _group(world, group))


def delete_group(world: World, request: Request, **names: str) -> Response:
    """Start deleting a group with all that is in it; a lock on anything inside refuses it at once."""
    group = world.resources.groups.get(names["resourceGroupName"].lower())
    if group is None:
        raise group_not_found(names["resourceGroupName"])
    scope = world.resources.group_id(group.name)
    inside = [lock for lock in world.authorization.below(scope) if lock.level != "NotSpecified"]
    if inside:
        raise scope_locked(scope, "DELETE", inside)
    group.provisioning_state = "Deleting"

    def finish() -> None:
        prefix = scope.lower() + "/"
        compute = world.compute
        compute.vms = {key: vm for key, vm in compute.vms.items() if not key.startswith(prefix)}
        compute.collections = {key: entry for key, entry in compute.collections.items() if not key.startswith(prefix)}
        world.inventory.remove(prefix)
        for shelf in (world.automation, world.monitor, world.storage):
            shelf.items = {key: item for key, item in shelf.items.items() if not key.startswith(prefix)}
        vaults = [vault.id for vault in world.recoveryservices.vaults.values() if vault.id.lower().startswith(prefix)]
        if vaults:
            group.provisioning_state = "Succeeded"
            message = f"Deletion of resource group '{group.name}' failed: these vaults cannot be deleted: {vaults}."
            raise ArmError(409, "ResourceGroupDeletionBlocked", message)
        world.resources.groups.pop(group.name.lower(), None)

    started = world.operations.start("resourceGroups/delete", timedelta(minutes=3), finish)
    url = f"{request.base_url}/subscriptions/{world.subscription}/operationresults/{started.id}?p={started.token}"
    version = quote(request.query.get("api-version", ""))
    return Response(202, None, {"Location": f"{url}&api-version={version}", "Retry-After": "1"})


def operation_result(world: World, request: Request, **names: str) -> Response:
    """Answer a poll of the deletion of a group: 202 while it runs, 200 when done."""
    known = world.operations.by_id.get(names["operationId"].lower())
    if known is None or request.query.get("p") != known.token:
        raise ArmError(404, "NotFound", f"The operation '{names['operationId']}' was not found.")
    seen = world.operations.poll(names["operationId"])
    if seen.status == "InProgress":
        query = "&".join(f"{name}={quote(value)}" for name, value in request.query.items())
        headers = {"Location": f"{request.base_url}{quote(request.path)}?{query}", "Retry-After": "1"}
        return Response(202, None, headers)
    if seen.error is not None:
        raise ArmError(409, seen.error["code"], seen.error["message"])
    return Response(200)


# Lists of resources


def _resources(world: World, request: Request, prefix: str) -> Response:
    wanted = _wanted(request.query.get("$filter", ""))
    entries = [
        entry
        for entry in world.resources.everything()
        if entry["id"].lower().startswith(prefix.lower())
        and all(_value(entry, name).lower() == value for name, value in wanted.items())
    ]
    return Response(200, page(request, entries, world.page_size))


def _wanted(text: str) -> dict[str, str]:
    """Return the terms of a filter, in lower case.

    Raises:
        ArmError: 400 for a term that is not served.
    """
    found: dict[str, str] = {}
    for term in re.split(r"\s+and\s+", text.strip(), flags=re.IGNORECASE) if text.strip() else []:
        match = _TERM.fullmatch(term.strip())
        if match is None:
            message = f"The filter '{text}' is not served; resourceType, name, resourceGroup, location eq '...' are."
            raise bad_parameter(message, "$filter")
        found[match[1].lower()] = match[2].lower()
    return found


def _value(entry: Json, name: str) -> str:
    if name == "resourcegroup":
        return str(entry["id"].split("/")[4])
    return str(entry["type" if name == "resourcetype" else name])


def list_resources(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Answer all resources of the subscription."""
    return _resources(world, request, "/")


def list_group_resources(world: World, request: Request, **names: str) -> Response:
    """Answer all resources of a group."""
    group = world.resources.require_group(names["resourceGroupName"])
    return _resources(world, request, world.resources.group_id(group.name) + "/")
