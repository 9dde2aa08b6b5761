"""Plain resources on the wire: get, list by group and by subscription."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simulator.paging import page
from simulator.wire import ArmError, Json, Request, Response

from . import keyvault, network, views
from .state import DISK, KEY_VAULT, TYPES

if TYPE_CHECKING:
    from simulator.routes import Handler
    from simulator.world import World


def getter(kind: str) -> Handler:
    """Return the handler that answers one resource of a type."""

    def get(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
        group, name = names["resourceGroupName"], names[TYPES[kind]]
        if kind == DISK:
            return Response(200, views.disk_body(world, *world.inventory.disk(group, name)))
        return Response(200, views.body(world, world.inventory.require(kind, group, name)))

    return get


def lister(kind: str) -> Handler:
    """Return the handler that answers all resources of a type, of a group where the path names one."""

    def list_(world: World, request: Request, **names: str) -> Response:
        within = "/"
        if "resourceGroupName" in names:
            group = world.resources.require_group(names["resourceGroupName"])
            within = f"{world.resources.group_id(group.name)}/".lower()
        rows = [entry for entry in _of_type(world, kind) if entry["id"].lower().startswith(within)]
        return Response(200, page(request, rows, world.page_size))

    return list_


def _of_type(world: World, kind: str) -> list[Json]:
    if kind == DISK:
        return [views.disk_body(world, disk, location) for disk, location in world.inventory.disks()]
    return [views.body(world, resource) for resource in world.inventory.of_type(kind)]


# Parts of networks


def _parts(kind: str, key: str) -> Callable[[World, dict[str, str]], list[Json]]:
    def parts(world: World, names: dict[str, str]) -> list[Json]:
        resource = world.inventory.require(kind, names["resourceGroupName"], names[TYPES[kind]])
        found: list[Json] = views.body(world, resource)["properties"][key]
        return found

    return parts


def part_lister(kind: str, key: str) -> Handler:
    """Return the handler that answers the subnets or rules of a resource."""
    parts = _parts(kind, key)

    def list_(world: World, request: Request, **names: str) -> Response:
        return Response(200, page(request, parts(world, names), world.page_size))

    return list_


def part_getter(kind: str, key: str, parameter: str) -> Handler:
    """Return the handler that answers one subnet or rule."""
    parts = _parts(kind, key)

    def get(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
        for one in parts(world, names):
            if one["name"].lower() == names[parameter].lower():
                return Response(200, one)
        raise ArmError(404, "NotFound", f"Resource {names[TYPES[kind]]}/{names[parameter]} not found.")

    return get


# Key vaults


def put_key_vault(world: World, request: Request, **names: str) -> Response:
    """Create a key vault, or replace its properties."""
    world.resources.require_group(names["resourceGroupName"])
    vault, new = keyvault.put(world, names["resourceGroupName"], names["vaultName"], request.json())
    return Response(201 if new else 200, views.body(world, vault))


def put_access_policies(world: World, request: Request, **names: str) -> Response:
    """Add, replace or remove access policies; answers all that the vault has now."""
    vault = world.inventory.require(KEY_VAULT, names["resourceGroupName"], names["vaultName"])
    wanted = (request.json().get("properties") or {}).get("accessPolicies")
    if not isinstance(wanted, list):
        raise ArmError(400, "BadRequest", "The parameter accessPolicies is required.")
    new = keyvault.update(vault, names["operationKind"].lower(), wanted)
    shown = {
        "id": f"{vault.id}/accessPolicies/",
        "type": f"{KEY_VAULT}/accessPolicies",
        "properties": {"accessPolicies": vault.properties["accessPolicies"]},
    }
    return Response(201 if new else 200, shown)


PARTS = (
    (network.VNET, "subnets", "subnetName"),
    (network.NSG, "securityRules", "securityRuleName"),
    (network.NSG, "defaultSecurityRules", "defaultSecurityRuleName"),
)
"""What is inside another resource: its type, the property that holds it, and its name in a path."""
