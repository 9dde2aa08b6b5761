"""Roles and policies on the wire."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from simulator.clock import iso
from simulator.errors import bad_parameter
from simulator.paging import page
from simulator.services.identity.tokens import OBJECT_ID
from simulator.wire import ArmError, Json, Request, Response

from .policies import ASSIGNMENTS, DEFINITIONS, PolicyAssignment
from .roles import PREFIX, RoleAssignment, RoleDefinition

if TYPE_CHECKING:
    from simulator.world import World

_TERM = re.compile(r"(?P<name>\w+)\s*(?:\(\s*(?:'(?P<argument>[^']*)')?\s*\)|\s+eq\s+'(?P<value>[^']*)')")


def _scope(world: World, scope: str) -> str:
    scope = "/" + scope.strip("/")
    world.resources.require_scope(scope)
    return scope


def _filter(request: Request, known: set[str]) -> dict[str, str]:
    """Return the terms of ``$filter`` by lower-case name.

    Raises:
        ArmError: 400 for a term that is not one of these.
    """
    text = request.query.get("$filter", "").strip()
    found: dict[str, str] = {}
    for term in re.split(r"\s+and\s+", text, flags=re.IGNORECASE) if text else []:
        match = _TERM.fullmatch(term.strip())
        if match is None or match["name"].lower() not in known:
            raise bad_parameter(f"The filter '{text}' is not supported.", "$filter")
        found[match["name"].lower()] = match["argument"] or match["value"] or ""
    return found


# Role assignments


def assignment_body(world: World, one: RoleAssignment) -> Json:
    """Return a role assignment."""
    created = iso(one.created)
    return {
        "id": one.id,
        "name": one.name,
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": {
            "roleDefinitionId": f"/subscriptions/{world.subscription}{PREFIX}{one.role}",
            "principalId": one.principal,
            "principalType": one.principal_type,
            "scope": one.scope,
            "condition": None,
            "conditionVersion": None,
            "createdOn": created,
            "updatedOn": created,
            "createdBy": OBJECT_ID,
            "updatedBy": OBJECT_ID,
            "delegatedManagedIdentityResourceId": None,
            "description": None,
        },
    }


def list_assignments(world: World, request: Request, scope: str) -> Response:
    """Answer the assignments at, above and below a scope; ``atScope()`` leaves out those below."""
    scope = _scope(world, scope)
    wanted = _filter(request, {"atscope", "principalid", "assignedto"})
    found = world.authorization.roles.at(scope, below="atscope" not in wanted)
    for name in ("principalid", "assignedto"):
        if name in wanted:
            found = [one for one in found if one.principal.lower() == wanted[name].lower()]
    return Response(200, page(request, [assignment_body(world, one) for one in found], world.page_size))


def _assignment_id(world: World, names: dict[str, str]) -> str:
    base = f"{_scope(world, names['scope'])}/providers/Microsoft.Authorization/roleAssignments"
    return f"{base}/{names['roleAssignmentName']}".lower()


def get_assignment(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Answer one role assignment."""
    found = world.authorization.roles.assignments.get(_assignment_id(world, names))
    if found is None:
        name = names["roleAssignmentName"]
        raise ArmError(404, "RoleAssignmentNotFound", f"The role assignment '{name}' is not found.")
    return Response(200, assignment_body(world, found))


def put_assignment(world: World, request: Request, **names: str) -> Response:
    """Create a role assignment; the same again is 200."""
    scope = _scope(world, names["scope"])
    properties = request.json().get("properties")
    if not isinstance(properties, dict) or not all(properties.get(key) for key in ("roleDefinitionId", "principalId")):
        message = "The request content must have properties with a roleDefinitionId and a principalId."
        raise ArmError(400, "InvalidRequestContent", message)
    found, new = world.authorization.roles.create(
        scope,
        names["roleAssignmentName"],
        str(properties["roleDefinitionId"]),
        str(properties["principalId"]),
        str(properties.get("principalType") or "User"),
    )
    return Response(201 if new else 200, assignment_body(world, found))


