"""What the documents cannot judge, and where they are known to differ from the Azure of today: data, with reasons.

The documents are of August 2024; today's SDKs are newer. ``ADDED`` holds what the SDK's models have gained since
(a test compares it with the installed SDK) and what the documents have wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_TEXT = {"type": "string"}
_OBJECT = {"type": "object"}
_WHOLE = {"type": "integer"}
_TABLE_OR_ROWS = {"type": ["array", "object"]}

ADDED: dict[str, dict[str, Any]] = {
    # Properties that the api-versions of 2026 have (azure-api.md 2.0).
    "bms.json#AzureIaaSVMProtectedItem": {"existingBasicVMProtection": _TEXT, "policyType": _TEXT},
    "bms.json#ProtectedItem": {"sourceLocation": _TEXT, "sourceSideScanInfo": _OBJECT},
    "bms.json#AzureIaaSVMProtectionPolicy": {
        "instantAccessSnapshotEnabled": {"type": "boolean"},
        "instantAccessDurationMinutes": _WHOLE,
    },
    "bms.json#IaasVMRecoveryPoint": {"dataDiskMetadata": _OBJECT},
    "bms.json#RecoveryPoint": {"threatInfo": {"type": "array"}, "threatStatus": _TEXT},
    "bms.json#RecoveryPointProperties": {"immutabilityProperties": _OBJECT},
    "bms.json#ProtectionContainer": {"sourceLocation": _TEXT},
    "bms.json#Resource": {"systemData": _OBJECT},
    "vaults.json#Resource": {"systemData": _OBJECT},
    "vaults.json#VaultProperties": {"costManagementSettings": _OBJECT, "regionOfChoiceSettings": _OBJECT},
    "restorePoint.json#RestorePointCollectionProperties": {"instantAccess": {"type": "boolean"}},
    "restorePoint.json#RestorePointProperties": {"instantAccessDurationMinutes": _WHOLE},
    "restorePoint.json#DiskRestorePointInstanceView": {"snapshotAccessState": _TEXT},
    "computeRPCommon.json#ProxyResource": {"systemData": _OBJECT},
    "common.json#Resource": {"systemData": _OBJECT},
    # resultFormat objectArray answers rows, as Microsoft's own examples show; the document knows tables only.
    "resourcegraph.json#QueryResponse": {"data": _TABLE_OR_ROWS},
    "resourcegraph.json#FacetResult": {"data": _TABLE_OR_ROWS},
    # Real ARM answers a count in GET /subscriptions (README of the documents).
    "subscriptions.json#SubscriptionListResult": {"count": _OBJECT},
}

SENT: dict[str, dict[str, Any]] = {
    # The Azure CLI sends the LUNs as it got them on its command line.
    "bms.json#DiskExclusionProperties": {
        "diskLunList": {"type": "array", "items": {"type": ["integer", "string"], "pattern": "^[0-9]+$"}}
    },
}
"""What Microsoft's own clients send otherwise than the documents say."""

NOT_REQUIRED: dict[str, set[str]] = {
    # Real ARM leaves nextLink out of a list that fits on one page (README of the documents).
    "subscriptions.json#SubscriptionListResult": {"nextLink"},
    "subscriptions.json#TenantListResult": {"nextLink"},
}

OPEN_ENUMS = {
    # Sizes and network api-versions of today; even Microsoft's own examples go beyond these lists.
    "VirtualMachineSizeTypes",
    "NetworkApiVersion",
}

STATUSES: dict[tuple[str, int], dict[str, Any]] = {
    # Became a long-running operation after 2024 (azure-api.md 2.0).
    ("ProtectionPolicies_Delete", 202): {},
}

QUERY: dict[str, set[str]] = {}
"""Query parameters, in lower case, that the documents of 2024 lack; by operation."""

WITH_SLASHES = {"scope"}
"""Path parameters that hold a whole path, though the documents forget to say so (azure-api.md 2.6)."""

SAME_AS: dict[str, str] = {
    # New after 2024 (azure-api.md 2.0): the refresh's status, in the same form as every backup operation's.
    "/subscriptions/{subscriptionId}/resourceGroups/{resourceGroupName}/providers/Microsoft.RecoveryServices/vaults"
    "/{vaultName}/backupFabrics/{fabricName}/operationsStatus/{operationId}": "BackupOperationStatuses_Get",
}
"""Operations that have no document of their own, and the documented one whose twin they are."""


