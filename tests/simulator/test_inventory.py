"""Disks, networks, storage accounts, key vaults: what stands around a machine."""

from __future__ import annotations

import pytest

from simulator import Simulator
from simulator.scenarios import Scenario
from simulator.services.inventory.keyvault import BACKUP_OBJECT_ID
from simulator.services.inventory.state import TYPES

SUB = "/subscriptions/22222222-2222-4222-8222-222222222222"
GROUP = f"{SUB}/resourceGroups/rg-web/providers"
KEY_VAULT = f"{GROUP}/Microsoft.KeyVault/vaults/kv-web"
SOMEBODY = "77777777-7777-4777-8777-777777777777"


def _set(stage):
    stage.machine().backup_vault().protected().storage_account().encrypted().sql_machine()
    stage.world.inventory.add("Microsoft.Compute/diskEncryptionSets", "rg-web", "des", {})
    return stage.world.inventory.add("Microsoft.Network/publicIPAddresses", "rg-web", "ip", {})


@pytest.fixture
def sim():
    return Simulator(Scenario("around", None, "a test's own", _set))


@pytest.fixture
def stage(sim):
    """More of the scenario's vocabulary, in the world as it is."""
    from simulator.scenarios.stage import Stage

    more = Stage(sim.world, "web-01")
    more.vm = sim.world.compute.vms[sim.setting.vm_id.lower()]
    return more


def names(response):
    assert response.status == 200
    return [entry["name"] for entry in response.body["value"]]


@pytest.mark.parametrize("kind", TYPES)
def test_a_resource_is_listed_by_subscription_and_group_and_had_by_its_id(ask, kind):
    for scope in (f"{SUB}/providers/{kind}", f"{GROUP}/{kind}"):
        listed = ask("GET", scope).body["value"]
        assert listed
        for entry in listed:
            assert ask("GET", entry["id"].upper().replace("/SUBSCRIPTIONS/", "/subscriptions/")).body == entry
            assert entry["type"] == kind


@pytest.mark.parametrize("kind", TYPES)
def test_what_does_not_exist_is_404_with_arms_codes(ask, kind):
    missing = ask("GET", f"{GROUP}/{kind}/nothing")
    assert (missing.status, missing.body["error"]["code"]) == (404, "ResourceNotFound")
    assert f"'{kind}/nothing' under resource group 'rg-web' was not found" in missing.body["error"]["message"]
    elsewhere = ask("GET", f"{SUB}/resourceGroups/nowhere/providers/{kind}/x")
    assert (elsewhere.status, elsewhere.body["error"]["code"]) == (404, "ResourceGroupNotFound")
    assert ask("GET", f"{SUB}/resourceGroups/nowhere/providers/{kind}").status == 404


def test_every_id_that_a_machine_names_can_be_had(ask, vm_path):
    profile = ask("GET", vm_path).body["properties"]
    storage = profile["storageProfile"]
    for disk in (storage["osDisk"], *storage["dataDisks"]):
        found = ask("GET", disk["managedDisk"]["id"])
        assert (found.status, found.body["managedBy"]) == (200, vm_path)
        assert found.body["properties"]["diskSizeGB"] == disk["diskSizeGB"]
        assert found.body["sku"]["name"] == disk["managedDisk"]["storageAccountType"]
    (reference,) = profile["networkProfile"]["networkInterfaces"]
    nic = ask("GET", reference["id"]).body["properties"]
    assert nic["virtualMachine"]["id"] == vm_path
    assert nic["primary"] is True
    for wanted in (nic["networkSecurityGroup"]["id"], nic["ipConfigurations"][0]["properties"]["subnet"]["id"]):
        assert ask("GET", wanted).body["id"] == wanted


def test_what_points_at_an_interface_is_shown_by_group_and_subnet(ask):
    nic = ask("GET", f"{GROUP}/Microsoft.Network/networkInterfaces/web-01-nic").body
    configuration = nic["properties"]["ipConfigurations"][0]
    guard = ask("GET", nic["properties"]["networkSecurityGroup"]["id"]).body
    assert guard["properties"]["networkInterfaces"] == [{"id": nic["id"]}]
    subnet = ask("GET", configuration["properties"]["subnet"]["id"]).body
    assert subnet["properties"]["ipConfigurations"] == [{"id": configuration["id"]}]


def test_a_public_address_shows_what_it_is_bound_to(ask, stage):
    address = f"{GROUP}/Microsoft.Network/publicIPAddresses/ip"
    assert "ipConfiguration" not in ask("GET", address).body["properties"]
    stage.nic.properties["ipConfigurations"][0]["properties"]["publicIPAddress"] = {"id": address}
    assert "web-01-nic" in ask("GET", address).body["properties"]["ipConfiguration"]["id"]


