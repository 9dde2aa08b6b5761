"""The tables of storage accounts; the accounts themselves are in the inventory."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.services.inventory.state import STORAGE, Resource
from simulator.shelf import Item, Shelf, faults_of, read_table
from simulator.wire import ArmError, Json

if TYPE_CHECKING:
    from simulator.operations import Operation
    from simulator.world import World

TABLE = f"{STORAGE}/tableServices/tables"
TABLES = read_table(Path(__file__).parent)
CREATION = timedelta(seconds=25)
_ACCOUNT_NAME = re.compile(r"[a-z0-9]{3,24}")
_TABLE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{2,62}")


class StorageState(Shelf):
    """Tables by lower-case id."""

    def __init__(self, world: World) -> None:
        super().__init__(world, TABLES)

    def write_account(self, group: str, name: str, body: Json) -> tuple[Resource, Operation | None]:
        """Make or change an account; a new one takes a moment, which the operation tells.

        Raises:
            ArmError: 400 for a name or properties that Storage does not take.
        """
        faults = list(faults_of(body, self.tables[STORAGE]))
        if faults or not _ACCOUNT_NAME.fullmatch(name):
            reason = "; ".join(faults) or f"{name} is not a valid storage account name"
            raise ArmError(400, "AccountNameInvalid" if not faults else "InvalidRequestContent", f"{reason}.")
        home = self.world.resources.require_group(group)
        known = self.world.inventory.find(f"{self.world.resources.group_id(home.name)}/providers/{STORAGE}/{name}")
        properties = {**(known.properties if known else {}), **(body.get("properties") or {})}
        resource = self.world.inventory.add(
            STORAGE,
            home.name,
            name,
            {**properties, "provisioningState": "Succeeded" if known else "Creating"},
            location=str(body["location"]),
            tags=body.get("tags"),
            sku=body["sku"],
            wire_kind=body["kind"],
        )
        if known is not None:
            return resource, None

        def finish() -> str:
            resource.properties["provisioningState"] = "Succeeded"
            return resource.id

        return resource, self.world.operations.start("storageAccounts/write", CREATION, finish)

    def write_table(self, account: Resource, name: str, body: Json) -> tuple[Item, bool]:
        """Make a table; the second value says whether it is new.

        Raises:
            ArmError: 400 for a name that no table may have.
        """
        if not _TABLE_NAME.fullmatch(name):
            raise ArmError(400, "InvalidResourceName", f"The table name '{name}' is not valid.")
        item, new = self.put(f"{account.id}/tableServices/default/tables/{name}", TABLE, body)
        item.properties["tableName"] = item.name
        return item, new
