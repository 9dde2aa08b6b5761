"""Azure Automation on the wire."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from simulator.routes import Handler
from simulator.shelf import Item, listing, polled, shown
from simulator.wire import ArmError, Json, Request, Response

from .state import ACCOUNT, PACKAGE, RUNBOOK, SYSTEM_ENVIRONMENTS, WEBHOOK

if TYPE_CHECKING:
    from simulator.world import World

_HIDDEN = {PACKAGE: ("contentLink",), WEBHOOK: ("uri",)}
"""What Automation takes and never shows."""


def _account(world: World, names: dict[str, str]) -> str:
    group = world.resources.require_group(names["resourceGroupName"])
    return f"{world.resources.group_id(group.name)}/providers/{ACCOUNT}/{names['automationAccountName']}"


def _id(world: World, kind: str, names: dict[str, str]) -> str:
    """Return the id of the resource that a path names: below the account, pairs of type and name."""
    found = _account(world, names)
    inside = [value for name, value in names.items() if name not in ("resourceGroupName", "automationAccountName")]
    for word, name in zip(kind.split("/")[2:], inside[1:], strict=True):  # the subscription comes first
        found += f"/{word}/{name}"
    return found


def getter(kind: str) -> Handler:
    """Return the handler that answers one resource of a type."""

    def get(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
        return Response(200, shown(world.automation.require(_id(world, kind, names), kind), _HIDDEN.get(kind, ())))

    return get


def putter(kind: str) -> Handler:
    """Return the handler that makes or changes one resource of a type."""

    def put(world: World, request: Request, **names: str) -> Response:
        item, new = world.automation.write(_id(world, kind, names), kind, request.json())
        body = shown(item, _HIDDEN.get(kind, ()))
        if kind == WEBHOOK and new:
            body["properties"]["uri"] = item.properties["uri"]
        return Response(201 if new else 200, body)

    return put


def deleter(kind: str) -> Handler:
    """Return the handler that deletes one resource of a type; 204 when there is none."""

    def delete(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
        return Response(200 if world.automation.remove(_id(world, kind, names)) else 204)

    return delete


def lister(kind: str) -> Handler:
    """Return the handler that lists the resources of a type in an account."""

    def list_(world: World, request: Request, **names: str) -> Response:
        account = _account(world, names)
        world.automation.require(account, ACCOUNT)
        rows = [shown(one, _HIDDEN.get(kind, ())) for one in world.automation.within(f"{account}/", kind)]
        if kind.endswith("/runtimeEnvironments"):
            rows += [{"id": f"{account}/runtimeEnvironments/{name}", "name": name} for name in SYSTEM_ENVIRONMENTS]
        return listing(request, rows, world)

    return list_


def nothing(world: World, request: Request, **names: str) -> Response:
    """Answer an empty list of what nobody can make here."""
    world.automation.require(_account(world, names), ACCOUNT)
    return listing(request, [], world)


# Texts of runbooks


def _runbook(world: World, names: dict[str, str]) -> Item:
    return world.automation.require(_id(world, RUNBOOK, names), RUNBOOK)


def text(which: str) -> Handler:
    """Return the handler that answers the published text, or the draft."""

    def get(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
        found = _runbook(world, names).extra.get(which)
        if found is None:
            raise ArmError(404, "NotFound", f"The runbook '{names['runbookName']}' has no such text.")
        return Response(200, None, {"Content-Type": "text/powershell"}, text=found)

    return get


def put_draft(world: World, request: Request, **names: str) -> Response:
    """Take the text of a draft."""
    runbook = _runbook(world, names)
    try:
        given = request.body.decode("utf-8")
    except ValueError as error:
        raise ArmError(400, "BadRequest", "The text of a runbook must be UTF-8.") from error
    return _later(world, request, "runbooks/draft", lambda: world.automation.upload(runbook, given))


def publish(world: World, request: Request, **names: str) -> Response:
    """Publish the draft of a runbook."""
    runbook = _runbook(world, names)
    return _later(world, request, "runbooks/publish", lambda: world.automation.publish(runbook))


def _later(world: World, request: Request, kind: str, finish: Callable[[], None]) -> Response:
    started = world.operations.start(kind, timedelta(seconds=10), finish)
    home = f"{request.base_url}/subscriptions/{world.subscription}/providers/Microsoft.Automation"
    url = f"{home}/locations/westeurope/operationResults/{started.id}?api-version=2024-10-23&t={started.token}"
    return Response(202, None, {"Location": url, "Retry-After": "5"})


def operation_result(world: World, request: Request, **names: str) -> Response:
    """Answer a poll: 202 while it runs, 200 when it has ended."""
    return polled(world, request, names["operationId"])


# Webhooks


def generate_uri(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Answer a new address for a webhook, as a JSON string; nothing is kept of it."""
    account = _account(world, names)
    world.automation.require(account, ACCOUNT)
    host = f"{world.guid()}.webhook.we.azure-automation.net"
    token = f"{world.random.getrandbits(256):064x}"
    return Response(200, f"https://{host}/webhooks?token={token}")


def list_accounts(world: World, request: Request, **names: str) -> Response:
    """Answer the accounts of a resource group."""
    group = world.resources.require_group(names["resourceGroupName"])
    rows: list[Json] = [
        shown(one) for one in world.automation.within(f"{world.resources.group_id(group.name)}/", ACCOUNT)
    ]
    return listing(request, rows, world)
