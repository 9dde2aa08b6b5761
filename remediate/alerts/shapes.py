"""The shapes of alerts: which document is which, and where each has its values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from arm.errors import ForgedId
from arm.facts.times import parse_time
from arm.strict_ids import Kind, shown, strict

from .model import Alert, Ignored, Source, Why
from .reading import Json, get, objects, text_at
from .rows import Named, alert_of, made, workload_of

Found = Alert | Ignored

ESSENTIALS: Mapping[str, tuple[str, ...]] = {
    "id": ("alertId",),
    "rule": ("alertRule", "name"),
    "service": ("monitoringService", "monitorService"),
    "condition": ("monitorCondition",),
    "severity": ("severity",),
    "fired": ("firedDateTime", "startDateTime", "timestamp"),
    "target": ("alertTargetIDs", "targetResource"),
}
"""Where the common schema and Resource Graph have what is known of every alert."""

BUILT_IN: Mapping[str, tuple[str, ...]] = {
    "vm_id": ("linkedResourceId", "sourceId"),
    "item_id": ("protectedItemId",),
    "job": ("extendedInfo.jobId",),
}
"""Where the context of Azure Backup's own alerts has them. They carry no error code."""

RULES: Mapping[str, tuple[Why, str]] = {
    "restore failure": (Why.RESTORE, "it is about a restore; restores are not repaired by alerts"),
    "unsupported backup type": (Why.WORKLOAD, "it is about a database's backup type"),
    "workload extension unhealthy": (Why.WORKLOAD, "it is about the extension for databases"),
}
"""Built-in alerts that are no failed backup of a machine; those of the category Security are told by the category."""

_SECURITY = (
    "delete backup data",
    "upcoming purge",
    "purge complete",
    "soft delete disabled for vault",
    "modify policy with shorter retention",
    "modify protection with shorter retention",
    "mua disabled",
    "disable hybrid security features",
)
_INFORMATIONAL = ("sev3", "sev4", "3", "4", "informational", "verbose")
_ENDED = ("resolved", "deactivated")
_HEALTH, _RESTORE_HEALTH = "backuphealthevent", "restorehealthevent"
_BACKUP_WORDS = ("addonazurebackup", "coreazurebackup", "backupjobs")
_SAMPLES = "/subscriptions/11111111-1111-1111-1111-111111111111/"
"""What the action group's Test button sends is about this subscription (alerts-common-schema, sample payloads)."""
_SAMPLE = "it is the sample {} that an action group's Test button sends"


def read(node: Json) -> Iterator[Found]:
    """Yield what one JSON object asks for; a forged id in it is told as such."""
    shape = _shape(node)
    try:
        yield from shape(node)
    except ForgedId as error:
        yield Ignored(Why.FORGED, error.message)


def _shape(node: Json) -> Callable[[Json], Iterator[Found]]:
    schema, kind = (str(get(node, name) or "").lower() for name in ("schemaId", "type"))
    if schema in _SCHEMAS:
        return _SCHEMAS[schema]
    if not schema and kind in _TYPES:
        return _TYPES[kind]
    if not schema and isinstance(get(node, "SearchResult") or get(node, "SearchResults"), dict):
        return _plain_log
    return _unknown


def _unknown(node: Json) -> Iterator[Found]:
    schema = get(node, "schemaId")
    if isinstance(schema, str) and schema:
        yield Ignored(Why.FOREIGN, f"it is of the schema {shown(schema)}, which no alert about backups has")
        return
    names = ", ".join(shown(name) for name in list(node)[:5]) or "nothing"
    yield Ignored(Why.MALFORMED, f"it is no alert: a JSON object with {names} in it")


def _common(node: Json) -> Iterator[Found]:
    yield from _alert(get(node, "data.essentials"), get(node, "data.alertContext"), "data.alertContext")


def _graph_alert(node: Json) -> Iterator[Found]:
    yield from _alert(get(node, "properties.essentials"), get(node, "properties.context"), "properties.context", node)


def _alert(essentials: Any, context: Any, at: str, row: Json | None = None) -> Iterator[Found]:
    """Read an alert that has essentials: those of the common schema, and those of Resource Graph."""
    if not isinstance(essentials, dict) or not isinstance(context, dict):
        missing = "essentials" if not isinstance(essentials, dict) else "context"
        yield Ignored(Why.MALFORMED, f"it is no alert: it has no {missing}")
        return
    known = {name: text_at(essentials, *paths)[0] for name, paths in ESSENTIALS.items()}
    ignored = _set_aside(known["id"], known["rule"], known["condition"])
    read_context = _SERVICES.get(known["service"].lower())
    if ignored is not None:
        yield ignored
    elif read_context is None:
        yield Ignored(Why.FOREIGN, f"it is of the monitoring service {shown(known['service'])}, not about backups")
    else:
        for found in read_context(known, context, at, row):
            yield _severe(_with_id(found, known["id"] or text_at(row, "id")[0]), known["severity"])


