"""Restore point collections and restore points on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.errors import bad_parameter, parent_not_found, resource_not_found
from simulator.paging import page
from simulator.wire import ArmError, Request, Response

from . import views
from .handlers import accepted
from .model import RestorePointCollection
from .state import COLLECTION_TYPE

if TYPE_CHECKING:
    from simulator.world import World


def _expands(request: Request, known: str) -> bool:
    expand = request.query.get("$expand", "")
    if expand.lower() not in {"", known.lower()}:
        raise bad_parameter(f"The value '{expand}' of parameter $expand is invalid.", "$expand")
    return bool(expand)


def _collections(world: World, request: Request, collections: list[RestorePointCollection]) -> Response:
    return Response(200, page(request, [views.collection_body(entry) for entry in collections], world.page_size))


def _collection(world: World, names: dict[str, str]) -> RestorePointCollection:
    return world.compute.collection(names["resourceGroupName"], names["restorePointCollectionName"])


def list_collections(world: World, request: Request, **names: str) -> Response:
    """Answer the collections of a group, without their points."""
    group = world.resources.require_group(names["resourceGroupName"]).name
    found = [entry for entry in world.compute.collections.values() if entry.group == group]
    return _collections(world, request, found)


def list_all_collections(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Answer the collections of the subscription, without their points."""
    return _collections(world, request, list(world.compute.collections.values()))


def get_collection(world: World, request: Request, **names: str) -> Response:
    """Answer one collection, with its points for ``$expand=restorePoints``."""
    collection = _collection(world, names)
    with_points = _expands(request, "restorePoints")
    if with_points:
        world.authorization.require(f"{COLLECTION_TYPE}/restorePoints/read", request.path)
    return Response(200, views.collection_body(collection, with_points=with_points))


def put_collection(world: World, request: Request, **names: str) -> Response:
    """Create a collection, or replace the tags of one; its source cannot change."""
    body = request.json()
    home = world.resources.require_group(names["resourceGroupName"])
    source = str(((body.get("properties") or {}).get("source") or {}).get("id") or "")
    known = _find(world, home.name, names["restorePointCollectionName"])
    if known is not None and source and source.lower() != known.source_id.lower():
        message = "Changing property 'restorePointCollection.source.id' is not allowed."
        raise ArmError(409, "PropertyChangeNotAllowed", message, extra={"target": "source.id"})
    collection = known
    if collection is None:
        vm = world.compute.vms.get(source.lower())
        if vm is None:
            raise bad_parameter("Required parameter 'source.id' is missing or is no virtual machine.", "source.id")
        location = str(body.get("location") or vm.location)
        collection = world.compute.add_collection(home.name, names["restorePointCollectionName"], vm.id, location)
        collection.source_location = vm.location
    collection.tags = {str(name): str(value) for name, value in dict(body.get("tags") or collection.tags).items()}
    return Response(200 if known else 201, views.collection_body(collection))


def delete_collection(world: World, request: Request, **names: str) -> Response:
    """Start deleting a collection with its points; 204 when there is none."""
    collection = _find(world, names["resourceGroupName"], names["restorePointCollectionName"])
    if collection is None:
        return Response(204)
    return accepted(world, request, world.compute.delete_collection(collection), collection.location)


def _find(world: World, group: str, name: str) -> RestorePointCollection | None:
    key = f"{world.resources.group_id(group)}/providers/{COLLECTION_TYPE}/{name}".lower()
    return world.compute.collections.get(key)


def _parent(world: World, verb: str, names: dict[str, str]) -> RestorePointCollection:
    try:
        return _collection(world, names)
    except ArmError as error:
        if error.code == "ResourceNotFound":
            parent = f"{COLLECTION_TYPE}/{names['restorePointCollectionName']}"
            raise parent_not_found(verb, "restorePointCollections/restorePoints", parent) from error
        raise


def get_point(world: World, request: Request, **names: str) -> Response:
    """Answer one restore point."""
    _expands(request, "instanceView")
    collection = _collection(world, names)
    point = collection.points.get(names["restorePointName"].lower())
    if point is None:
        name = f"{collection.name}/restorePoints/{names['restorePointName']}"
        raise resource_not_found(COLLECTION_TYPE, name, collection.group)
    return Response(200, views.restore_point_body(point, collection.source_location))


def put_point(world: World, request: Request, **names: str) -> Response:
    """Start taking a restore point."""
    collection = _parent(world, "write", names)
    point, started = world.compute.create_restore_point(collection, names["restorePointName"])
    body = views.restore_point_body(point, collection.source_location)
    return accepted(world, request, started, collection.location, status=201, body=body)


def delete_point(world: World, request: Request, **names: str) -> Response:
    """Start deleting a restore point; 204 when there is none."""
    collection = _parent(world, "delete", names)
    point = collection.points.get(names["restorePointName"].lower())
    if point is None:
        return Response(204)
    return accepted(world, request, world.compute.delete_restore_point(collection, point), collection.location)