def delete_assignment(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Delete a role assignment; 204 when there is none."""
    found = world.authorization.roles.assignments.pop(_assignment_id(world, names), None)
    return Response(204) if found is None else Response(200, assignment_body(world, found))


# Role definitions


def definition_body(world: World, role: RoleDefinition, *, tenant: bool = False) -> Json:
    """Return a role definition; at tenant scope its id names no subscription."""
    where = "" if tenant else f"/subscriptions/{world.subscription}"
    return {
        "id": f"{where}{PREFIX}{role.guid}",
        "name": role.guid,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": {
            "roleName": role.name,
            "type": "CustomRole" if role.custom else "BuiltInRole",
            "description": role.description,
            "assignableScopes": list(role.scopes),
            "permissions": [
                {
                    "actions": list(role.actions),
                    "notActions": list(role.not_actions),
                    "dataActions": list(role.data_actions),
                    "notDataActions": list(role.not_data_actions),
                }
            ],
        },
    }


def put_definition(world: World, request: Request, **names: str) -> Response:
    """Create or replace a custom role."""
    _scope(world, names["scope"])
    properties = request.json().get("properties")
    if not isinstance(properties, dict) or not properties.get("roleName") or not properties.get("assignableScopes"):
        message = "The request content must have properties with a roleName and assignableScopes."
        raise ArmError(400, "InvalidRequestContent", message)
    return Response(
        201, definition_body(world, world.authorization.roles.define(names["roleDefinitionId"], properties))
    )


def delete_definition(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Delete a custom role that nobody has; 204 when there is none."""
    _scope(world, names["scope"])
    roles, guid = world.authorization.roles, names["roleDefinitionId"].lower()
    role = roles.definitions.get(guid)
    if role is None:
        return Response(204)
    if not role.custom:
        raise ArmError(400, "InvalidRoleDefinitionId", f"The role definition ID '{guid}' is not valid.")
    if any(one.role == guid for one in roles.assignments.values()):
        message = "There are existing role assignments referencing the role definition."
        raise ArmError(400, "RoleDefinitionHasAssignments", message)
    return Response(200, definition_body(world, roles.definitions.pop(guid)))


def list_definitions(world: World, request: Request, scope: str = "") -> Response:
    """Answer the roles that can be assigned at a scope; ``roleName eq '...'`` and ``type eq '...'`` choose."""
    if scope:
        _scope(world, scope)
    wanted = _filter(request, {"rolename", "type", "atscopeandbelow"})
    rows = [definition_body(world, role, tenant=not scope) for role in world.authorization.roles.definitions.values()]
    for key, name in (("rolename", "roleName"), ("type", "type")):
        if key in wanted:
            rows = [row for row in rows if row["properties"][name].lower() == wanted[key].lower()]
    return Response(200, page(request, rows, world.page_size))


def get_definition(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Answer one role definition."""
    if "scope" in names:
        _scope(world, names["scope"])
    role = world.authorization.roles.definitions.get(names["roleDefinitionId"].lower())
    if role is None:
        message = f"The specified role definition with ID '{names['roleDefinitionId']}' does not exist."
        raise ArmError(404, "RoleDefinitionDoesNotExist", message)
    return Response(200, definition_body(world, role, tenant="scope" not in names))


# Policies


def policy_assignment_body(one: PolicyAssignment) -> Json:
    """Return a policy assignment."""
    return {
        "id": one.id,
        "name": one.name,
        "type": ASSIGNMENTS,
        "properties": {
            "displayName": one.title,
            "policyDefinitionId": one.definition,
            "scope": one.scope,
            "notScopes": list(one.not_scopes),
            "parameters": dict(one.parameters),
            "metadata": {},
            "enforcementMode": "Default" if one.enforced else "DoNotEnforce",
        },
    }


def list_policy_assignments(world: World, request: Request, scope: str) -> Response:
    """Answer the assignments at, above and below a scope; ``atScope()`` leaves out those below."""
    scope = _scope(world, scope)
    wanted = _filter(request, {"atscope", "atexactscope", "policydefinitionid"})
    found = world.authorization.policies.at(scope, below="atscope" not in wanted)
    if "atexactscope" in wanted:
        found = [one for one in found if one.scope.lower() == scope.lower()]
    if "policydefinitionid" in wanted:
        found = [one for one in found if one.definition.lower() == wanted["policydefinitionid"].lower()]
    return Response(200, page(request, [policy_assignment_body(one) for one in found], world.page_size))


def _policy_assignment(world: World, names: dict[str, str]) -> tuple[str, PolicyAssignment | None]:
    key = f"{_scope(world, names['scope'])}/providers/{ASSIGNMENTS}/{names['policyAssignmentName']}".lower()
    return key, world.authorization.policies.assignments.get(key)


def get_policy_assignment(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Answer one policy assignment."""
    found = _policy_assignment(world, names)[1]
    if found is None:
        name = names["policyAssignmentName"]
        raise ArmError(404, "PolicyAssignmentNotFound", f"The policy assignment '{name}' is not found.")
    return Response(200, policy_assignment_body(found))


def delete_policy_assignment(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Delete a policy assignment; 204 when there is none."""
    key, found = _policy_assignment(world, names)
    world.authorization.policies.assignments.pop(key, None)
    return Response(204) if found is None else Response(200, policy_assignment_body(found))


def get_policy_definition(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Answer one policy definition of the subscription."""
    name = names["policyDefinitionName"]
    known = world.authorization.policies.definitions
    found = known.get(f"/subscriptions/{world.subscription}/providers/{DEFINITIONS}/{name}".lower())
    if found is None:
        raise ArmError(404, "PolicyDefinitionNotFound", f"The policy definition '{name}' could not be found.")
    properties = {"displayName": found.title, "policyType": "Custom", "mode": "All", "policyRule": found.rule}
    return Response(200, {"id": found.id, "name": found.name, "type": DEFINITIONS, "properties": properties})
