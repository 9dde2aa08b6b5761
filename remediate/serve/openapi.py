"""What ``/openapi.json`` says."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ..alerts.reading import MAX_BYTES
from ..alerts.resolve import Result

ID = "^[0-9a-f]{32}$"
PROBLEM = "application/problem+json"


def _text(**more: Any) -> dict[str, Any]:
    return {"type": "string", **more}


def _or_null(kind: str) -> dict[str, Any]:
    return {"type": [kind, "null"]}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _answer(description: str, schema: str, kind: str = "application/json") -> dict[str, Any]:
    return {"description": description, "content": {kind: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}


def _problem(description: str) -> dict[str, Any]:
    return _answer(description, "Problem", PROBLEM)


def _headed(answer: dict[str, Any], name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {**answer, "headers": {name: {"required": True, "schema": schema}}}


_SCHEMAS = {
    "Problem": _object(
        {"type": _text(), "title": _text(), "status": {"type": "integer"}, "detail": _text(), "code": _text()}
    ),
    "Outcome": _object(
        {
            "result": _text(enum=[one.value for one in Result]),
            "why": _text(),
            "reason": _text(),
            "next_step": _text(),
            "exit_code": {"type": "integer"},
            "vm_id": _or_null("string"),
            "job": _or_null("string"),
            "error": _or_null("string"),
            "verdict": _or_null("string"),
            "run": _or_null("string"),
        }
    ),
    "Run": _object(
        {
            "id": _text(),
            "runbook": _text(),
            "vm_id": _text(),
            "status": _text(enum=["open", "closed"]),
            "verdict": _text(),
            "reason": _text(),
            "started_at": _text(format="date-time"),
            "next_check_at": _or_null("string"),
        }
    ),
    "Delivery": _object(
        {
            "id": _text(pattern=ID),
            "url": _text(),
            "status": _text(enum=["queued", "working", "waiting", "done", "ignored"]),
            "mode": _text(enum=["plan", "repair"]),
            "received_at": _or_null("string"),
            "attempts": {"type": "integer", "minimum": 0},
            "alerts": {"type": "array", "items": {"$ref": "#/components/schemas/Outcome"}},
            "runs": {"type": "array", "items": {"$ref": "#/components/schemas/Run"}},
        }
    ),
    "Health": _object({"status": _text(enum=["alive"])}),
    "Ready": _object(
        {
            "ready": {"type": "boolean"},
            "mode": _text(enum=["plan", "repair"]),
            "frozen": _or_null("boolean"),
            "journal": _text(),
            "azure": _text(),
        }
    ),
}

_ANY_ERROR = {"503": _problem("Too busy, stopping, or the journal or the sign-in cannot be used: send it again.")}
_WHO = {"401": _headed(_problem("The request does not say who sent it."), "WWW-Authenticate", _text())}

_GROUP = "/subscriptions/00000000-0000-4000-8000-000000000000/resourceGroups/rg-web"
_VM = f"{_GROUP}/providers/Microsoft.Compute/virtualMachines/web-01"
_EXAMPLES = {
    "failed backup": {
        "value": {
            "schemaId": "azureMonitorCommonAlertSchema",
            "data": {
                "essentials": {
                    "alertRule": "Backup Failure",
                    "severity": "Sev1",
                    "monitorCondition": "Fired",
                    "monitoringService": "Azure Backup",
                    "firedDateTime": "2026-03-02T02:11:03Z",
                },
                "alertContext": {"category": "Jobs", "linkedResourceId": _VM},
            },
        }
    }
}

_ALERTS = {
    "post": {
        "operationId": "deliver",
        "summary": "Deliver an alert",
        "description": "An alert in any shape of docs/alerts.md. What it says is read again from Azure. The same bytes "
        "are taken once; a failed backup is repaired once, by however many alerts it is told of.",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"type": ["object", "array"]}, "examples": _EXAMPLES}},
        },
        "responses": {
            "200": _answer("It asks for no repair, on purpose: resolved, a test, about something else.", "Delivery"),
            "202": _headed(_answer("It is on disk, and will be dealt with.", "Delivery"), "Location", _text()),
            **_WHO,
            "400": _problem("It is no alert, or one that somebody has to look at."),
            "408": _problem("The body did not come in time."),
            "413": _problem(f"The body has {MAX_BYTES} bytes or more."),
            "415": _problem("The body is not application/json."),
            **_ANY_ERROR,
        },
    }
}

_RUNS = {
    "get": {
        "operationId": "status",
        "summary": "What became of a delivery, or of a run",
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": _text(pattern=ID)}],
        "responses": {
            "200": _answer("What is known.", "Delivery"),
            **_WHO,
            "404": _problem("There is no such delivery or run."),
            **_ANY_ERROR,
        },
    }
}


def _open(operation: str, summary: str, responses: dict[str, Any]) -> dict[str, Any]:
    return {"get": {"operationId": operation, "summary": summary, "security": [], "responses": responses}}


_SCHEMES = {
    "entra": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "secret": {"type": "apiKey", "in": "header", "name": "X-Remediate-Secret"},
}


def document(names: Sequence[str]) -> dict[str, Any]:
    """Return the OpenAPI document.

    Args:
        names: the ways in which a sender may say who it is: ``entra``, ``secret``.
    """
    metrics = {"description": "Prometheus' text format.", "content": {"text/plain": {"schema": _text()}}}
    itself = {"description": "This document.", "content": {"application/json": {"schema": {"type": "object"}}}}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "azure-backup-remediation",
            "version": product_version(),
            "description": "Takes alerts about failed Azure VM backups, and repairs the VMs.",
        },
        "paths": {
            "/alerts": _ALERTS,
            "/runs/{id}": _RUNS,
            "/healthz": _open("health", "Is the process alive?", {"200": _answer("It is.", "Health")}),
            "/readyz": _open(
                "readiness",
                "Can alerts be dealt with?",
                {"200": _answer("They can.", "Ready"), "503": _answer("They cannot.", "Ready")},
            ),
            "/metrics": _open("metrics", "Counters and gauges", {"200": metrics}),
            "/openapi.json": _open("openapi", "This document", {"200": itself}),
        },
        "security": [{one: []} for one in names],
        "components": {"schemas": _SCHEMAS, "securitySchemes": {one: _SCHEMES[one] for one in names}},
    }


def product_version() -> str:
    """Return the version that is installed."""
    try:
        return version("azure-backup-remediation")
    except PackageNotFoundError:
        return "0"