def _with_id(found: Found, alert_id: str) -> Found:
    """Return the same with the alert's own id, where it is plainly one."""
    try:
        return replace(found, alert_id=strict(alert_id, Kind.ALERT)) if isinstance(found, Alert) else found
    except ForgedId:
        return found


def _set_aside(alert_id: str, rule: str, condition: str) -> Ignored | None:
    """Return why an alert is none to act on, whatever it is about; ``None`` when it is."""
    if _SAMPLES in f"{alert_id.lower()}/":
        return Ignored(Why.TEST, _SAMPLE.format(shown(rule)))
    if condition.lower() in _ENDED:
        return Ignored(Why.RESOLVED, f"it says {condition}: what it was about has ended")
    if condition.lower() not in ("fired", "activated"):
        return Ignored(Why.MALFORMED, f"its condition is {shown(condition)}, neither Fired nor Resolved")
    return None


def _severe(found: Found, severity: str) -> Found:
    """Return the same, unless it is about a backup and its rule calls that informational."""
    if isinstance(found, Alert) and severity.lower() in _INFORMATIONAL:
        reason = f"its severity is {severity}, which is informational; a rule that is to repair has Sev0 to Sev2"
        return Ignored(Why.INFORMATIONAL, reason)
    return found


def _built_in(known: Mapping[str, str], context: Json, at: str, row: Json | None) -> Iterator[Found]:
    rule, category = known["rule"], text_at(context, "category")[0]
    if category.lower() == "security" or rule.lower() in _SECURITY:
        yield Ignored(Why.SECURITY, f"it is the security alert {shown(rule)}; a human has to look at it")
        return
    if rule.lower() in RULES:
        why, reason = RULES[rule.lower()]
        yield Ignored(why, reason)
        return
    if category.lower() not in ("jobs", ""):
        yield Ignored(Why.NO_FAILURE, f"it is the alert {shown(rule)} of the category {shown(category)}, not of jobs")
        return
    found = {name: _placed(context, at, paths) for name, paths in BUILT_IN.items()}
    workload = workload_of(found["item_id"][0] or text_at(context, "sourceId")[0])
    if workload:
        yield Ignored(Why.WORKLOAD, f"it is about {workload}, not about a virtual machine's backup")
        return
    target = known["target"]
    if target:
        found["vault_id"] = (target, "essentials.targetResource" if row is not None else "essentials.alertTargetIDs[0]")
    yield made(Source.GRAPH_ALERT if row is not None else Source.BUILT_IN, rule, found, parse_time(known["fired"]))


def _placed(context: Json, at: str, paths: tuple[str, ...]) -> tuple[str, str]:
    value, path = text_at(context, *paths)
    return value, f"{at}.{path}" if value else ""


def _log_v2(known: Mapping[str, str], context: Json, at: str, _row: Json | None) -> Iterator[Found]:
    fired = parse_time(known["fired"])
    for number, condition in objects(context, "condition.allOf"):
        named = Named(dimensions(condition), f"{at}.condition.allOf[{number}], dimension")
        query = text_at(condition, "searchQuery")[0]
        yield _of_backups(alert_of(named, Source.LOG_V2, known["rule"], fired), query, known["rule"])


def _log_v1(known: Mapping[str, str], context: Json, at: str, _row: Json | None) -> Iterator[Found]:
    query = text_at(context, "SearchQuery")[0]
    yield from _results(context, query, known["rule"], parse_time(known["fired"]), at)


def _results(context: Json, query: str, rule: str, fired: datetime | None, at: str) -> Iterator[Found]:
    """Read the rows of the tables that the first version of log alerts brings along."""
    seen = False
    results = get(context, "SearchResults") or get(context, "SearchResult")
    for table_number, table in objects(results, "tables"):
        names = [str(get(column, "name") or "").lower() for _, column in objects(table, "columns")]
        rows = get(table, "rows")
        for number, row in enumerate(rows if isinstance(rows, list) else ()):
            seen = True
            values = zip(names, row if isinstance(row, list) else (), strict=False)
            texts = {name: value.strip() for name, value in values if isinstance(value, str)}
            named = Named(texts, f"{at}, table {table_number}, row {number}, column")
            yield _of_backups(alert_of(named, Source.LOG_V1, rule, fired), query, rule)
    if not seen:
        empty = Ignored(Why.UNUSABLE, "it brings no search results along, so that it does not say which machine")
        yield _of_backups(empty, query, rule)