_TIME = {"type": "string", "format": "date-time"}
_TAGS = {"type": "object", "additionalProperties": _TEXT}
_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {
        "code": _TEXT,
        "message": _TEXT,
        "target": _TEXT,
        "details": {"type": "array", "items": _OBJECT},
        "innererror": _OBJECT,
        "additionalInfo": {"type": "array", "items": _OBJECT},
    },
}

ARM_ERROR: dict[str, Any] = {"type": "object", "required": ["error"], "properties": {"error": _ERROR}}
"""ARM's error body (azure-api.md 2.1), for operations whose document names none."""

_STATUS: dict[str, Any] = {
    "type": "object",
    "required": ["status"],
    "properties": {
        "id": _TEXT,
        "name": _TEXT,
        "status": _TEXT,
        "startTime": _TIME,
        "endTime": _TIME,
        "percentComplete": {"type": "number"},
        "properties": _OBJECT,
        "error": _ERROR,
    },
}
_GROUP: dict[str, Any] = {
    "type": "object",
    "required": ["id", "name", "type", "location", "properties"],
    "properties": {
        "id": {"type": "string", "format": "arm-id"},
        "name": _TEXT,
        "type": {"type": "string", "enum": ["Microsoft.Resources/resourceGroups"]},
        "location": _TEXT,
        "managedBy": _TEXT,
        "tags": _TAGS,
        "systemData": _OBJECT,
        "properties": {"type": "object", "properties": {"provisioningState": _TEXT}},
    },
}
_RESOURCE: dict[str, Any] = {
    "type": "object",
    "required": ["id", "name", "type"],
    "properties": {
        **dict.fromkeys(("id", "name", "type", "location", "kind", "managedBy", "provisioningState"), _TEXT),
        **dict.fromkeys(("sku", "plan", "identity", "properties", "extendedLocation", "systemData"), _OBJECT),
        **dict.fromkeys(("createdTime", "changedTime"), _TIME),
        "tags": _TAGS,
    },
}
_PROVIDER: dict[str, Any] = {
    "type": "object",
    "required": ["id", "namespace", "registrationState"],
    "properties": {
        **dict.fromkeys(("id", "namespace", "registrationState", "registrationPolicy"), _TEXT),
        "providerAuthorizationConsentState": _TEXT,
        "resourceTypes": {"type": "array", "items": _OBJECT},
    },
}
_TAGS_RESOURCE: dict[str, Any] = {
    "type": "object",
    "required": ["id", "name", "type", "properties"],
    "properties": {
        "id": {"type": "string", "format": "arm-id"},
        "name": {"type": "string", "enum": ["default"]},
        "type": {"type": "string", "enum": ["Microsoft.Resources/tags"]},
        "properties": {"type": "object", "required": ["tags"], "properties": {"tags": _TAGS}},
    },
}
_PERMISSION: dict[str, Any] = {
    "type": "object",
    "properties": {
        name: {"type": "array", "items": _TEXT} for name in ("actions", "notActions", "dataActions", "notDataActions")
    },
}


def _list_of(one: dict[str, Any]) -> dict[str, Any]:
    properties = {"value": {"type": "array", "items": one}, "nextLink": _TEXT}
    return {"type": "object", "required": ["value"], "properties": properties}


@dataclass(frozen=True)
class Unjudged:
    """Traffic that no document on disk describes.

    ``arm``: at least its errors have ARM's form. ``shape``: at least a success has the shape of today's SDK's model.
    """

    pattern: str
    """Searched in ``METHOD /path?query``, without regard to case."""
    what: str
    why: str
    arm: bool = True
    shape: dict[str, Any] | None = None


