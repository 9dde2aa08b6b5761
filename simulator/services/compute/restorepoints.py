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


def list_collections(world: World, request: Request, resourceGroupName: str, **_: str) -> Response:  # noqa: N803
    """Answer the collections of a group, without their points."""
    group = world.resources.require_group(resourceGroupName).name
    found = [entry for entry in world.compute.collections.values() if entry.group == group]
    return _collections(world, request, found)


def list_all_collections(world: World, request: Request, **_: str) -> Response:
    """Answer the collections of the subscription, without their points."""
    return _collections(world, request, list(world.compute.collections.values()))


def get_collection(
    world: World,
    request: Request,
    resourceGroupName: str,
    restorePointCollectionName: str,
    **_: str,  # noqa: N803
) -> Response:
    """Answer one collection, with its points for ``$expand=restorePoints``."""
    collection = world.compute.collection(resourceGroupName, restorePointCollectionName)
    with_points = _expands(request, "restorePoints")
    if with_points:
        world.authorization.require(f"{COLLECTION_TYPE}/restorePoints/read", request.path)
    return Response(200, views.collection_body(collection, with_points=with_points))


def put_collection(
    world: World,
    request: Request,
    resourceGroupName: str,
    restorePointCollectionName: str,
    **_: str,  # noqa: N803
) -> Response:
    """Create a collection, or replace the tags of one; its source cannot change."""
    body = request.json()
    home = world.resources.require_group(resourceGroupName)
    source = str(((body.get("properties") or {}).get("source") or {}).get("id") or "")
    known = _find(world, home.name, restorePointCollectionName)
    if known is not None and source and source.lower() != known.source_id.lower():
        message = "Changing property 'restorePointCollection.source.id' is not allowed."
        raise ArmError(409, "PropertyChangeNotAllowed", message, extra={"target": "source.id"})
    collection = known
    if collection is None:
        vm = world.compute.vms.get(source.lower())
        if vm is None:
            raise bad_parameter("Required parameter 'source.id' is missing or is no virtual machine.", "source.id")
        location = str(body.get("location") or vm.location)
        collection = world.compute.add_collection(home.name, restorePointCollectionName, vm.id, location)
        collection.source_location = vm.location
    collection.tags = {str(name): str(value) for name, value in dict(body.get("tags") or collection.tags).items()}
    return Response(200 if known else 201, views.collection_body(collection))


def delete_collection(
    world: World,
    request: Request,
    resourceGroupName: str,
    restorePointCollectionName: str,
    **_: str,  # noqa: N803
) -> Response:
    """Start deleting a collection with its points; 204 when there is none."""
    collection = _find(world, resourceGroupName, restorePointCollectionName)
    if collection is None:
        return Response(204)
    return accepted(world, request, world.compute.delete_collection(collection), collection.location)


def _find(world: World, group: str, name: str) -> RestorePointCollection | None:
    key = f"{world.resources.group_id(group)}/providers/{COLLECTION_TYPE}/{name}".lower()
    return world.compute.collections.get(key)


def _parent(world: World, verb: str, group: str, name: str) -> RestorePointCollection:
    collection = _find(world, group, name)
    if collection is None:
        world.resources.require_group(group)
        raise parent_not_found(verb, "restorePointCollections/restorePoints", f"{COLLECTION_TYPE}/{name}")
    return collection


def get_point(
    world: World,
    request: Request,
    resourceGroupName: str,  # noqa: N803
    restorePointCollectionName: str,  # noqa: N803
    restorePointName: str,  # noqa: N803
    **_: str,
) -> Response:
    """Answer one restore point."""
    _expands(request, "instanceView")
    collection = world.compute.collection(resourceGroupName, restorePointCollectionName)
    point = collection.points.get(restorePointName.lower())
    if point is None:
        name = f"{restorePointCollectionName}/restorePoints/{restorePointName}"
        raise resource_not_found(COLLECTION_TYPE, name, resourceGroupName)
    return Response(200, views.restore_point_body(point, collection.source_location))


def put_point(
    world: World,
    request: Request,
    resourceGroupName: str,  # noqa: N803
    restorePointCollectionName: str,  # noqa: N803
    restorePointName: str,  # noqa: N803
    **_: str,
) -> Response:
    """Start taking a restore point."""
    collection = _parent(world, "write", resourceGroupName, restorePointCollectionName)
    point, started = world.compute.create_restore_point(collection, restorePointName)
    body = views.restore_point_body(point, collection.source_location)
    return accepted(world, request, started, collection.location, status=201, body=body)


def delete_point(
    world: World,
    request: Request,
    resourceGroupName: str,  # noqa: N803
    restorePointCollectionName: str,  # noqa: N803
    restorePointName: str,  # noqa: N803
    **_: str,
) -> Response:
    """Start deleting a restore point; 204 when there is none."""
    collection = _parent(world, "delete", resourceGroupName, restorePointCollectionName)
    point = collection.points.get(restorePointName.lower())
    if point is None:
        return Response(204)
    return accepted(world, request, world.compute.delete_restore_point(collection, point), collection.location)
