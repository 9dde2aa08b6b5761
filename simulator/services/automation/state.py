"""What an Automation account does with what it is given."""

from __future__ import annotations

import json
import re
import uuid
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.clock import iso
from simulator.shelf import Item, Shelf, moment, read_table
from simulator.wire import ArmError, Json

if TYPE_CHECKING:
    from simulator.world import World

ACCOUNT = "Microsoft.Automation/automationAccounts"
ENVIRONMENT = f"{ACCOUNT}/runtimeEnvironments"
PACKAGE = f"{ENVIRONMENT}/packages"
RUNBOOK = f"{ACCOUNT}/runbooks"
VARIABLE = f"{ACCOUNT}/variables"
SCHEDULE = f"{ACCOUNT}/schedules"
LINK = f"{ACCOUNT}/jobSchedules"
WEBHOOK = f"{ACCOUNT}/webhooks"
TABLES = read_table(Path(__file__).parent)
SYSTEM_ENVIRONMENTS = ("PowerShell-5.1", "PowerShell-7.2", "Python-3.8", "Python-3.10")
IMPORT = timedelta(seconds=90)
"""How long the import of a package takes."""
_WHEEL = re.compile(r"/(?P<name>[^/-]+)-(?P<version>[^/-]+)-[^/]+\.whl(\?|$)")


def bad(message: str) -> ArmError:
    """400, as Automation answers it."""
    return ArmError(400, "BadRequest", message)