def _of_backups(found: Found, query: str, rule: str) -> Found:
    """Return the same; or that it is foreign, when it cannot be used and the query asks for no backups."""
    asked = any(word in query.lower() for word in _BACKUP_WORDS)
    if isinstance(found, Ignored) and found.why is Why.UNUSABLE and not asked:
        return Ignored(Why.FOREIGN, f"it is the log alert {shown(rule)}, whose query asks for no backup jobs")
    return found


def _metric(known: Mapping[str, str], context: Json, at: str, _row: Json | None) -> Iterator[Found]:
    yield from _metrics(context, at, known["rule"], parse_time(known["fired"]))


def _metrics(context: Json, at: str, rule: str, fired: datetime | None) -> Iterator[Found]:
    for number, condition in objects(context, "condition.allOf"):
        metric = text_at(condition, "metricName")[0]
        if metric.lower() == _RESTORE_HEALTH:
            yield Ignored(Why.RESTORE, f"it is about the metric {metric}; restores are not repaired by alerts")
        elif metric.lower() != _HEALTH:
            yield Ignored(Why.FOREIGN, f"it is about the metric {shown(metric)}, not about BackupHealthEvent")
        else:
            named = Named(dimensions(condition), f"{at}.condition.allOf[{number}], dimension")
            yield alert_of(named, Source.METRIC, rule, fired)


def dimensions(condition: Json) -> dict[str, str]:
    """Return the dimensions of a condition by name in lower case."""
    return {
        str(get(one, "name") or "").lower(): value.strip()
        for _, one in objects(condition, "dimensions")
        if isinstance(value := get(one, "value"), str)
    }


def _plain_metric(node: Json) -> Iterator[Found]:
    """Read a metric alert of the older schema (``useCommonAlertSchema`` is false)."""
    context = get(node, "data.context")
    if not isinstance(context, dict):
        yield Ignored(Why.MALFORMED, "it is no alert: it has no context")
        return
    rule, severity = text_at(context, "name")[0], text_at(context, "severity")[0]
    ignored = _set_aside(text_at(context, "id")[0], rule, text_at(node, "data.status")[0])
    if ignored is not None:
        yield ignored
        return
    for found in _metrics(context, "data.context", rule, parse_time(get(context, "timestamp"))):
        yield _severe(found, severity)


def _plain_log(node: Json) -> Iterator[Found]:
    """Read a log alert of the older schema, with the schema's name around it or without."""
    data = get(node, "data") if isinstance(get(node, "data"), dict) else node
    rule, query = text_at(data, "AlertRuleName")[0], text_at(data, "SearchQuery")[0]
    fired = parse_time(get(data, "SearchIntervalEndtimeUtc"))
    if f"/subscriptions/{text_at(data, 'SubscriptionId')[0]}/" == _SAMPLES:
        yield Ignored(Why.TEST, _SAMPLE.format(shown(rule)))
        return
    for found in _results(data, query, rule, fired, "SearchResult"):
        yield _severe(found, text_at(data, "Severity")[0])


def _graph_job(node: Json) -> Iterator[Found]:
    """Read a backup job as Resource Graph's table recoveryservicesresources, and ARM's list of jobs, have it."""
    job_id, properties = strict(get(node, "id"), Kind.JOB), get(node, "properties")
    vault, _, job = job_id.rpartition("/")
    texts = properties.items() if isinstance(properties, dict) else ()
    values = {str(name).lower(): value.strip() for name, value in texts if isinstance(value, str)}
    named = Named({**values, "vaultid": vault.rpartition("/")[0], "jobid": job}, "properties")
    yield alert_of(named, Source.GRAPH_JOB, "", parse_time(values.get("endtime") or values.get("starttime")))


_SERVICES: Mapping[str, Callable[[Mapping[str, str], Json, str, Json | None], Iterator[Found]]] = {
    "azure backup": _built_in,
    "log alerts v2": _log_v2,
    "log analytics": _log_v1,
    "platform": _metric,
}
"""By the monitoring service."""
_SCHEMAS: Mapping[str, Callable[[Json], Iterator[Found]]] = {
    "azuremonitorcommonalertschema": _common,
    "azuremonitormetricalert": _plain_metric,
    "microsoft.insights/logalert": _plain_log,
}
_TYPES: Mapping[str, Callable[[Json], Iterator[Found]]] = {
    "microsoft.recoveryservices/vaults/backupjobs": _graph_job,
    "microsoft.alertsmanagement/alerts": _graph_alert,
}
