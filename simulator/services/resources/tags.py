"""Tags as a resource of their own: read, merged, replaced and taken away by name, whatever carries them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.errors import bad_parameter, resource_not_found
from simulator.wire import ArmError, Json, Request, Response

if TYPE_CHECKING:
    from simulator.world import World

MOST_TAGS, LONGEST_NAME, LONGEST_VALUE = 50, 512, 256
MOST_OF_A_VM = 2048
"""Characters that names and values of all tags of one VM may have together."""
FORBIDDEN = "<>%&\\?/"
RESERVED = ("microsoft", "azure", "windows")
_VM = "/providers/microsoft.compute/virtualmachines/"


def get_tags(world: World, request: Request, scope: str) -> Response:  # noqa: ARG001
    """Answer the tags of a resource or group."""
    return Response(200, _body(scope, _owner(world, scope).tags))


def patch_tags(world: World, request: Request, scope: str) -> Response:
    """Merge, replace or delete tags."""
    owner = _owner(world, scope)
    body = request.json()
    given = (body.get("properties") or {}).get("tags")
    if not isinstance(given, dict):
        raise ArmError(400, "InvalidRequestContent", "The request must have 'properties' with 'tags'.")
    operation = str(body.get("operation", "")).lower()
    tags = dict(owner.tags)
    if operation == "replace":
        tags = {}
    elif operation not in ("merge", "delete"):
        raise bad_parameter(f"The operation '{body.get('operation')}' is not Replace, Merge or Delete.", "operation")
    for name, value in given.items():
        known = next((one for one in tags if one.lower() == str(name).lower()), str(name))
        if operation != "delete":
            tags[known] = "" if value is None else str(value)
        elif value in (None, "", tags.get(known)):
            tags.pop(known, None)
    _check(scope, tags)
    owner.tags = tags
    if hasattr(owner, "version"):
        owner.version += 1
    return Response(200, _body(scope, tags))


def _body(scope: str, tags: dict[str, str]) -> Json:
    return {
        "id": f"/{scope.strip('/')}/providers/Microsoft.Resources/tags/default",
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": {"tags": dict(tags)},
    }


def _owner(world: World, scope: str) -> Any:
    """Return the resource or group with this id.

    Raises:
        ArmError: 404 for what does not exist or carries no tags here.
    """
    scope = "/" + scope.strip("/")
    world.resources.require_scope(scope)
    parts = scope.split("/")
    if len(parts) == 5:
        return world.resources.require_group(parts[4])
    known: tuple[Any, ...] = (
        *world.compute.vms.values(),
        *world.compute.collections.values(),
        *world.recoveryservices.vaults.values(),
        *world.inventory.resources.values(),
    )
    for resource in known:
        if resource.id.lower() == scope.lower():
            return resource
    raise resource_not_found("/".join(parts[6:8]), parts[-1], parts[4] if len(parts) > 4 else "")


def _check(scope: str, tags: dict[str, str]) -> None:
    """Refuse what Azure does not store.

    Raises:
        ArmError: 400.
    """
    if len(tags) > MOST_TAGS:
        message = f"The resource has {len(tags)} tags; the limit is {MOST_TAGS}."
        raise ArmError(400, "InvalidTags", message)
    for name, value in tags.items():
        if not name or len(name) > LONGEST_NAME or any(sign in name for sign in FORBIDDEN):
            raise ArmError(400, "InvalidTagNameCharacters", f"The tag name '{name}' is not valid.")
        if name.lower().startswith(RESERVED):
            raise ArmError(400, "ReservedTagName", f"The tag name '{name}' begins with a reserved word.")
        if len(value) > LONGEST_VALUE:
            message = f"The value of the tag '{name}' has {len(value)} characters; the limit is {LONGEST_VALUE}."
            raise ArmError(400, "TagValueTooLong", message)
    together = sum(len(name) + len(value) for name, value in tags.items())
    if _VM in scope.lower() and together > MOST_OF_A_VM:
        message = f"The tags of the virtual machine have {together} characters; the limit is {MOST_OF_A_VM}."
        raise ArmError(400, "InvalidParameter", message)
