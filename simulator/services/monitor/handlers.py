"""Action groups and alert processing rules on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.routes import Handler
from simulator.shelf import listing, shown
from simulator.wire import Request, Response

if TYPE_CHECKING:
    from simulator.world import World


def _home(world: World, kind: str, names: dict[str, str]) -> str:
    group = world.resources.require_group(names["resourceGroupName"])
    return f"{world.resources.group_id(group.name)}/providers/{kind}/"


def getter(kind: str, name: str) -> Handler:
    """Return the handler that answers one resource of a type."""

    def get(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
        return Response(200, shown(world.monitor.require(_home(world, kind, names) + names[name], kind)))

    return get


def putter(kind: str, name: str) -> Handler:
    """Return the handler that makes or changes one resource of a type."""

    def put(world: World, request: Request, **names: str) -> Response:
        item, new = world.monitor.write(_home(world, kind, names) + names[name], kind, request.json())
        return Response(201 if new else 200, shown(item))

    return put


def deleter(kind: str, name: str) -> Handler:
    """Return the handler that deletes one resource of a type; 204 when there is none."""

    def delete(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
        return Response(200 if world.monitor.remove(_home(world, kind, names) + names[name]) else 204)

    return delete


def lister(kind: str) -> Handler:
    """Return the handler that lists the resources of a type in a group."""

    def list_(world: World, request: Request, **names: str) -> Response:
        return listing(request, [shown(one) for one in world.monitor.within(_home(world, kind, names), kind)], world)

    return list_
