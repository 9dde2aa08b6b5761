from __future__ import annotations

import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.mgmt.resource.resources import ResourceManagementClient
from azure.mgmt.resource.subscriptions import SubscriptionClient

SUB = "22222222-2222-4222-8222-222222222222"


@pytest.fixture
def resources(client):
    return client(ResourceManagementClient, SUB)


def test_there_is_one_subscription_in_one_tenant(client, sim):
    found = client(SubscriptionClient)
    (subscription,) = found.subscriptions.list()
    assert (subscription.subscription_id, subscription.state) == (SUB, "Enabled")
    assert found.subscriptions.get(SUB).id == f"/subscriptions/{SUB}"
    assert [tenant.tenant_id for tenant in found.tenants.list()] == [sim.world.tenant]
    assert "westeurope" in {location.name for location in found.subscriptions.list_locations(SUB)}


def test_resource_groups_are_listed_given_and_looked_for(resources):
    assert {group.name for group in resources.resource_groups.list()} == {
        "rg-web",
        "AzureBackupRG_westeurope_1",
    }
    assert resources.resource_groups.get("RG-WEB").id.endswith("/resourceGroups/rg-web")
    assert resources.resource_groups.check_existence("rg-web") is True
    assert resources.resource_groups.check_existence("nowhere") is False
    with pytest.raises(ResourceNotFoundError) as raised:
        resources.resource_groups.get("nowhere")
    assert raised.value.error.code == "ResourceGroupNotFound"


def test_a_resource_group_can_be_made_tagged_and_deleted(resources, sim):
    made = resources.resource_groups.create_or_update("new", {"location": "West Europe", "tags": {"a": "b"}})
    assert (made.location, made.tags) == ("westeurope", {"a": "b"})
    assert resources.resource_groups.update("new", {"tags": {"c": "d"}}).tags == {"c": "d"}
    resources.resource_groups.begin_delete("new").result()
    assert "new" not in sim.world.resources.groups


def test_a_resource_group_cannot_move(resources):
    with pytest.raises(ResourceExistsError) as raised:
        resources.resource_groups.create_or_update("rg-web", {"location": "northeurope"})
    assert raised.value.error.code == "InvalidResourceGroupLocation"
    with pytest.raises(HttpResponseError):
        resources.resource_groups.create_or_update("new", {})


def test_a_lock_on_anything_inside_stops_the_deletion_of_a_group(resources, sim, vm):
    sim.world.authorization.add_lock(vm.id, "inside", "CanNotDelete")
    with pytest.raises(ResourceExistsError) as raised:
        resources.resource_groups.begin_delete("rg-web")
    assert raised.value.error.code == "ScopeLocked"
    assert vm.id in raised.value.error.message


def test_deleting_a_group_deletes_what_is_in_it_but_not_vaults(resources, sim):
    sim.world.authorization.locks.clear()
    resources.resource_groups.begin_delete("AzureBackupRG_westeurope_1").result()
    assert sim.world.compute.collections == {}
    with pytest.raises(HttpResponseError) as raised:
        resources.resource_groups.begin_delete("rg-web").result()
    assert raised.value.error.code == "ResourceGroupDeletionBlocked"
    assert len(sim.world.recoveryservices.vaults) == 1


def test_resources_are_listed_by_group_and_type(resources):
    assert {entry.type for entry in resources.resources.list()} == {
        "Microsoft.Compute/virtualMachines",
        "Microsoft.Compute/restorePointCollections",
        "Microsoft.Compute/disks",
        "Microsoft.Network/networkInterfaces",
        "Microsoft.Network/networkSecurityGroups",
        "Microsoft.Network/virtualNetworks",
        "Microsoft.RecoveryServices/vaults",
    }
    in_group = [entry.name for entry in resources.resources.list_by_resource_group("rg-web")]
    assert {"web-01", "vault-weu", "web-01-os", "web-01-nic"} <= set(in_group)
    vaults = resources.resources.list(filter="resourceType eq 'microsoft.recoveryservices/vaults'")
    assert [entry.name for entry in vaults] == ["vault-weu"]
    narrow = "resourceType eq 'Microsoft.Compute/disks' and name eq 'WEB-01-os' and resourceGroup eq 'rg-web'"
    assert [entry.name for entry in resources.resources.list(filter=narrow)] == ["web-01-os"]
    with pytest.raises(HttpResponseError, match="resourceType"):
        list(resources.resources.list(filter="substringof('web', name)"))


def test_a_lock_is_a_resource_that_can_be_had_by_its_id(resources, server):
    lock = resources.resources.get_by_id(server.ready["locks"][0], api_version="2020-05-01")
    assert lock.type == "Microsoft.Authorization/locks"
    resources.resources.begin_delete_by_id(lock.id, api_version="2020-05-01").result()
    with pytest.raises(ResourceNotFoundError):
        resources.resources.get_by_id(lock.id, api_version="2020-05-01")


def test_an_sdk_registers_a_provider_behind_your_back_unless_told_not_to(client, resources, sim, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    from azure.mgmt.compute import ComputeManagementClient

    sim.world.resources.providers["Microsoft.Compute"] = "NotRegistered"
    client(ComputeManagementClient, SUB).virtual_machines.get("rg-web", "web-01")
    assert [entry["path"] for entry in sim.requests if entry["write"]] == [
        f"/subscriptions/{SUB}/providers/Microsoft.Compute/register"
    ]
    assert resources.providers.get("Microsoft.Compute").registration_state == "Registered"
    assert "Microsoft.Compute" in [provider.namespace for provider in resources.providers.list()]
    with pytest.raises(ResourceNotFoundError):
        resources.providers.get("Microsoft.Nonsense")
