"""Every write of a deployment: as :mod:`arm.writes`, one operation of Microsoft's SDK each, with its permission.

They are not among the writes of a repair, so no runbook can plan one and no runbook's role contains one.
"""

from __future__ import annotations

from functools import cache
from typing import Any, cast

from arm.errors import UsageError
from arm.ids import parse
from arm.session import Json, Session
from arm.writes import WriteOperation

ACCOUNT = "Microsoft.Automation/automationAccounts"
ENVIRONMENT = f"{ACCOUNT}/runtimeEnvironments"
PACKAGE = f"{ENVIRONMENT}/packages"
RUNBOOK = f"{ACCOUNT}/runbooks"
VARIABLE = f"{ACCOUNT}/variables"
SCHEDULE = f"{ACCOUNT}/schedules"
LINK = f"{ACCOUNT}/jobSchedules"
WEBHOOK = f"{ACCOUNT}/webhooks"
STORAGE = "Microsoft.Storage/storageAccounts"
TABLE = f"{STORAGE}/tableServices/tables"
GROUP = "Microsoft.Insights/actionGroups"
RULE = "Microsoft.AlertsManagement/actionRules"
ROLE = "Microsoft.Authorization/roleDefinitions"
ASSIGNMENT = "Microsoft.Authorization/roleAssignments"
_AUTOMATION = "2024-10-23"
VERSIONS = {
    **dict.fromkeys((ACCOUNT, ENVIRONMENT, PACKAGE, RUNBOOK, VARIABLE, SCHEDULE, LINK, WEBHOOK), _AUTOMATION),
    **dict.fromkeys((STORAGE, TABLE), "2023-05-01"),
    **dict.fromkeys((ROLE, ASSIGNMENT), "2022-04-01"),
    GROUP: "2023-01-01",
    RULE: "2021-08-08",
}
"""The types that a deployment writes, each with its api-version."""


@cache
def put(kind: str) -> WriteOperation:
    """Return the write that makes or changes a resource of a type."""
    version = VERSIONS[kind]

    def send_it(session: Session, target: str, body: Json, options: Json) -> Any:
        resources = session.resource(target.split("/")[2]).resources
        return resources.begin_create_or_update_by_id(
            target.strip("/"), cast("Any", body), api_version=version, polling=False, **options
        )

    return WriteOperation(f"put {kind}", "PUT", "", (f"{kind}/write",), send_it)


@cache
def delete(kind: str) -> WriteOperation:
    """Return the write that deletes a resource of a type."""
    version = VERSIONS[kind]

    def send_it(session: Session, target: str, _body: Json, options: Json) -> Any:
        resources = session.resource(target.split("/")[2]).resources
        return resources.begin_delete_by_id(target.strip("/"), api_version=version, polling=False, **options)

    return WriteOperation(f"delete {kind}", "DELETE", "", (f"{kind}/delete",), send_it)


def automation(session: Session, target: str) -> Any:
    """Return the SDK's Automation client for the subscription of a resource.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return session.automation(target.split("/")[2])
    except ImportError as error:
        raise UsageError(
            f"{error.name} is not installed; only a deployment needs it",
            "Install it: pip install 'azure-backup-remediation[deploy]'.",
        ) from error


def _upload(session: Session, runbook_id: str, body: Json, options: Json) -> Any:
    parsed = parse(runbook_id)
    drafts = automation(session, runbook_id).runbook_draft
    return drafts.begin_replace_content(
        parsed.resource_group, *parsed.names, str(body["text"]), polling=False, **options
    )


def _publish(session: Session, runbook_id: str, _body: Json, options: Json) -> Any:
    parsed = parse(runbook_id)
    runbooks = automation(session, runbook_id).runbook
    return runbooks.begin_publish(parsed.resource_group, *parsed.names, polling=False, **options)


UPLOAD = WriteOperation("upload draft", "PUT", "/draft/content", (f"{RUNBOOK}/draft/content/write",), _upload)
PUBLISH = WriteOperation("publish", "POST", "/publish", (f"{RUNBOOK}/publish/action",), _publish)


def generate_uri(kept: list[str]) -> WriteOperation:
    """Return the write that makes an address for a webhook; the address is put into ``kept`` and nowhere else."""

    def send_it(session: Session, account_id: str, _body: Json, options: Json) -> Any:
        parsed = parse(account_id)
        webhooks = automation(session, account_id).webhook
        answer = webhooks.generate_uri(parsed.resource_group, *parsed.names, **options)
        kept.append(str(answer).strip().strip('"'))  # the SDK hands out the raw text, quotes and all
        return answer

    return WriteOperation("generate webhook address", "POST", "/webhooks/generateUri", (f"{WEBHOOK}/action",), send_it)
