"""Path templates of Azure Automation."""

from __future__ import annotations

from simulator.routes import Route

from . import handlers
from .state import ACCOUNT, ENVIRONMENT, LINK, PACKAGE, RUNBOOK, SCHEDULE, VARIABLE, WEBHOOK

_G = "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}"
_A = f"{_G}/providers/{ACCOUNT}/{{automationAccountName}}"
_RUNBOOK = f"{_A}/runbooks/{{runbookName}}"
_PATHS = {
    ACCOUNT: _A,
    ENVIRONMENT: f"{_A}/runtimeEnvironments/{{runtimeEnvironmentName}}",
    PACKAGE: f"{_A}/runtimeEnvironments/{{runtimeEnvironmentName}}/packages/{{packageName}}",
    RUNBOOK: _RUNBOOK,
    VARIABLE: f"{_A}/variables/{{variableName}}",
    SCHEDULE: f"{_A}/schedules/{{scheduleName}}",
    LINK: f"{_A}/jobSchedules/{{jobScheduleId}}",
    WEBHOOK: f"{_A}/webhooks/{{webhookName}}",
}
_LISTED = (ENVIRONMENT, RUNBOOK, VARIABLE, SCHEDULE, LINK, WEBHOOK)
_EMPTY = ("credentials", "connections", "certificates", "modules")


def _of_type(kind: str) -> tuple[Route, ...]:
    path = _PATHS[kind]
    return (
        Route("GET", path, handlers.getter(kind), f"{kind}/read"),
        Route("PUT", path, handlers.putter(kind), f"{kind}/write", write=True),
        Route("DELETE", path, handlers.deleter(kind), f"{kind}/delete", write=True),
    )


ROUTES: tuple[Route, ...] = (
    Route(
        "POST", f"{_A}/webhooks/generateUri", handlers.generate_uri, f"{WEBHOOK}/action", write=True, lock_checked=False
    ),
    Route("GET", f"{_G}/providers/{ACCOUNT}", handlers.list_accounts, f"{ACCOUNT}/read"),
    *(route for kind in _PATHS for route in _of_type(kind)),
    *(Route("GET", f"{_A}/{kind.rpartition('/')[2]}", handlers.lister(kind), f"{kind}/read") for kind in _LISTED),
    *(Route("GET", f"{_A}/{name}", handlers.nothing, f"{ACCOUNT}/{name}/read") for name in _EMPTY),
    Route("GET", f"{_RUNBOOK}/content", handlers.text("text"), f"{RUNBOOK}/content/read"),
    Route("GET", f"{_RUNBOOK}/draft/content", handlers.text("draft"), f"{RUNBOOK}/draft/content/read"),
    Route("PUT", f"{_RUNBOOK}/draft/content", handlers.put_draft, f"{RUNBOOK}/draft/content/write", write=True),
    Route("POST", f"{_RUNBOOK}/publish", handlers.publish, f"{RUNBOOK}/publish/action", write=True),
    Route(
        "GET",
        "/subscriptions/{subscriptionId}/providers/Microsoft.Automation/locations/{location}/operationResults/{operationId}",
        handlers.operation_result,
        "Microsoft.Automation/locations/operationResults/read",
    ),
)
