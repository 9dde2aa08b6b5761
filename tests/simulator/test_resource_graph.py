from __future__ import annotations

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.resourcegraph import ResourceGraphClient

SUB = "22222222-2222-4222-8222-222222222222"
VMS = "resources | where type =~ 'microsoft.compute/virtualmachines'"


@pytest.fixture
def graph(client):
    made = client(ResourceGraphClient)

    def run(query, **options):
        return made.resources(
            {"subscriptions": [SUB], "query": query, "options": {"resultFormat": "objectArray", **options}}
        )

    return run


def test_a_vm_is_found_by_name_in_any_case(graph, vm):
    found = graph(f"{VMS} and name =~ 'WEB-01' | project id, name, type, location, resourceGroup, subscriptionId")
    assert found.data == [
        {
            "id": vm.id,
            "name": "web-01",
            "type": "microsoft.compute/virtualmachines",
            "location": "westeurope",
            "resourceGroup": "rg-web",
            "subscriptionId": SUB,
        }
    ]
    assert (found.total_records, found.count, found.result_truncated) == (1, 1, "false")


def test_a_vm_is_narrowed_by_its_group(graph, sim):
    sim.world.compute.add_vm("web-01", "RG-Shop")
    assert graph(f"{VMS} and name =~ 'web-01'").count == 2
    assert graph(f"{VMS} and name =~ 'web-01' and resourceGroup =~ 'RG-shop'").data[0]["resourceGroup"] == "rg-shop"


def test_names_of_all_vms_can_be_asked_for_in_order(graph, sim):
    for name in ("b", "c", "a"):
        sim.world.compute.add_vm(name, "rg-web")
    assert [row["name"] for row in graph(f"{VMS} | project name | order by name asc | limit 3").data] == ["a", "b", "c"]
    assert [row["name"] for row in graph(f"{VMS} | sort by name | take 1 | project name").data] == ["web-01"]


def test_failed_backup_jobs_are_found(graph):
    query = """recoveryservicesresources
    | where type =~ 'microsoft.recoveryservices/vaults/backupjobs'                       // 14 days of jobs
    | where properties.operation =~ 'Backup' and properties.status =~ 'Failed'
    | where properties.backupManagementType =~ 'AzureIaasVM'
    | project id, name, properties, subscriptionId, resourceGroup"""
    found = graph(query)
    assert found.count == 4
    assert {row["properties"]["entityFriendlyName"] for row in found.data} == {"web-01"}


def test_the_protected_item_of_a_vm_is_found(graph, vm):
    query = f"""recoveryservicesresources
    | where type =~ 'microsoft.recoveryservices/vaults/backupfabrics/protectioncontainers/protecteditems'
    | where tolower(tostring(properties.sourceResourceId)) == tolower('{vm.id}')
    | project id, name, properties"""
    (row,) = graph(query).data
    assert row["properties"]["protectionState"] == "Protected"
    assert row["properties"]["dataSourceInfo"]["resourceID"] == vm.id


def test_policies_and_groups_are_in_their_tables(graph):
    assert graph("recoveryservicesresources | where type endswith '/backuppolicies' | project name").data == [
        {"name": "daily"}
    ]
    groups = graph("resourcecontainers | where type contains 'resourcegroups' | project name").data
    assert {"name": "rg-web"} in groups


def test_rows_can_be_counted_extended_and_renamed(graph):
    assert graph(f"{VMS} | count").data == [{"Count": 1}]
    assert graph(
        f"{VMS} | extend short=toupper(name) | project short, vm=properties.vmId, properties.provisioningState"
    ).data[0] == {
        "short": "WEB-01",
        "vm": graph(f"{VMS} | project v=properties['vmId']").data[0]["v"],
        "properties_provisioningState": "Succeeded",
    }


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("name == 'WEB-01'", 0),
        ("name != 'x' and name !~ 'WEB-01'", 0),
        ("not(name == 'x')", 1),
        ("name startswith 'WEB' or name == 'x'", 1),
        ("name in~ ('WEB-01', 'x')", 1),
        ("name in ('WEB-01')", 0),
        ("name has 'web'", 1),
        ("name has 'we'", 0),
        ("isnotempty(tags.env) and isempty(tags.nothing)", 1),
        ("strlen(name) >= 6", 1),
        ('(name == "web-01")', 1),
    ],
)
def test_conditions_mean_what_they_mean_in_kusto(graph, condition, rows):
    assert graph(f"{VMS} | where {condition}").count == rows


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("resources | summarize count() by type", "'summarize'"),
        ("resources | where name matches regex 'a'", "'matches'"),
        ("nonsense | limit 1", "'nonsense'"),
        ("resources | where replace(name) == 'a'", "'replace'"),
        ("resources | limit many", "'many'"),
        ("resources where", "'where'"),
        ("resources | where name == ", "end of query"),
        ("resources | where name == 'a", '"\'"'),
        ("resources | join kind=inner (x)", "'join'"),
    ],
)
def test_a_query_that_is_not_served_is_refused_by_naming_the_part(graph, query, part):
    with pytest.raises(HttpResponseError) as raised:
        graph(query)
    assert raised.value.status_code == 400
    assert part in raised.value.error.details[0].message


def test_rows_come_in_pages_while_the_query_allows_it(graph, sim):
    for number in range(4):
        sim.world.compute.add_vm(f"vm-{number}", "rg-web")
    first = graph(f"{VMS} | project id, name", **{"$top": 3})
    assert (first.count, first.total_records) == (3, 5)
    second = graph(f"{VMS} | project id, name", **{"$top": 3, "$skipToken": first.skip_token})
    assert (second.count, second.skip_token) == (2, None)
    without_id = graph(f"{VMS} | project name", **{"$top": 3})
    assert (without_id.skip_token, without_id.result_truncated) == (None, "true")


def test_the_table_format_is_served_too(graph):
    data = graph(f"{VMS} | project name, id", resultFormat="table").data
    assert [column["name"] for column in data["columns"]] == ["name", "id"]
    assert data["rows"][0][0] == "web-01"


def test_another_subscription_has_no_rows(client):
    other = "99999999-2222-4222-8222-222222222222"
    assert client(ResourceGraphClient).resources({"subscriptions": [other], "query": VMS}).count == 0


def test_a_query_is_no_write(graph, sim):
    graph(VMS)
    assert sim.requests[0]["write"] is False
    assert sim.requests[0]["response_headers"]["x-ms-user-quota-remaining"] == "14"


def test_jobs_are_narrowed_by_their_time(graph):
    jobs = "recoveryservicesresources | where type =~ 'microsoft.recoveryservices/vaults/backupjobs'"
    begun = sorted(row["properties"]["startTime"] for row in graph(jobs).data)
    since = begun[len(begun) // 2]
    later = graph(f"{jobs} | where todatetime(properties.startTime) > todatetime('{since}')").data
    assert sorted(row["properties"]["startTime"] for row in later) == [one for one in begun if one > since]
    assert graph(f"{jobs} | where todatetime(properties.operation) > todatetime('{since}')").data == []


def test_the_extensions_of_vms_are_rows_with_their_state(graph, vm):
    found = graph("resources | where type =~ 'microsoft.compute/virtualmachines/extensions'").data
    assert [row["id"] for row in found] == [f"{vm.id}/extensions/VMSnapshotLinux"]
    assert found[0]["properties"]["provisioningState"] == "Succeeded"