def test_subnets_and_rules_are_listed_in_their_parents(ask, stage):
    stage.rule("deny-internet")
    group = f"{GROUP}/Microsoft.Network/networkSecurityGroups/web-01-nsg"
    assert names(ask("GET", f"{group}/securityRules")) == ["deny-internet"]
    assert len(names(ask("GET", f"{group}/defaultSecurityRules"))) == 6
    rule = ask("GET", f"{group}/securityRules/DENY-internet").body
    assert (rule["properties"]["access"], rule["id"]) == ("Deny", f"{group}/securityRules/deny-internet")
    assert names(ask("GET", f"{GROUP}/Microsoft.Network/virtualNetworks/rg-web-vnet/subnets")) == ["default"]
    assert ask("GET", f"{group}/securityRules/none").status == 404


def test_disks_of_a_deleted_machine_stay_unattached(ask, stage):
    stage._vm_id = stage.vm.id
    stage.machine_deleted()
    disk = ask("GET", f"{GROUP}/Microsoft.Compute/disks/web-01-os").body
    assert disk["properties"]["diskState"] == "Unattached"
    assert "managedBy" not in disk
    nic = ask("GET", f"{GROUP}/Microsoft.Network/networkInterfaces/web-01-nic").body
    assert "virtualMachine" not in nic["properties"]


def test_a_shared_disk_names_every_machine_that_has_it(ask, stage):
    stage.data_disk(256, 3, maxShares=2)
    other = stage.world.compute.add_vm("web-02", "rg-web")
    other.data_disks.append(stage.disk(3))
    disk = ask("GET", f"{GROUP}/Microsoft.Compute/disks/web-01-data-3").body
    assert disk["managedByExtended"] == [stage.vm.id, other.id]


def test_machines_of_a_group_share_its_network_and_have_addresses_of_their_own(ask, stage):
    stage.world.compute.add_vm("web-02", "rg-web")
    network = ask("GET", f"{GROUP}/Microsoft.Network/virtualNetworks/rg-web-vnet").body
    assert len(network["properties"]["subnets"][0]["properties"]["ipConfigurations"]) == 2
    interfaces = ask("GET", f"{GROUP}/Microsoft.Network/networkInterfaces").body["value"]
    addresses = [one["properties"]["ipConfigurations"][0]["properties"]["privateIPAddress"] for one in interfaces]
    assert addresses == ["10.0.0.4", "10.0.0.5"]


def test_the_resources_go_with_their_group(ask):
    ask("DELETE", f"{SUB}/resourceGroups/rg-web")
    ask("POST", "/_sim/clock", {"advance": "PT10M"})
    assert ask("GET", f"{SUB}/providers/Microsoft.Network/virtualNetworks").body["value"] == []
    assert ask("GET", f"{SUB}/providers/Microsoft.Compute/disks").body["value"] == []


def test_resource_graph_has_a_row_for_each_of_them(ask):
    asked = {"query": "resources | where type =~ 'microsoft.compute/disks' | project name, sku.name, managedBy"}
    rows = ask("POST", "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01", asked).body["data"]
    assert [row["name"] for row in rows] == ["web-01-os", "web-01-data-0"]
    assert rows[0]["sku_name"] == "Premium_LRS"
    assert rows[0]["managedBy"].endswith("/web-01")


# Key vaults


def _policies(permissions, principal=SOMEBODY, **more):
    tenant = "11111111-1111-4111-8111-111111111111"
    entry = {"tenantId": tenant, "objectId": principal, "permissions": permissions, **more}
    return {"properties": {"accessPolicies": [entry]}}


def _of(ask, principal=SOMEBODY):
    entries = ask("GET", KEY_VAULT).body["properties"]["accessPolicies"]
    return next((entry["permissions"] for entry in entries if entry["objectId"] == principal), None)


def test_adding_an_access_policy_merges_and_leaves_the_others_alone(ask):
    first = ask("PUT", f"{KEY_VAULT}/accessPolicies/add", _policies({"keys": ["get"]}))
    assert first.status == 201
    assert first.body["type"] == "Microsoft.KeyVault/vaults/accessPolicies"
    again = ask("PUT", f"{KEY_VAULT}/accessPolicies/add", _policies({"keys": ["Get", "list"], "secrets": ["get"]}))
    assert again.status == 200
    assert _of(ask) == {"keys": ["get", "list"], "secrets": ["get"]}
    assert _of(ask, BACKUP_OBJECT_ID)["keys"] == ["get", "list", "backup"]


