"""Policy definitions and assignments: what may not be created where. They are shown, not enforced on requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator.wire import Json

from .scopes import within

if TYPE_CHECKING:
    from simulator.world import World

DEFINITIONS = "Microsoft.Authorization/policyDefinitions"
ASSIGNMENTS = "Microsoft.Authorization/policyAssignments"


@dataclass
class PolicyDefinition:
    """A rule; ``rule`` is as in Azure: ``{"if": ..., "then": {"effect": "deny"}}``."""

    id: str
    name: str
    title: str
    rule: Json


@dataclass
class PolicyAssignment:
    """A rule in force at a scope; ``enforced`` is False for enforcement mode DoNotEnforce."""

    scope: str
    name: str
    definition: str
    title: str
    enforced: bool = True
    not_scopes: list[str] = field(default_factory=list)
    parameters: Json = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The full resource id."""
        return f"{self.scope}/providers/{ASSIGNMENTS}/{self.name}"


class Policies:
    """All definitions and assignments by lower-case id."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.definitions: dict[str, PolicyDefinition] = {}
        self.assignments: dict[str, PolicyAssignment] = {}

    def deny(self, name: str, title: str, condition: Json, scope: str) -> PolicyAssignment:
        """Define a policy that denies what meets a condition, and assign it at a scope."""
        definition_id = f"/subscriptions/{self._world.subscription}/providers/{DEFINITIONS}/{name}"
        rule = {"if": condition, "then": {"effect": "deny"}}
        self.definitions[definition_id.lower()] = PolicyDefinition(definition_id, name, title, rule)
        assignment = PolicyAssignment(scope.rstrip("/"), name, definition_id, title)
        self.assignments[assignment.id.lower()] = assignment
        return assignment

    def at(self, scope: str, *, below: bool) -> list[PolicyAssignment]:
        """Return the assignments at or above a scope, and those below it where asked."""
        return [
            one for one in self.assignments.values() if within(scope, one.scope) or (below and within(one.scope, scope))
        ]

    def in_force(self, name: str, scope: str) -> bool:
        """Say whether an assignment of this name applies to a scope and is enforced."""
        return any(
            one.name == name and one.enforced and not any(within(scope, hole) for hole in one.not_scopes)
            for one in self.at(scope, below=False)
        )
