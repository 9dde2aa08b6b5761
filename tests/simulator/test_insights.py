"""Metrics, the activity log and resource health."""

from __future__ import annotations

from datetime import timedelta

import pytest

SUB = "/subscriptions/22222222-2222-4222-8222-222222222222"
LOG = f"{SUB}/providers/Microsoft.Insights/eventtypes/management/values"
SINCE = "eventTimestamp ge '2026-03-01T00:00:00Z'"


def metrics(ask, vm_path, query=""):
    return ask("GET", f"{vm_path}/providers/Microsoft.Insights/metrics?api-version=2018-01-01{query}")


def test_metrics_are_asked_for_by_name_span_interval_and_aggregation(ask, sim, vm_path):
    sim.world.insights.set_metric(vm_path, "percentage cpu", 97.0)
    span = "&timespan=2026-03-02T02:00:00Z/2026-03-02T03:00:00Z&interval=PT15M&aggregation=Average,Maximum"
    answered = metrics(ask, vm_path, f"&metricnames=Percentage CPU,Available Memory Bytes{span}").body
    cpu, memory = answered["value"]
    assert (answered["interval"], answered["timespan"]) == ("PT15M", "2026-03-02T02:00:00Z/2026-03-02T03:00:00Z")
    assert cpu["timeseries"][0]["data"][0] == {"timeStamp": "2026-03-02T02:00:00Z", "average": 97.0, "maximum": 97.0}
    assert (len(cpu["timeseries"][0]["data"]), cpu["unit"], memory["unit"]) == (4, "Percent", "Bytes")


def test_without_more_an_hour_of_processor_use_is_answered(ask, vm_path):
    (cpu,) = metrics(ask, vm_path).body["value"]
    assert (cpu["name"]["value"], len(cpu["timeseries"][0]["data"])) == ("Percentage CPU", 60)


def test_a_machine_that_does_not_run_has_times_without_values(ask, vm, vm_path):
    vm.power_state = "deallocated"
    (cpu,) = metrics(ask, vm_path).body["value"]
    assert cpu["timeseries"][0]["data"][0] == {"timeStamp": "2026-03-02T02:00:00Z"}


@pytest.mark.parametrize(
    "query",
    [
        "&metricnames=Nonsense",
        "&interval=PT7M",
        "&aggregation=Median",
        "&timespan=PT1H",
        "&timespan=2026-03-02T03:00:00Z/2026-03-02T02:00:00Z",
        "&timespan=yesterday/today",
    ],
)
def test_metrics_that_cannot_be_had_are_refused(ask, vm_path, query):
    assert metrics(ask, vm_path, query).status == 400


def test_metrics_of_other_resources_are_not_served(ask):
    assert metrics(ask, f"{SUB}/resourceGroups/rg-web").status == 400
    assert metrics(ask, f"{SUB}/resourceGroups/rg-web/providers/Microsoft.Compute/virtualMachines/no").status == 404


def log(sim, vm_path):
    act, now = "Microsoft.Compute/virtualMachines/restart/action", sim.world.clock.now
    sim.world.insights.log(now - timedelta(hours=2), vm_path, act, status="Started")
    sim.world.insights.log(now - timedelta(hours=1), vm_path, act, status_code="OK", message="Done.")
    sim.world.insights.log(now - timedelta(hours=3), f"{SUB}/resourceGroups/other", "x/y/delete", caller="ops")


def test_the_activity_log_is_answered_newest_first_and_filtered(ask, sim, vm_path):
    log(sim, vm_path)
    last, first = ask("GET", f"{LOG}?$filter={SINCE} and resourceUri eq '{vm_path}'").body["value"]
    assert (last["eventName"]["value"], first["eventName"]["value"]) == ("EndRequest", "BeginRequest")
    assert last["operationName"]["value"] == "Microsoft.Compute/virtualMachines/restart/action"
    assert last["properties"] == {
        "eventCategory": "Administrative",
        "entity": vm_path,
        "statusMessage": "Done.",
        "statusCode": "OK",
    }
    assert (last["resourceGroupName"], last["resourceType"]["value"]) == ("rg-web", "Microsoft.Compute/virtualMachines")


@pytest.mark.parametrize(
    ("filtered", "count"),
    [
        (SINCE, 3),
        (f"{SINCE} and eventTimestamp le '2026-03-02T01:30:00Z'", 2),
        (f"{SINCE} and resourceGroupName eq 'OTHER'", 1),
        (f"{SINCE} and resourceProvider eq 'Microsoft.Compute'", 2),
        (f"{SINCE} and eventChannels eq 'Admin, Operation' and caller eq 'ops'", 1),
        (f"{SINCE} and status eq 'Started'", 1),
    ],
)
def test_the_activity_log_can_be_narrowed(ask, sim, vm_path, filtered, count):
    log(sim, vm_path)
    assert len(ask("GET", f"{LOG}?$filter={filtered}").body["value"]) == count


@pytest.mark.parametrize(
    "filtered",
    [
        "",
        "caller eq 'ops'",
        "eventTimestamp ge '2020-01-01T00:00:00Z'",
        f"{SINCE} and level eq 'Error'",
        f"{SINCE} and resourceGroupName ge 'a'",
        f"{SINCE} and resourceGroupName eq 'a' and resourceUri eq 'b'",
        f"{SINCE} or caller eq 'x'",
    ],
)
def test_a_filter_that_azure_does_not_take_is_refused(ask, filtered):
    assert ask("GET", f"{LOG}?$filter={filtered}").status == 400


def test_resource_health_follows_the_machine_and_what_a_scenario_says(ask, sim, vm, vm_path):
    from simulator.services.insights.state import Health

    path = f"{vm_path}/providers/Microsoft.ResourceHealth/availabilityStatuses/current"
    assert ask("GET", path).body["properties"]["availabilityState"] == "Available"
    vm.power_state = "deallocated"
    assert ask("GET", path).body["properties"]["reasonType"] == "Customer Initiated"
    sim.world.insights.health[vm_path.lower()] = Health("Degraded", "A disk is slow.", "Unplanned")
    assert ask("GET", path).body["properties"]["summary"] == "A disk is slow."
    assert ask("GET", path).body["location"] == "westeurope"