class AutomationState(Shelf):
    """Accounts and all that is in them; ``refused`` are names of packages whose import fails."""

    def __init__(self, world: World) -> None:
        super().__init__(world, TABLES)
        self.refused: set[str] = set()

    def write(self, resource_id: str, kind: str, body: Json) -> tuple[Item, bool]:
        """Make or change a resource by the rules of its type; the second value says whether it is new.

        Raises:
            ArmError: 400 or 409 for what Automation does not take, 404 for a parent that is not there.
        """
        known = self.find(resource_id)
        before = dict(known.properties) if known else {}
        check = {
            ENVIRONMENT: self._check_environment,
            LINK: self._check_link,
            SCHEDULE: self._check_schedule,
            VARIABLE: self._check_variable,
            WEBHOOK: self._check_webhook,
        }.get(kind)
        if check is not None:
            check(resource_id, body, known)
        item, new = self.put(resource_id, kind, body)
        now = iso(self.world.clock.now)
        item.properties.update(
            {"creationTime": before.get("creationTime", now), "lastModifiedTime": now} if kind != LINK else {}
        )
        if kind == ACCOUNT:
            self._identify(item)
        elif kind == PACKAGE:
            self._import(item)
        elif kind == RUNBOOK:
            self._keep_text(item, before)
        elif kind == WEBHOOK and not new:
            item.properties.update({name: before[name] for name in ("runbook", "uri") if name in before})
        elif kind == LINK:
            item.properties["jobScheduleId"] = item.name
        return item, new

    def _account(self, resource_id: str) -> str:
        return "/".join(resource_id.split("/")[:9])

    def _runbook(self, resource_id: str, body: Json) -> Item:
        name = ((body.get("properties") or {}).get("runbook") or {}).get("name")
        runbook = self.find(f"{self._account(resource_id)}/runbooks/{name}")
        if runbook is None:
            raise ArmError(404, "RunbookNotFound", f"The runbook '{name}' was not found.")
        if runbook.extra.get("text") is None:
            raise bad(f"The runbook '{name}' has no published version.")
        return runbook

    def _check_environment(self, _resource_id: str, body: Json, known: Item | None) -> None:
        wanted = (body.get("properties") or {}).get("runtime")
        if known is None and wanted is None:
            raise bad("The runtime's language and version are required.")
        if known is not None and wanted is not None and wanted != known.properties.get("runtime"):
            raise bad("Language and version of a runtime environment cannot be changed.")

    def _check_variable(self, _resource_id: str, body: Json, _known: Item | None) -> None:
        value = (body.get("properties") or {}).get("value")
        try:
            json.loads(value if isinstance(value, str) else "null")
        except ValueError as error:
            raise bad(f"Invalid JSON primitive: {value}.") from error

    def _check_schedule(self, _resource_id: str, body: Json, known: Item | None) -> None:
        start = moment(str((body.get("properties") or {}).get("startTime") or ""))
        if known is None and start is not None and start < self.world.clock.now + timedelta(minutes=5):
            raise bad("The start time of the schedule must be at least 5 minutes after the time you create it.")

    def _check_link(self, resource_id: str, body: Json, known: Item | None) -> None:
        if known is not None:
            raise ArmError(409, "Conflict", "A jobSchedule with same id already exists.")
        try:
            uuid.UUID(resource_id.rpartition("/")[2])
        except ValueError as error:
            raise bad("The id of a job schedule must be a GUID.") from error
        runbook = self._runbook(resource_id, body)
        name = ((body.get("properties") or {}).get("schedule") or {}).get("name")
        if self.find(f"{self._account(resource_id)}/schedules/{name}") is None:
            raise ArmError(404, "ScheduleNotFound", f"The schedule '{name}' was not found.")
        for other in self.within(f"{self._account(resource_id)}/", LINK):
            pair = other.properties["schedule"]["name"], other.properties["runbook"]["name"]
            if pair == (name, runbook.name):
                raise ArmError(409, "Conflict", "A job schedule for the specified runbook and schedule already exists.")

    def _check_webhook(self, resource_id: str, body: Json, known: Item | None) -> None:
        properties = body.get("properties") or {}
        if known is not None:
            return
        if not str(properties.get("uri") or "").startswith("https://"):
            raise bad("The webhook's uri is required; generate it first.")
        ends, now = moment(str(properties.get("expiryTime") or "")), self.world.clock.now
        if ends is None or not now < ends < now + timedelta(days=3660):
            raise bad("The webhook's expiry time must be in the future, at most ten years from now.")
        self._runbook(resource_id, body)

    def _identify(self, account: Item) -> None:
        identity = account.body.get("identity") or {}
        if "systemassigned" in str(identity.get("type", "")).lower():
            principal = account.extra.setdefault("principal", self.world.guid())
            identity.update({"principalId": principal, "tenantId": self.world.tenant})
        account.properties["state"] = "Ok"

    def _import(self, package: Item) -> None:
        uri = str(package.properties["contentLink"]["uri"])
        found = _WHEEL.search(uri)
        package.properties.update({"provisioningState": "Creating", "sizeInBytes": 0, "default": False})
        package.properties["version"] = found["version"] if found else None
        package.extra["import"] = number = package.extra.get("import", 0) + 1

        def finish() -> None:
            if package.extra["import"] != number:
                return
            fails = found is None or package.name in self.refused
            package.properties["provisioningState"] = "Failed" if fails else "Succeeded"
            message = "The package's file cannot be read." if fails else None
            package.properties["error"] = {"code": "ImportFailed", "message": message} if fails else None

        self.world.clock.call_later(IMPORT, finish)

    def _keep_text(self, runbook: Item, before: Json) -> None:
        if runbook.properties.pop("publishContentLink", None) is not None:
            runbook.extra["text"] = runbook.extra.get("text") or "# from a link\n"
        runbook.properties.pop("draft", None)
        known = runbook.extra.get("text") is not None
        runbook.properties["state"] = "Published" if known else before.get("state", "New")

    def upload(self, runbook: Item, text: str) -> None:
        """Take a draft."""
        runbook.extra["draft"] = text
        runbook.properties["state"] = "New" if runbook.extra.get("text") is None else "Edit"

    def publish(self, runbook: Item) -> None:
        """Publish the draft.

        Raises:
            ArmError: 400 when there is none.
        """
        if runbook.extra.get("draft") is None:
            raise bad(f"The runbook '{runbook.name}' has no draft.")
        runbook.extra["text"] = runbook.extra.pop("draft")
        runbook.properties["state"] = "Published"