_ANY = r"^[A-Z]+ /subscriptions/[^/?]+"
_NO_RESOURCES = "resources.json is not on disk; judged by the SDK's model only"
UNJUDGED = (
    Unjudged(r"^GET /(msi/token|metadata/identity/)", "managed identity's tokens", "no ARM service", arm=False),
    Unjudged(r"^GET /metadata/endpoints", "ARM's metadata of the cloud", "not documented", arm=False),
    Unjudged(
        r"/providers/Microsoft\.Compute/locations/[^/]+/operations/[^?]+\?(?!.*\bmonitor=)",
        "Compute's operation status",
        "the documents leave it to ARM; judged by ARM's rules for long-running operations",
        shape=_STATUS,
    ),
    Unjudged(
        r"/providers/Microsoft\.Compute/locations/[^/]+/operations/[^?]+\?.*\bmonitor=",
        "Compute's operation results",
        "the documents leave the address to ARM; judged as results of the operation that began them",
    ),
    Unjudged(rf"{_ANY}/operationresults/", "ARM's own operation results", "resources.json is not on disk"),
    Unjudged(rf"{_ANY}/resourcegroups/[^/?]+/?(\?|$)", "resource groups", _NO_RESOURCES, shape=_GROUP),
    Unjudged(rf"{_ANY}/resourcegroups/?(\?|$)", "lists of resource groups", _NO_RESOURCES, shape=_list_of(_GROUP)),
    Unjudged(
        rf"{_ANY}(/resourcegroups/[^/?]+)?/resources/?(\?|$)",
        "lists of resources",
        _NO_RESOURCES,
        shape=_list_of(_RESOURCE),
    ),
    Unjudged(rf"{_ANY}/providers/[^/?]+(/register)?/?(\?|$)", "providers", _NO_RESOURCES, shape=_PROVIDER),
    Unjudged(rf"{_ANY}/providers/?(\?|$)", "lists of providers", _NO_RESOURCES, shape=_list_of(_PROVIDER)),
    Unjudged(r"/providers/Microsoft\.Resources/tags/default\b", "tags", _NO_RESOURCES, shape=_TAGS_RESOURCE),
    Unjudged(
        r"/providers/Microsoft\.Authorization/permissions\b",
        "permissions",
        "Microsoft.Authorization 2022-04-01 is not on disk; judged by the SDK's model only",
        shape=_list_of(_PERMISSION),
    ),
    Unjudged(
        r"/providers/Microsoft\.Authorization/(roleAssignments|roleDefinitions|denyAssignments)\b",
        "roles",
        "Microsoft.Authorization 2022-04-01 is not on disk; used with the Azure CLI",
    ),
    Unjudged(
        r"/providers/Microsoft\.Authorization/policy(Assignments|Definitions)\b",
        "policies",
        "the documents of Azure Policy are not on disk",
    ),
    Unjudged(r"/providers/Microsoft\.KeyVault/", "Key Vault", "keyvault.json is not on disk; used with the Azure CLI"),
    Unjudged(
        r"/providers/Microsoft\.Network/", "Network", "network documents are not on disk; used with the Azure CLI"
    ),
    Unjudged(
        r"/providers/Microsoft\.Compute/(disks|snapshots|diskEncryptionSets|locations/[^/]+/diskOperations)\b",
        "disks",
        "disk.json is not on disk; used with the Azure CLI",
    ),
    Unjudged(
        r"/providers/Microsoft\.Storage/", "storage accounts", "storage.json is not on disk; used with SDK and CLI"
    ),
    Unjudged(
        r"/providers/Microsoft\.Automation/",
        "Azure Automation",
        "the documents of Automation are not on disk; held against the SDK's models (tests/deploy)",
    ),
    Unjudged(
        r"/providers/(Microsoft\.Insights/actionGroups|Microsoft\.AlertsManagement/actionRules)\b",
        "action groups and alert processing rules",
        "the documents of Azure Monitor are not on disk; judged by the SDK's models only",
    ),
    Unjudged(r"/providers/Microsoft\.SqlVirtualMachine/", "SQL machines", "sqlvm.json is not on disk"),
    Unjudged(
        r"/providers/Microsoft\.Insights/(metrics|eventtypes)\b",
        "metrics and the activity log",
        "the documents of Azure Monitor are not on disk; used with the Azure CLI",
    ),
    Unjudged(
        r"/providers/Microsoft\.ResourceHealth/", "resource health", "the documents of Resource Health are not on disk"
    ),
)

ARM_HEADERS = ("x-ms-request-id", "x-ms-correlation-request-id", "date")
"""On every answer of ARM (azure-api.md 2.1)."""
