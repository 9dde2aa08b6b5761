"""Facts of Microsoft.Authorization beside locks: role assignments, roles, policy assignments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import NotFound, UsageError
from ..ids import covers
from ..session import Session
from .values import inner

ROLE_API = "2022-04-01"
POLICY_API = "2022-06-01"
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class RoleAssignment:
    """A role given to a principal at a scope."""

    id: str
    scope: str
    role_id: str
    principal_id: str
    principal_type: str


@dataclass(frozen=True)
class Role:
    """A role; actions may hold ``*``."""

    id: str
    name: str
    actions: tuple[str, ...]
    not_actions: tuple[str, ...]
    data_actions: tuple[str, ...]
    not_data_actions: tuple[str, ...]

    def allows_data(self, action: str) -> bool:
        """Say whether it allows a data action, such as ``Microsoft.KeyVault/vaults/secrets/getSecret/action``."""
        return matches(self.data_actions, action) and not matches(self.not_data_actions, action)


def matches(patterns: Iterable[object], action: str) -> bool:
    """Say whether one of several actions, which may hold ``*``, covers an action."""
    expressions = (".*".join(re.escape(part) for part in str(pattern).split("*")) for pattern in patterns)
    return any(re.fullmatch(expression, action, re.IGNORECASE) for expression in expressions)


@dataclass(frozen=True)
class PolicyAssignment:
    """A policy in force at a scope.

    Attributes:
        enforced: False where its enforcement mode is ``DoNotEnforce``.
        not_scopes: scopes that it leaves out.
    """

    id: str
    name: str
    title: str
    scope: str
    definition_id: str
    enforced: bool
    not_scopes: tuple[str, ...]

    def applies_to(self, resource_id: str) -> bool:
        """Say whether it is enforced for a resource or group."""
        holes = any(covers(hole, resource_id) for hole in self.not_scopes)
        return self.enforced and covers(self.scope, resource_id) and not holes


@dataclass(frozen=True)
class PolicyDefinition:
    """A policy's rule.

    Attributes:
        effect: in lower case: ``deny``, ``audit`` and so on; as written when it is a parameter.
        rule: the condition, in Azure's language.
    """

    id: str
    title: str
    effect: str
    rule: Mapping[str, Any]


def read_role_assignments(session: Session, scope: str, principal_id: str) -> tuple[RoleAssignment, ...]:
    """Read the roles that a principal (its object id) has at a scope or above it; groups it is in are not asked.

    Permission: ``Microsoft.Authorization/roleAssignments/read``.

    Raises:
        UsageError: the principal is no object id.
    """
    if not _GUID.fullmatch(principal_id):
        raise UsageError(f"{principal_id!r} is not an object id", "Give the object id (a GUID) of the principal.")
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments"
    found = (
        RoleAssignment(
            id=str(entry.get("id", "")),
            scope=str(inner(entry, "properties").get("scope") or ""),
            role_id=str(inner(entry, "properties").get("roleDefinitionId") or ""),
            principal_id=str(inner(entry, "properties").get("principalId") or ""),
            principal_type=str(inner(entry, "properties").get("principalType") or ""),
        )
        for entry in session.pages(path, ROLE_API, filter_=f"principalId eq '{principal_id}'")
    )
    return tuple(one for one in found if covers(one.scope, scope))


def read_role(session: Session, role_id: str) -> Role:
    """Read a role by its id. Permission: ``Microsoft.Authorization/roleDefinitions/read``."""
    return _role(session.get(role_id, ROLE_API), role_id)


def _role(body: Mapping[str, Any], role_id: str = "") -> Role:
    properties = inner(body, "properties")
    blocks = properties.get("permissions") or []

    def every(name: str) -> tuple[str, ...]:
        return tuple(str(one) for block in blocks for one in block.get(name) or [])

    return Role(
        id=str(body.get("id") or role_id),
        name=str(properties.get("roleName") or ""),
        actions=every("actions"),
        not_actions=every("notActions"),
        data_actions=every("dataActions"),
        not_data_actions=every("notDataActions"),
    )


def read_custom_roles(session: Session, scope: str) -> tuple[Role, ...]:
    """Read the custom roles that can be assigned at a scope.

    Permission: ``Microsoft.Authorization/roleDefinitions/read``.
    """
    path = f"{scope}/providers/Microsoft.Authorization/roleDefinitions"
    return tuple(_role(entry) for entry in session.pages(path, ROLE_API, filter_="type eq 'CustomRole'"))


def read_policy_assignments(session: Session, scope: str) -> tuple[PolicyAssignment, ...]:
    """Read the policy assignments at a scope and above it.

    Permission: ``Microsoft.Authorization/policyAssignments/read``.
    """
    path = f"{scope}/providers/Microsoft.Authorization/policyAssignments"
    found = []
    for entry in session.pages(path, POLICY_API, filter_="atScope()"):
        properties = inner(entry, "properties")
        found.append(
            PolicyAssignment(
                id=str(entry.get("id", "")),
                name=str(entry.get("name", "")),
                title=str(properties.get("displayName") or entry.get("name", "")),
                scope=str(properties.get("scope") or ""),
                definition_id=str(properties.get("policyDefinitionId") or ""),
                enforced=str(properties.get("enforcementMode") or "Default").lower() == "default",
                not_scopes=tuple(str(one) for one in properties.get("notScopes") or []),
            )
        )
    return tuple(found)


def read_policy_definition(session: Session, definition_id: str) -> PolicyDefinition | None:
    """Read a policy's rule; ``None`` when it is no single policy (an initiative) or is gone.

    Permission: ``Microsoft.Authorization/policyDefinitions/read``.
    """
    if "/policydefinitions/" not in definition_id.lower():
        return None
    try:
        body = session.get(definition_id, POLICY_API)
    except NotFound:
        return None
    properties = inner(body, "properties")
    rule = inner(properties, "policyRule")
    return PolicyDefinition(
        id=str(body.get("id") or definition_id),
        title=str(properties.get("displayName") or ""),
        effect=str(inner(rule, "then").get("effect") or "").lower(),
        rule=inner(rule, "if"),
    )
