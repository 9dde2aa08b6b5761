"""Metrics, activity log and availability on the wire."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING
from urllib.parse import unquote

from simulator.clock import duration, iso
from simulator.paging import page
from simulator.wire import ArmError, Json, Request, Response

from .state import KEPT_DAYS, METRICS, Event, Metric

if TYPE_CHECKING:
    from simulator.world import World

AGGREGATIONS = ("average", "count", "maximum", "minimum", "total")
INTERVALS = ("PT1M", "PT5M", "PT15M", "PT30M", "PT1H", "PT6H", "PT12H", "P1D")
_MOST_POINTS = 1440
_TERM = re.compile(r"(?P<name>\w+)\s+(?P<sign>eq|ge|le)\s+'(?P<value>[^']*)'", re.IGNORECASE)


def _scope(world: World, scope: str) -> str:
    scope = "/" + scope.strip("/")
    world.resources.require_scope(scope)
    return scope


def _bad(message: str) -> ArmError:
    return ArmError(400, "BadRequest", message)


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(re.sub(r"(\.\d{1,6})\d*", r"\1", text.strip()).replace("Z", "+00:00"))
    except ValueError as error:
        raise _bad(f"'{text}' is not a valid time.") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment


# Metrics


def metrics(world: World, request: Request, scope: str) -> Response:
    """Answer metrics of a virtual machine over a time span."""
    scope = _scope(world, scope)
    vm = world.compute.vms.get(scope.lower())
    if vm is None:
        raise _bad(f"Metrics of '{scope}' are not served; those of virtual machines are.")
    since, until = _span(world, request.query.get("timespan", ""))
    interval = request.query.get("interval") or "PT1M"
    if interval.upper() not in INTERVALS:
        raise _bad(f"Invalid interval '{interval}'. Supported intervals: {', '.join(INTERVALS)}.")
    asked = [name.strip().lower() for name in (request.query.get("aggregation") or "average").split(",")]
    if not set(asked) <= set(AGGREGATIONS):
        raise _bad(f"Invalid aggregation '{request.query['aggregation']}'.")
    names = request.query.get("metricnames") or "Percentage CPU"
    chosen = [_metric(name.strip()) for name in names.split(",")]
    step = duration(interval.upper())
    body: Json = {
        "cost": 0,
        "timespan": f"{_whole(since)}/{_whole(until)}",
        "interval": interval.upper(),
        "namespace": "Microsoft.Compute/virtualMachines",
        "resourceregion": vm.location,
        "value": [
            _series(vm.id, metric, world.insights.metric(vm.id, metric), _points(since, until, step), asked)
            for metric in chosen
        ],
    }
    return Response(200, body)


def _whole(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def _span(world: World, text: str) -> tuple[datetime, datetime]:
    if not text:
        return world.clock.now - timedelta(hours=1), world.clock.now
    first, slash, second = unquote(text).partition("/")  # the Azure CLI encodes it twice
    if not slash:
        raise _bad(f"The time span '{text}' is not of the form start/end.")
    since, until = _time(first), _time(second)
    if since >= until:
        raise _bad(f"The time span '{text}' ends before it begins.")
    return since, until


def _metric(name: str) -> Metric:
    known = METRICS.get(name.lower())
    if known is None:
        raise _bad(
            "Failed to find metric configuration for provider: Microsoft.Compute, resource Type: virtualMachines, "
            f"metric: {name}, Valid metrics: {','.join(metric.name for metric in METRICS.values())}"
        )
    return known


def _points(since: datetime, until: datetime, step: timedelta) -> list[datetime]:
    count = min(int((until - since) / step), _MOST_POINTS)
    return [since + number * step for number in range(count)]


def _series(
    resource_id: str, metric: Metric, value: float | None, times: list[datetime], aggregations: list[str]
) -> Json:
    values = {} if value is None else {name: 1.0 if name == "count" else value for name in aggregations}
    return {
        "id": f"{resource_id}/providers/Microsoft.Insights/metrics/{metric.name}",
        "type": "Microsoft.Insights/metrics",
        "name": {"value": metric.name, "localizedValue": metric.name},
        "displayDescription": metric.what,
        "unit": metric.unit,
        "timeseries": [{"metadatavalues": [], "data": [{"timeStamp": _whole(time), **values} for time in times]}],
        "errorCode": "Success",
    }


# Activity log


def activity_log(world: World, request: Request, **names: str) -> Response:  # noqa: ARG001
    """Answer the entries of a time span, newest first; the filter must say when it begins."""
    wanted = _terms(request.query.get("$filter", ""))
    if ("eventtimestamp", "ge") not in wanted:
        raise _bad("The filter must contain a start date: eventTimestamp ge '...'.")
    since = _time(wanted.pop(("eventtimestamp", "ge")))
    until = _time(wanted.pop(("eventtimestamp", "le"), iso(world.clock.now)))
    if since < world.clock.now - timedelta(days=KEPT_DAYS):
        raise _bad(f"The start time cannot be more than {KEPT_DAYS} days in the past.")
    found = [event for event in reversed(world.insights.events) if since <= event.time <= until]
    for (name, _), value in wanted.items():
        found = [event for event in found if _field(event, name).lower() == value.lower()]
    return Response(200, page(request, [_event(world, event) for event in found], world.page_size))


def _terms(text: str) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for term in re.split(r"\s+and\s+", text.strip(), flags=re.IGNORECASE) if text.strip() else []:
        match = _TERM.fullmatch(term.strip())
        if match is None:
            raise _bad(f"The filter '{text}' is not supported.")
        name, sign = match["name"].lower(), match["sign"].lower()
        if name == "eventchannels":
            continue
        if (name == "eventtimestamp") == (sign == "eq") or name not in _FIELDS:
            raise _bad(f"The filter '{text}' is not supported.")
        found[name, sign] = match["value"]
    chosen = [name for name, sign in found if sign == "eq" and name not in ("caller", "status")]
    if len(chosen) > 1:
        raise _bad("The filter may name one of resourceGroupName, resourceUri, resourceProvider and correlationId.")
    return found


_FIELDS = (
    "eventtimestamp",
    "resourceuri",
    "resourceid",
    "resourcegroupname",
    "resourceprovider",
    "correlationid",
    "caller",
    "status",
)


def _field(event: Event, name: str) -> str:
    parts = event.resource_id.split("/")
    return {
        "resourceuri": event.resource_id,
        "resourceid": event.resource_id,
        "resourcegroupname": parts[4] if len(parts) > 4 else "",
        "resourceprovider": parts[6] if len(parts) > 6 else "",
        "correlationid": event.id,
        "caller": event.caller,
        "status": event.status,
    }[name]


def _named(value: str) -> Json:
    return {"value": value, "localizedValue": value}


def _event(world: World, event: Event) -> Json:
    parts = event.resource_id.split("/")
    ended = event.status != "Started"
    properties: Json = {"eventCategory": event.category, "entity": event.resource_id}
    if event.message:
        properties["statusMessage"] = event.message
    if event.status_code:
        properties["statusCode"] = event.status_code
    return {
        "authorization": {"action": event.operation, "scope": event.resource_id},
        "caller": event.caller,
        "channels": "Operation",
        "claims": {},
        "correlationId": event.id,
        "description": "",
        "eventDataId": event.id,
        "eventName": _named("EndRequest" if ended else "BeginRequest"),
        "category": _named(event.category),
        "id": f"{event.resource_id}/events/{event.id}/ticks/{int(event.time.timestamp())}",
        "level": event.level,
        "resourceGroupName": parts[4] if len(parts) > 4 else "",
        "resourceProviderName": _named(parts[6] if len(parts) > 6 else ""),
        "resourceId": event.resource_id,
        "resourceType": _named("/".join(parts[6:8]) if len(parts) > 7 else ""),
        "operationId": event.id,
        "operationName": _named(event.operation),
        "properties": properties,
        "status": _named(event.status),
        "subStatus": _named(event.status_code),
        "eventTimestamp": iso(event.time),
        "submissionTimestamp": iso(event.time + timedelta(minutes=2)),
        "subscriptionId": world.subscription,
        "tenantId": world.tenant,
    }


# Resource health


def availability(world: World, request: Request, scope: str) -> Response:  # noqa: ARG001
    """Answer the current availability of a resource."""
    scope = _scope(world, scope)
    health = world.insights.availability(scope)
    vm = world.compute.vms.get(scope.lower())
    now = iso(world.clock.now)
    properties: Json = {
        "availabilityState": health.state,
        "title": health.state,
        "summary": health.summary,
        "reasonType": health.reason,
        "occuredTime": now,
        "reasonChronicity": "Persistent",
        "reportedTime": now,
    }
    body: Json = {
        "id": f"{scope}/providers/Microsoft.ResourceHealth/availabilityStatuses/current",
        "name": "current",
        "type": "Microsoft.ResourceHealth/AvailabilityStatuses",
        "properties": properties,
    }
    if vm is not None:
        body["location"] = vm.location
    return Response(200, body)
