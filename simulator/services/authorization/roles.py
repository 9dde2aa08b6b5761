"""Role definitions and role assignments: a store with the rules of creating and finding them."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.services.identity.tokens import OBJECT_ID
from simulator.wire import ArmError, Json

from .scopes import pattern, within

if TYPE_CHECKING:
    from simulator.world import World

PREFIX = "/providers/Microsoft.Authorization/roleDefinitions/"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class RoleDefinition:
    """One role, built in or custom."""

    guid: str
    name: str
    description: str
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()
    not_data_actions: tuple[str, ...] = ()
    custom: bool = False
    scopes: tuple[str, ...] = ("/",)

    def allows_data(self, action: str) -> bool:
        """Whether it allows this data action."""
        allowed, refused = (
            any(pattern(entry).fullmatch(action) for entry in entries)
            for entries in (self.data_actions, self.not_data_actions)
        )
        return allowed and not refused


@dataclass(frozen=True)
class RoleAssignment:
    """One role given to one principal at one scope."""

    scope: str
    name: str
    role: str
    principal: str
    principal_type: str
    created: datetime

    @property
    def id(self) -> str:
        """The full resource id."""
        return f"{self.scope}/providers/Microsoft.Authorization/roleAssignments/{self.name}"


@cache
def built_in() -> tuple[RoleDefinition, ...]:
    """Return the built-in roles that this simulator knows."""
    entries = json.loads((Path(__file__).parent / "roles.json").read_text(encoding="utf-8"))
    return tuple(
        RoleDefinition(
            entry["id"],
            entry["name"],
            entry["description"],
            tuple(entry.get("actions", ())),
            tuple(entry.get("notActions", ())),
            tuple(entry.get("dataActions", ())),
        )
        for entry in entries
    )


class Roles:
    """All role definitions by lower-case guid, and all assignments by lower-case id.

    At first the caller is Owner of the subscription.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.definitions = {role.guid: role for role in built_in()}
        self.assignments: dict[str, RoleAssignment] = {}
        self.assign(f"/subscriptions/{world.subscription}", "Owner", OBJECT_ID)

    def add_definition(self, name: str, scope: str, actions: Sequence[str], data: Sequence[str] = ()) -> RoleDefinition:
        """Create a custom role that can be assigned at a scope."""
        guid = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{scope}/{name}".lower()))
        role = RoleDefinition(guid, name, "", tuple(actions), (), tuple(data), custom=True, scopes=(scope,))
        self.definitions[guid] = role
        return role

    def define(self, guid: str, properties: Json) -> RoleDefinition:
        """Create or replace a custom role as ARM does.

        Raises:
            ArmError: 400 for an id or a scope that is none, an empty list of actions, or a built-in role; 409 for a
                name that another role has.
        """
        guid, known = guid.lower(), self.definitions.get(guid.lower())
        scopes = tuple(str(one) for one in properties["assignableScopes"])
        held = next(iter(properties.get("permissions") or [{}]))
        lists = {key: tuple(held.get(key) or ()) for key in ("actions", "notActions", "dataActions", "notDataActions")}
        if not _GUID.fullmatch(guid) or (known is not None and not known.custom):
            raise ArmError(400, "InvalidRoleDefinitionId", f"The role definition ID '{guid}' is not valid.")
        if not lists["actions"] and not lists["dataActions"]:
            raise ArmError(400, "RoleDefinitionPermissionsEmpty", "The role has no actions and no data actions.")
        if any(not one.lower().startswith(f"/subscriptions/{self._world.subscription}") for one in scopes):
            message = "The role definition has an assignable scope that is not in this subscription."
            raise ArmError(400, "InvalidAssignableScopes", message)
        name = str(properties["roleName"])
        if any(role.name.lower() == name.lower() and role.guid != guid for role in self.definitions.values()):
            raise ArmError(409, "RoleDefinitionWithSameNameExists", f"A custom role named '{name}' exists already.")
        told = str(properties.get("description") or "")
        actions, not_actions, data, not_data = lists.values()
        role = RoleDefinition(guid, name, told, actions, not_actions, data, not_data, custom=True, scopes=scopes)
        self.definitions[guid] = role
        return role

    def named(self, name: str) -> RoleDefinition:
        """Return a role by name.

        Raises:
            KeyError: there is none.
        """
        found = next((role for role in self.definitions.values() if role.name.lower() == name.lower()), None)
        if found is None:
            raise KeyError(name)
        return found

    def assign(
        self, scope: str, role: str, principal: str, principal_type: str = "ServicePrincipal", *, name: str = ""
    ) -> RoleAssignment:
        """Give a role (by name or guid) to a principal at a scope, as a scenario does: nothing is checked."""
        scope = scope.rstrip("/")
        guid = role.lower() if role.lower() in self.definitions else self.named(role).guid
        name = name or str(uuid.uuid5(uuid.NAMESPACE_URL, f"{scope}|{guid}|{principal}".lower()))
        assignment = RoleAssignment(scope, name, guid, principal, principal_type, self._world.clock.now)
        self.assignments[assignment.id.lower()] = assignment
        return assignment

    def create(
        self, scope: str, name: str, role_id: str, principal: str, principal_type: str
    ) -> tuple[RoleAssignment, bool]:
        """Create an assignment as ARM does; the second value says whether it is new.

        Raises:
            ArmError: 400 for a name, role or principal that is none; 409 for one that exists in another form.
        """
        if not _GUID.fullmatch(name):
            message = f"The role assignment ID '{name}' is not valid. The role assignment ID must be a GUID."
            raise ArmError(400, "InvalidRoleAssignmentId", message)
        role = self.definitions.get(role_id.rpartition("/")[2].lower())
        if role is None or PREFIX.lower() not in role_id.lower():
            message = f"The specified role definition with ID '{role_id.rpartition('/')[2]}' does not exist."
            raise ArmError(400, "RoleDefinitionDoesNotExist", message)
        if not _GUID.fullmatch(principal):
            raise ArmError(400, "InvalidPrincipalId", "The principal ID must be a GUID.")
        wanted = (scope.rstrip("/").lower(), role.guid, principal.lower())
        for known in self.assignments.values():
            same = (known.scope.lower(), known.role, known.principal.lower()) == wanted
            if known.name.lower() == name.lower() and known.scope.lower() == wanted[0]:
                if same:
                    return known, False
                message = "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."
                raise ArmError(400, "RoleAssignmentUpdateNotPermitted", message)
            if same:
                raise ArmError(409, "RoleAssignmentExists", "The role assignment already exists.")
        return self.assign(scope, role.guid, principal, principal_type, name=name), True

    def at(self, scope: str, *, below: bool) -> list[RoleAssignment]:
        """Return the assignments at or above a scope, and those below it where asked."""
        return [
            one for one in self.assignments.values() if within(scope, one.scope) or (below and within(one.scope, scope))
        ]

    def allows_data(self, principal: str, scope: str, actions: Sequence[str]) -> bool:
        """Whether a principal's roles at or above a scope allow all of these data actions."""
        roles = [
            self.definitions[one.role]
            for one in self.at(scope, below=False)
            if one.principal.lower() == principal.lower()
        ]
        return all(any(role.allows_data(action) for role in roles) for action in actions)
