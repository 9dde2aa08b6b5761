"""Storage accounts and their tables on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.services.inventory import views
from simulator.services.inventory.state import STORAGE, Resource
from simulator.shelf import Item, listing, polled, shown
from simulator.wire import ArmError, Request, Response

from .state import TABLE

if TYPE_CHECKING:
    from simulator.world import World


def _account(world: World, names: dict[str, str]) -> Resource:
    return world.inventory.require(STORAGE, names["resourceGroupName"], names["accountName"])


def put_account(world: World, request: Request, **names: str) -> Response:
    """Make an account (202, and a URL to ask), or change one (200)."""
    resource, started = world.storage.write_account(names["resourceGroupName"], names["accountName"], request.json())
    if started is None:
        return Response(200, views.body(world, resource))
    home = f"{request.base_url}/subscriptions/{world.subscription}/providers/Microsoft.Storage/locations"
    url = f"{home}/{resource.location}/asyncoperations/{started.id}?api-version=2023-05-01&t={started.token}"
    return Response(202, None, {"Location": url, "Retry-After": "5"})


def delete_account(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Delete an account with all its tables; 204 when there is none."""
    world.resources.require_group(names["resourceGroupName"])
    home = world.resources.group_id(names["resourceGroupName"])
    found = world.inventory.find(f"{home}/providers/{STORAGE}/{names['accountName']}")
    if found is None:
        return Response(204)
    world.storage.remove(found.id)
    world.inventory.resources.pop(found.id.lower())
    return Response(200)


def operation_result(world: World, request: Request, **names: str) -> Response:
    """Answer a poll: 202 while it runs, 200 with the account when it has ended."""
    answer = polled(world, request, names["operationId"])
    made = world.inventory.find(str(world.operations.by_id[names["operationId"].lower()].output))
    return Response(200, views.body(world, made)) if answer.status == 200 and made is not None else answer


def _table(world: World, names: dict[str, str]) -> Item:
    path = f"{_account(world, names).id}/tableServices/default/tables/{names['tableName']}"
    found = world.storage.find(path)
    if found is None:
        raise ArmError(404, "TableNotFound", "The table specified does not exist.")
    return found


def get_table(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Answer one table."""
    return Response(200, shown(_table(world, names)))


def put_table(world: World, request: Request, **names: str) -> Response:
    """Make a table; the same again is 200."""
    item, _ = world.storage.write_table(_account(world, names), names["tableName"], request.json())
    return Response(200, shown(item))


def delete_table(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Delete a table."""
    world.storage.remove(_table(world, names).id)
    return Response(204)


def list_tables(world: World, request: Request, **names: str) -> Response:
    """Answer the tables of an account."""
    rows = [shown(one) for one in world.storage.within(f"{_account(world, names).id}/", TABLE)]
    return listing(request, rows, world)


def nothing(world: World, request: Request, **names: str) -> Response:
    """Answer an empty list: containers, shares and queues are not served."""
    _account(world, names)
    return listing(request, [], world)