def test_replacing_and_removing_concern_the_principals_named(ask):
    ask("PUT", f"{KEY_VAULT}/accessPolicies/add", _policies({"keys": ["get", "list"]}))
    assert ask("PUT", f"{KEY_VAULT}/accessPolicies/replace", _policies({"keys": ["get"]})).status == 200
    assert _of(ask) == {"keys": ["get"]}
    assert ask("PUT", f"{KEY_VAULT}/accessPolicies/remove", _policies({"keys": ["Get"]})).status == 200
    assert _of(ask) == {"keys": ["get"]}, "another spelling takes nothing out"
    assert ask("PUT", f"{KEY_VAULT}/accessPolicies/remove", _policies({"keys": ["get", "list"]})).status == 200
    assert _of(ask) is None
    assert _of(ask, BACKUP_OBJECT_ID) is not None


def test_a_policy_for_an_application_on_behalf_of_a_principal_is_another_one(ask):
    ask("PUT", f"{KEY_VAULT}/accessPolicies/add", _policies({"keys": ["get"]}))
    ask("PUT", f"{KEY_VAULT}/accessPolicies/add", _policies({"keys": ["list"]}, applicationId=SOMEBODY))
    assert len(ask("GET", KEY_VAULT).body["properties"]["accessPolicies"]) == 3


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("merge", _policies({})),
        ("add", {}),
        ("add", _policies({}, principal="somebody")),
        ("add", {"properties": {"accessPolicies": [{"objectId": SOMEBODY}]}}),
    ],
)
def test_access_policies_that_are_none_are_refused(ask, operation, body):
    before = ask("GET", KEY_VAULT).body
    assert ask("PUT", f"{KEY_VAULT}/accessPolicies/{operation}", body).status == 400
    assert ask("GET", KEY_VAULT).body == before


def test_a_key_vault_is_created_and_replaced_as_a_whole(ask):
    properties = {"tenantId": SOMEBODY, "sku": {"family": "A", "name": "standard"}, "enableRbacAuthorization": True}
    path = f"{GROUP}/Microsoft.KeyVault/vaults/kv-new"
    assert ask("PUT", path, {"location": "westeurope", "properties": properties}).status == 201
    made = ask("PUT", path, {"location": "westeurope", "tags": {"a": "b"}, "properties": properties})
    assert (made.status, made.body["tags"], made.body["properties"]["enableRbacAuthorization"]) == (
        200,
        {"a": "b"},
        True,
    )
    assert ask("PUT", path, {"properties": properties}).status == 400
    assert ask("PUT", path, {"location": "westeurope", "properties": {}}).status == 400


def test_the_backup_service_may_use_a_vault_as_its_policies_say(stage, ask):
    usable = stage.key_vault_usable()
    assert usable()
    ask("PUT", f"{KEY_VAULT}/accessPolicies/replace", _policies({"secrets": ["all"]}, BACKUP_OBJECT_ID))
    assert not usable()
    assert stage.key_vault_usable(keys=False)()
    assert not stage.key_vault_usable("kv-none")()


def test_under_rbac_roles_decide_and_not_policies(stage, sim):
    stage.key_vault("kv-roles", rbac=True, granted=False)
    usable = stage.key_vault_usable("kv-roles")
    stage._resource(stage.vault_id("kv-roles")).properties["accessPolicies"] = [_policies({"keys": ["all"]})]
    roles = sim.world.authorization.roles
    roles.assign(stage.vault_id("kv-roles"), "Owner", BACKUP_OBJECT_ID)
    assert not usable()
    data = [f"Microsoft.KeyVault/vaults/{kind}/*" for kind in ("keys", "secrets")]
    roles.add_definition("backup keys", stage.subscription, [], data)
    roles.assign(stage.group("rg-web"), "backup keys", BACKUP_OBJECT_ID)
    assert usable()


def test_usages_and_sizes_of_a_region_are_told(ask, sim):
    sim.world.compute.quotas["cores"] = 2
    usages = ask("GET", f"{SUB}/providers/Microsoft.Compute/locations/westeurope/usages").body["value"]
    assert {one["name"]["value"]: (one["currentValue"], one["limit"]) for one in usages}["cores"] == (2, 2)
    sizes = ask("GET", f"{SUB}/providers/Microsoft.Compute/locations/westeurope/vmSizes").body["value"]
    assert "Standard_D2s_v5" in [one["name"] for one in sizes]
