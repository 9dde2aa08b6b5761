"""Facts of Azure Monitor and Resource Health: metrics, activity log, availability."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..ids import parse
from ..session import Session
from .times import iso, parse_time
from .values import inner

METRIC_API = "2018-01-01"
LOG_API = "2015-04-01"
HEALTH_API = "2020-05-01"
CPU = "Percentage CPU"
MEMORY = "Available Memory Bytes"
FREE_MEMORY = "Available Memory Percentage"
DENIED = "requestdisallowedbypolicy"
REFUSED = (DENIED, "authorizationfailed", "scopelocked")
_FINE = timedelta(hours=6)


@dataclass(frozen=True)
class Metric:
    """A metric over a window: averages per interval; intervals without a value (VM not running) are left out.

    Attributes:
        unit: ``Percent``, ``Bytes`` or ``Count``.
    """

    name: str
    unit: str
    points: tuple[tuple[datetime, float], ...]

    @property
    def average(self) -> float | None:
        """The mean of its points; ``None`` when there are none."""
        return sum(value for _, value in self.points) / len(self.points) if self.points else None

    @property
    def highest(self) -> float | None:
        """Its highest point."""
        return max((value for _, value in self.points), default=None)

    @property
    def lowest(self) -> float | None:
        """Its lowest point."""
        return min((value for _, value in self.points), default=None)


@dataclass(frozen=True)
class Event:
    """An entry of the activity log.

    Attributes:
        operation: the RBAC action, such as ``Microsoft.Compute/virtualMachines/deallocate/action``.
        status: ``Started``, ``Succeeded``, ``Failed`` and so on.
        detail: the status code or text that came with it; may be empty.
        caller: who: a user's name, or the id of a service principal; empty for the platform.
        category: ``Administrative``, ``ResourceHealth``, ``Policy`` and so on.
    """

    id: str
    time: datetime | None
    resource_id: str
    operation: str
    status: str
    detail: str
    caller: str
    category: str
    level: str


@dataclass(frozen=True)
class Health:
    """What Resource Health says.

    Attributes:
        state: ``Available``, ``Unavailable``, ``Degraded`` or ``Unknown``.
        reason: ``Planned``, ``Unplanned``, ``Customer Initiated``; empty when available.
    """

    state: str
    summary: str
    reason: str


def read_metrics(
    session: Session, vm_id: str, names: tuple[str, ...], since: datetime, until: datetime
) -> tuple[Metric, ...]:
    """Read metrics of a VM over a window: per minute up to six hours, per hour beyond.

    Permission: ``Microsoft.Insights/metrics/read``.
    """
    body = session.get(
        f"{vm_id}/providers/Microsoft.Insights/metrics",
        METRIC_API,
        metricnames=",".join(names),
        timespan=f"{iso(since)}/{iso(until)}",
        interval="PT1M" if until - since <= _FINE else "PT1H",
        aggregation="Average",
    )
    found = []
    for entry in body.get("value") or []:
        points = [
            (moment, float(point["average"]))
            for series in entry.get("timeseries") or []
            for point in series.get("data") or []
            if (moment := parse_time(point.get("timeStamp"))) is not None and point.get("average") is not None
        ]
        found.append(Metric(str(inner(entry, "name").get("value") or ""), str(entry.get("unit") or ""), tuple(points)))
    return tuple(found)


def read_events(session: Session, resource_id: str, since: datetime, until: datetime) -> tuple[Event, ...]:
    """Read the activity log of one resource, newest first. Azure keeps 90 days.

    Permission: ``Microsoft.Insights/eventtypes/values/read`` (in Microsoft's Monitoring Reader, and Reader).
    """
    return _log(session, parse(resource_id).subscription, since, until, f"resourceUri eq '{resource_id}'")


def read_denials(session: Session, subscription: str, since: datetime, until: datetime) -> tuple[Event, ...]:
    """Read from the activity log of a subscription what Azure Policy has denied, newest first.

    Permission: ``Microsoft.Insights/eventtypes/values/read``.
    """
    failed = _log(session, subscription, since, until, "status eq 'Failed'")
    return tuple(event for event in failed if DENIED in event.detail.lower())


def read_refusals(session: Session, subscription: str, since: datetime, until: datetime) -> tuple[Event, ...]:
    """Read from the activity log of a subscription what was refused: no permission, a policy, a lock. Newest first.

    Permission: ``Microsoft.Insights/eventtypes/values/read``.
    """
    failed = _log(session, subscription, since, until, "status eq 'Failed'")
    return tuple(event for event in failed if any(word in event.detail.lower() for word in REFUSED))


def _log(session: Session, subscription: str, since: datetime, until: datetime, clause: str) -> tuple[Event, ...]:
    path = f"/subscriptions/{subscription}/providers/Microsoft.Insights/eventtypes/management/values"
    clauses = (f"eventTimestamp ge '{iso(since)}'", f"eventTimestamp le '{iso(until)}'", clause)
    found = []
    for entry in session.pages(path, LOG_API, filter_=" and ".join(clauses)):
        properties = inner(entry, "properties")
        detail = (
            properties.get("statusMessage") or properties.get("statusCode") or inner(entry, "subStatus").get("value")
        )
        found.append(
            Event(
                id=str(entry.get("eventDataId") or entry.get("id") or ""),
                time=parse_time(entry.get("eventTimestamp")),
                resource_id=str(entry.get("resourceId") or ""),
                operation=str(inner(entry, "operationName").get("value") or ""),
                status=str(inner(entry, "status").get("value") or ""),
                detail=str(detail or ""),
                caller=str(entry.get("caller") or ""),
                category=str(inner(entry, "category").get("value") or ""),
                level=str(entry.get("level") or ""),
            )
        )
    return tuple(sorted(found, key=lambda event: event.time.timestamp() if event.time else 0.0, reverse=True))


def read_health(session: Session, resource_id: str) -> Health:
    """Read what Resource Health says of a resource now.

    Permission: ``Microsoft.ResourceHealth/availabilityStatuses/read``.
    """
    properties = inner(
        session.get(f"{resource_id}/providers/Microsoft.ResourceHealth/availabilityStatuses/current", HEALTH_API),
        "properties",
    )
    return Health(
        state=str(properties.get("availabilityState") or ""),
        summary=str(properties.get("summary") or ""),
        reason=str(properties.get("reasonType") or ""),
    )
