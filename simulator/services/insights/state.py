"""What Azure Monitor and Resource Health know of machines, and what happened in the subscription."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.world import World

KEPT_DAYS = 90
"""Older entries are not in the activity log."""


@dataclass(frozen=True)
class Metric:
    """One metric of virtual machines; ``usual`` is its value where a scenario says nothing else."""

    name: str
    unit: str
    usual: float
    what: str


METRICS = {
    metric.name.lower(): metric
    for metric in (
        Metric("Percentage CPU", "Percent", 6.5, "The percentage of allocated compute units that are in use"),
        Metric("Available Memory Bytes", "Bytes", 5.5e9, "Amount of physical memory immediately available, in bytes"),
        Metric("Available Memory Percentage", "Percent", 64.0, "Amount of physical memory available, as a percentage"),
        Metric("OS Disk Queue Depth", "Count", 0.1, "OS disk queue depth (or queue length)"),
        Metric("Data Disk Queue Depth", "Count", 0.1, "Data disk queue depth (or queue length)"),
        Metric("VmAvailabilityMetric", "Count", 1.0, "Measure of availability of virtual machines over time"),
    )
}
"""By name in lower case."""


@dataclass(frozen=True)
class Event:
    """One entry of the activity log."""

    id: str
    time: datetime
    resource_id: str
    operation: str
    status: str
    caller: str
    category: str
    level: str
    status_code: str
    message: str


@dataclass(frozen=True)
class Health:
    """What Resource Health says of a resource."""

    state: str
    summary: str
    reason: str = ""


class InsightsState:
    """Metrics and health by lower-case resource id, and the activity log, oldest first."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.metrics: dict[tuple[str, str], float] = {}
        self.events: list[Event] = []
        self.health: dict[str, Health] = {}

    def set_metric(self, resource_id: str, name: str, value: float) -> None:
        """Let a metric of a machine have a constant value.

        Raises:
            KeyError: no such metric.
        """
        self.metrics[resource_id.lower(), METRICS[name.lower()].name.lower()] = value

    def metric(self, resource_id: str, metric: Metric) -> float | None:
        """Return a metric's value; ``None`` while the machine is not running."""
        vm = self._world.compute.vms.get(resource_id.lower())
        if vm is None or vm.power_state != "running":
            return None
        return self.metrics.get((resource_id.lower(), metric.name.lower()), metric.usual)

    def log(
        self,
        time: datetime,
        resource_id: str,
        operation: str,
        *,
        status: str = "Succeeded",
        caller: str = "admin@contoso.com",
        category: str = "Administrative",
        level: str = "Informational",
        status_code: str = "",
        message: str = "",
    ) -> Event:
        """Add an entry to the activity log."""
        event = Event(
            self._world.guid(), time, resource_id, operation, status, caller, category, level, status_code, message
        )
        self.events.append(event)
        self.events.sort(key=lambda one: one.time)
        return event

    def availability(self, resource_id: str) -> Health:
        """Return what Resource Health says of a machine, or of anything else: available."""
        said = self.health.get(resource_id.lower())
        if said is not None:
            return said
        vm = self._world.compute.vms.get(resource_id.lower())
        if vm is None or vm.power_state == "running":
            return Health("Available", "There aren't any known Azure platform problems affecting this resource.")
        summary = "This virtual machine is stopping, stopped or deallocated as requested by an authorized user."
        return Health("Unavailable", summary, "Customer Initiated")
