"""The rules of action groups and alert processing rules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from simulator.shelf import Item, Shelf, read_table
from simulator.wire import ArmError, Json

if TYPE_CHECKING:
    from simulator.world import World

GROUP = "Microsoft.Insights/actionGroups"
RULE = "Microsoft.AlertsManagement/actionRules"
TABLES = read_table(Path(__file__).parent)
LONGEST_SHORT_NAME, MOST_WEBHOOKS = 12, 10


class MonitorState(Shelf):
    """Action groups and alert processing rules."""

    def __init__(self, world: World) -> None:
        super().__init__(world, TABLES)

    def write(self, resource_id: str, kind: str, body: Json) -> tuple[Item, bool]:
        """Make or change one; the second value says whether it is new.

        Raises:
            ArmError: 400 for what Azure Monitor does not take, 404 for an action group that is not there.
        """
        properties = body.get("properties") or {}
        if kind == GROUP:
            self._check_group(properties)
        else:
            self._check_rule(properties)
        return self.put(resource_id, kind, body)

    def _check_group(self, properties: Json) -> None:
        if len(str(properties.get("groupShortName") or "")) > LONGEST_SHORT_NAME:
            raise ArmError(400, "BadRequest", "The short name of an action group has at most 12 characters.")
        hooks = properties.get("webhookReceivers") or []
        names = [str(one.get("name")).lower() for one in hooks]
        if len(hooks) > MOST_WEBHOOKS or len(set(names)) < len(names):
            raise ArmError(400, "BadRequest", "An action group has at most 10 webhooks, each with a name of its own.")

    def _check_rule(self, properties: Json) -> None:
        home = f"/subscriptions/{self.world.subscription}"
        for scope in properties.get("scopes") or []:
            if scope.lower() != home and not scope.lower().startswith(f"{home}/"):
                raise ArmError(400, "BadRequest", f"The scope '{scope}' is in another subscription.")
        for action in properties.get("actions") or []:
            for group in action.get("actionGroupIds") or []:
                self.require(group, GROUP)
