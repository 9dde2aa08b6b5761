"""Alerts in every shape, about whichever machine: the field names are Azure's, the ids are ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

SUBSCRIPTION = "22222222-2222-4222-8222-222222222222"
FIRED = "2026-03-02T02:11:03.1234567Z"


@dataclass(frozen=True)
class Failure:
    """A failed backup, as alerts tell of it."""

    vm: str = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-web/providers/Microsoft.Compute/virtualMachines/web-01"
    vault: str = (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-web/providers/Microsoft.RecoveryServices/vaults/vault-weu"
    )
    job: str = "9a27d858-88c1-42ad-afbf-c19ee8f6cf32"
    code: str = "UserErrorRpCollectionLimitReached"
    fired: str = FIRED
    rule: str = "Backup Failure"

    @property
    def name(self) -> str:
        return self.vm.rpartition("/")[2]

    @property
    def container(self) -> str:
        return f"iaasvmcontainerv2;{self.vm.split('/')[4]};{self.name}"

    @property
    def item(self) -> str:
        path = "backupFabrics/Azure/protectionContainers"
        return f"{self.vault}/{path}/IaasVMContainer;{self.container}/protectedItems/VM;{self.container}"

    @property
    def job_id(self) -> str:
        return f"{self.vault}/backupJobs/{self.job}"


OURS = Failure()


def common(service: str, failure: Failure, context: Any, **essentials: Any) -> dict[str, Any]:
    """The common alert schema around a context."""
    head = {
        "alertId": f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.AlertsManagement/alerts/{failure.job}",
        "alertRule": failure.rule,
        "severity": "Sev1",
        "signalType": "Log",
        "monitorCondition": "Fired",
        "monitoringService": service,
        "alertTargetIDs": [failure.vault.lower()],
        "configurationItems": [failure.vault.rpartition("/")[2]],
        "originAlertId": "2516288980568183371_0_1",
        "firedDateTime": failure.fired,
        "description": "Der VM-Agent antwortet nicht.",
        "essentialsVersion": "1.0",
        "alertContextVersion": "1.0",
        **essentials,
    }
    data = {"essentials": head, "alertContext": context, "customProperties": None}
    return {"schemaId": "azureMonitorCommonAlertSchema", "data": data}


def backup_context(failure: Failure, **changed: Any) -> dict[str, Any]:
    return {
        "category": "Jobs",
        "sourceId": failure.vm,
        "sourceType": "VM",
        "extendedInfo": {"jobId": failure.job, "possibleCauses": None, "occurrenceCount": 1},
        "affectedItems": failure.vm,
        "protectedItemId": failure.item,
        "linkedResourceId": failure.vm,
        "linkedResourceName": failure.name,
        "alertVersionNumber": "V2020_10",
        **changed,
    }


def built_in(failure: Failure = OURS) -> dict[str, Any]:
    return common("Azure Backup", failure, backup_context(failure))


def pairs(**named: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in named.items()]


def health(failure: Failure) -> dict[str, Any]:
    dimensions = pairs(
        dataSourceURL=failure.vm,
        backupInstanceUrl=failure.item,
        dataSourceType="Microsoft.Compute/virtualMachines",
        healthStatus="Persistent Degraded",
        backupInstanceName=f"{failure.container};{failure.name}",
    )
    condition = {"metricName": "BackupHealthEvent", "dimensions": dimensions, "metricValue": 1}
    return {"conditionType": "MultipleResourceMultipleMetricCriteria", "condition": {"allOf": [condition]}}


def metric(failure: Failure = OURS) -> dict[str, Any]:
    return common("Platform", replace(failure, rule="vm-backup-unhealthy"), health(failure), signalType="Metric")


QUERY = 'AddonAzureBackupJobs | where JobOperation == "Backup" and JobStatus == "Failed"'


def log_v2(failure: Failure = OURS) -> dict[str, Any]:
    dimensions = pairs(
        JobFailureCode=failure.code,
        JobUniqueId=failure.job,
        DatasourceResourceId=failure.vm,
        BackupItemUniqueId=f"westeurope;123456;{failure.container}",
        ResourceId=failure.vault.upper(),
    )
    condition = {"searchQuery": QUERY, "dimensions": dimensions, "metricValue": 1.0}
    context = {"conditionType": "LogQueryCriteria", "condition": {"allOf": [condition]}}
    workspace = (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-mon/providers/microsoft.operationalinsights/workspaces/w"
    )
    return common("Log Alerts V2", failure, context, alertTargetIDs=[workspace])


def results(failure: Failure) -> dict[str, Any]:
    row = {
        "TimeGenerated": "2026-03-02T02:06:00Z",
        "JobUniqueId": failure.job,
        "JobFailureCode": failure.code,
        "DatasourceResourceId": failure.vm,
        "ResourceId": failure.vault,
    }
    columns = [{"name": name, "type": "string"} for name in row]
    return {"tables": [{"name": "PrimaryResult", "columns": columns, "rows": [list(row.values())]}]}


def log_v1(failure: Failure = OURS) -> dict[str, Any]:
    return common("Log Analytics", failure, {"SearchQuery": QUERY, "SearchResults": results(failure)})


def plain_metric(failure: Failure = OURS) -> dict[str, Any]:
    rule = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-mon/providers/microsoft.insights/metricAlerts/r"
    context = {"timestamp": failure.fired, "id": rule, "name": "r", "severity": "1", **health(failure)}
    return {
        "schemaId": "AzureMonitorMetricAlert",
        "data": {"version": "2.0", "status": "Activated", "context": context},
    }


def plain_log(failure: Failure = OURS) -> dict[str, Any]:
    data = {
        "SubscriptionId": SUBSCRIPTION,
        "AlertRuleName": "failed backups",
        "SearchQuery": QUERY,
        "SearchIntervalEndtimeUtc": failure.fired,
        "Severity": "Error",
        "SearchResult": results(failure),
    }
    return {"schemaId": "Microsoft.Insights/LogAlert", "data": data}


def graph_job(failure: Failure = OURS) -> dict[str, Any]:
    return {
        "id": failure.job_id.lower(),
        "name": failure.job,
        "type": "microsoft.recoveryservices/vaults/backupjobs",
        "properties": {
            "status": "Failed",
            "operation": "Backup",
            "backupManagementType": "AzureIaasVM",
            "isUserTriggered": "false",
            "startTime": "2026-03-02T02:00:00.0000000Z",
            "endTime": "2026-03-02T02:05:00.0000000Z",
            "backupInstanceId": failure.item,
            "dataSourceId": failure.vm,
        },
    }


def graph_alert(failure: Failure = OURS) -> dict[str, Any]:
    essentials = {
        "severity": "Sev1",
        "alertState": "New",
        "monitorCondition": "Fired",
        "monitorService": "Azure Backup",
        "targetResource": failure.vault,
        "alertRule": failure.rule,
        "startDateTime": failure.fired,
    }
    alert_id = f"{failure.vault.lower()}/providers/microsoft.alertsmanagement/alerts/{failure.job}"
    properties = {"essentials": essentials, "context": backup_context(failure)}
    return {"id": alert_id, "type": "microsoft.alertsmanagement/alerts", "properties": properties}


def enveloped(payload: Any) -> dict[str, Any]:
    """A webhook's envelope, with the body as text."""
    return {"WebhookName": "backup", "RequestBody": json.dumps(payload), "RequestHeader": {"Host": "example"}}


SHAPES: dict[str, Callable[[Failure], Any]] = {
    "built-in": built_in,
    "metric": metric,
    "log-v2": log_v2,
    "log-v1": log_v1,
    "plain-metric": plain_metric,
    "plain-log": plain_log,
    "graph-job": graph_job,
    "graph-alert": graph_alert,
    "graph-answer": lambda failure: {"totalRecords": 1, "count": 1, "data": [graph_job(failure)]},
    "envelope": lambda failure: enveloped(built_in(failure)),
    "envelope-twice": lambda failure: enveloped(enveloped(log_v2(failure))),
    "envelope-as-object": lambda failure: {"WebhookData": {"RequestBody": metric(failure)}},
    "list": lambda failure: [built_in(failure)],
    "text-in-text": lambda failure: json.dumps(built_in(failure)),
}
"""Every shape that may ask for a repair."""
