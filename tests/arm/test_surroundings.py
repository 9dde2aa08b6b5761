"""The facts of what stands around a VM, read from a simulated Azure over a real socket."""

from __future__ import annotations

from datetime import timedelta

import pytest

from arm.errors import Forbidden, NotFound, UsageError
from arm.facts.access import (
    Role,
    read_policy_assignments,
    read_policy_definition,
    read_role,
    read_role_assignments,
)
from arm.facts.inventory import key_vaults_of, read_storage_account
from arm.facts.monitor import read_metrics
from arm.facts.network import read_virtual_network, read_virtual_networks
from arm.facts.permissions import READS
from arm.ids import same
from simulator.scenarios import Scenario
from simulator.services.inventory import network
from simulator.services.inventory.keyvault import BACKUP_OBJECT_ID
from simulator.services.inventory.state import STORAGE


@pytest.fixture
def around(drill):
    """Start a drill with a protected machine whose stage a function goes on to set."""

    def start(set_up=lambda stage: stage):
        stages = []

        def build(stage):
            stage.machine().backup_vault().protected()
            stages.append(set_up(stage))

        world = drill(Scenario("around", None, "a test's own", build))
        world.stage = stages[-1]
        return world

    return start


def test_the_disks_of_a_machine_are_those_its_model_names(around):
    world = around(lambda stage: stage.data_disk(4096, 2, "UltraSSD_LRS", maxShares=2))
    facts = world.facts()
    system, data, shared = facts.disks()
    assert [disk.id for disk in facts.disks()] == [disk.id for disk in facts.vm().disks]
    assert (system.name, system.os_type, system.size_gb, system.sku) == ("web-01-os", "Linux", 30, "Premium_LRS")
    assert (data.state, data.max_shares, data.encrypted) == ("Attached", 1, False)
    assert same(data.owners[0], world.vm_id)
    assert (shared.sku, shared.size_gb, shared.max_shares) == ("UltraSSD_LRS", 4096, 2)
    assert same(shared.owners[0], world.vm_id)
    assert system.encryption == "EncryptionAtRestWithPlatformKey"


def test_the_disks_of_a_deallocated_machine_are_reserved(around):
    world = around()
    world.stage.vm.power_state = "deallocated"
    assert {disk.state for disk in world.facts().disks()} == {"Reserved"}


def test_an_encrypted_disk_names_its_secret_its_key_and_their_vault(around):
    world = around(lambda stage: stage.encrypted())
    facts = world.facts()
    (setting,) = facts.disks()[0].settings
    assert setting.secret_url.startswith("https://kv-web.vault.azure.net/secrets/")
    assert setting.key_url.startswith("https://kv-web.vault.azure.net/keys/disk-key/")
    assert same(setting.secret_vault_id, setting.key_vault_id)
    assert key_vaults_of(facts.disks()) == (world.stage.vault_id(),)
    assert "AzureDiskEncryptionForLinux" in [extension.type for extension in facts.extensions()]


def test_a_disk_encrypted_without_a_key_encryption_key_says_so(around):
    disk = around(lambda stage: stage.encrypted(key=False, luns=())).facts().disks()
    assert disk[0].settings[0].key_url == disk[0].settings[0].key_vault_id == ""
    assert not disk[1].encrypted


def test_the_key_vaults_of_the_disks_say_who_may_use_them(around):
    (vault,) = around(lambda stage: stage.encrypted()).facts().key_vaults()
    policy = vault.policy_of(BACKUP_OBJECT_ID.upper())
    assert policy.allows("keys", "get", "list", "backup")
    assert not policy.allows("secrets", "set")
    assert (vault.rbac, vault.soft_delete, vault.purge_protection) == (False, True, True)
    assert (vault.public_access, vault.default_action, vault.bypass) == ("Enabled", "Allow", "AzureServices")
    assert vault.policy_of("00000000-0000-0000-0000-000000000000") is None


def test_a_key_vault_that_is_gone_is_left_out(around):
    world = around(lambda stage: stage.encrypted())
    world.simulator.world.inventory.remove(world.stage.vault_id().lower())
    facts = world.facts()
    assert facts.key_vaults() == ()
    assert key_vaults_of(facts.disks()) == (world.stage.vault_id(),)


def test_roles_on_a_key_vault_under_rbac_are_found_with_what_they_allow(around):
    world = around(lambda stage: stage.key_vault(rbac=True).encrypted())
    session = world.session(read_only=True)
    vault = world.stage.vault_id()
    world.simulator.world.authorization.roles.assign(world.vm_id, "Reader", BACKUP_OBJECT_ID)
    (assignment,) = read_role_assignments(session, vault, BACKUP_OBJECT_ID)
    role = read_role(session, assignment.role_id)
    assert (role.name, assignment.principal_type) == ("Key Vault Administrator", "ServicePrincipal")
    assert role.allows_data("Microsoft.KeyVault/vaults/secrets/getSecret/action")
    assert not role.allows_data("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read")
    assert read_role_assignments(session, world.stage.subscription, BACKUP_OBJECT_ID) == ()


def test_what_a_role_takes_back_it_does_not_allow():
    role = Role("id", "custom", (), (), ("Microsoft.KeyVault/vaults/*",), ("*/secrets/*",))
    assert role.allows_data("microsoft.keyvault/vaults/keys/read")
    assert not role.allows_data("Microsoft.KeyVault/vaults/secrets/getSecret/action")


def test_a_principal_that_is_no_object_id_is_not_put_into_a_filter(around):
    world = around()
    with pytest.raises(UsageError, match="object id"):
        read_role_assignments(world.session(), world.vm_id, "x' or principalId ne '")
    assert world.simulator.requests == []


def test_interfaces_give_addresses_subnet_and_security_group(around):
    facts = around(lambda stage: stage.static_address("10.0.0.9")).facts()
    (nic,) = facts.nics()
    (configuration,) = nic.configurations
    assert (configuration.address, configuration.allocation, configuration.primary) == ("10.0.0.9", "Static", True)
    assert (nic.primary, nic.accelerated, nic.dns_servers, nic.state) == (True, False, (), "Succeeded")
    assert same(nic.vm_id, facts.vm_id)
    (subnet,) = facts.subnets()
    assert same(subnet.id, configuration.subnet_id)
    assert (subnet.prefixes, subnet.nsg_id, subnet.route_table_id) == (("10.0.0.0/24",), "", "")


def test_security_groups_of_interface_and_subnet_are_read_with_their_rules(around):
    def guarded(stage):
        stage.rule("deny-internet", priority=200)
        guard = stage.world.inventory.add(network.NSG, "rg-web", "subnet-nsg", network.security_group())
        subnet = stage.world.inventory.of_type(network.VNET)[0].properties["subnets"][0]
        subnet["properties"]["networkSecurityGroup"] = {"id": guard.id}
        return stage

    own, shared = around(guarded).facts().nsgs()
    assert (own.name, shared.name) == ("web-01-nsg", "subnet-nsg")
    rule = next(rule for rule in own.rules if not rule.default)
    assert (rule.name, rule.direction, rule.access, rule.priority) == ("deny-internet", "Outbound", "Deny", 200)
    assert (rule.sources, rule.destinations, rule.ports) == (("*",), ("Internet",), ("443",))
    assert [one.priority for one in own.rules if one.direction == "Outbound"] == [200, 65000, 65001, 65500]
    assert all(rule.default for rule in shared.rules)


def test_virtual_networks_of_a_subscription_are_read_with_their_subnets(around):
    world = around(lambda stage: stage.network("vnet-dr", group="rg-dr", location="northeurope"))
    session = world.session(read_only=True)
    home, other = read_virtual_networks(session, world.server.ready["subscription"])
    assert (home.name, other.name, other.location) == ("rg-web-vnet", "vnet-dr", "northeurope")
    assert (other.prefixes, other.subnets[0].prefixes) == (("10.1.0.0/16",), ("10.1.0.0/24",))
    assert read_virtual_network(session, other.id) == other


def test_a_storage_account_says_what_it_is_and_who_passes_its_firewall(around):
    rules = {"bypass": "None", "defaultAction": "Deny", "virtualNetworkRules": [], "ipRules": []}
    world = around(lambda stage: stage.storage_account(sku="Premium_LRS", kind="BlockBlobStorage", networkAcls=rules))
    session = world.session(read_only=True)
    account = read_storage_account(session, f"{world.stage.group('rg-web')}/providers/{STORAGE}/stagingweu")
    assert (account.sku, account.kind, account.location) == ("Premium_LRS", "BlockBlobStorage", "westeurope")
    assert (account.default_action, account.bypass, account.public_access) == ("Deny", "None", "Enabled")
    with pytest.raises(NotFound):
        read_storage_account(session, account.id + "2")


def test_a_machine_registered_for_sql_says_how_and_another_one_nothing(around):
    machine = around(lambda stage: stage.sql_machine(sqlManagement="LightWeight")).facts().sql_vm()
    assert (machine.management, machine.license, machine.auto_backup) == ("LightWeight", "PAYG", False)
    assert around().facts().sql_vm() is None


def test_a_subscription_that_knows_no_sql_machines_has_none(around):
    world = around()
    world.simulator.world.resources.providers["Microsoft.SqlVirtualMachine"] = "NotRegistered"
    assert world.facts().sql_vm() is None


def test_policies_at_and_above_a_scope_are_read_with_their_rule(around):
    def governed(stage):
        stage.policy_denial("tagged", "Groups need a tag", {"field": "tags['env']", "exists": "false"})
        return stage.policy_denial("elsewhere", "Other", {}, scope=stage.group("rg-other"))

    world = around(governed)
    (assignment,) = world.facts().policy_assignments()
    assert (assignment.title, assignment.enforced) == ("Groups need a tag", True)
    assert assignment.applies_to(world.vm_id)
    session = world.session(read_only=True)
    definition = read_policy_definition(session, assignment.definition_id)
    assert (definition.effect, definition.rule["field"]) == ("deny", "tags['env']")
    assert read_policy_definition(session, assignment.definition_id + "2") is None
    assert read_policy_definition(session, "/providers/Microsoft.Authorization/policySetDefinitions/x") is None
    world.simulator.world.authorization.policies.assignments[assignment.id.lower()].not_scopes.append(world.vm_id)
    (assignment,) = read_policy_assignments(session, world.vm_id)
    assert not assignment.applies_to(world.vm_id)


def test_metrics_of_the_last_hour_are_processor_and_memory(around):
    world = around(lambda stage: stage.metric("Percentage CPU", 99.5).metric("Available Memory Bytes", 2e8))
    cpu, memory = world.facts().metrics()
    assert (cpu.name, cpu.unit, cpu.average, cpu.highest, len(cpu.points)) == (
        "Percentage CPU",
        "Percent",
        99.5,
        99.5,
        60,
    )
    assert (memory.unit, memory.lowest) == ("Bytes", 2e8)


def test_a_machine_that_does_not_run_has_no_metrics(around):
    world = around()
    world.stage.vm.power_state = "deallocated"
    cpu, _ = world.facts().metrics(timedelta(days=1))
    assert (cpu.points, cpu.average, cpu.highest, cpu.lowest) == ((), None, None, None)


def test_a_long_window_is_read_by_the_hour(around):
    world = around()
    now = world.simulator.world.clock.now
    (cpu,) = read_metrics(world.session(), world.vm_id, ("Percentage CPU",), now - timedelta(days=2), now)
    assert len(cpu.points) == 48


def test_the_activity_log_of_a_machine_comes_newest_first(around):
    act = "Microsoft.Compute/virtualMachines/deallocate/action"

    def eventful(stage):
        stage.happened(act, ago=timedelta(hours=3), status="Failed", message="Quota exceeded.", level="Error")
        stage.happened(act, ago=timedelta(hours=1), caller="ops@contoso.com")
        stage.happened(act, ago=timedelta(days=9))
        return stage.happened(act, ago=timedelta(hours=2), resource_id=f"{stage.vm.id}2")

    newest, oldest = around(eventful).facts().events()
    assert (newest.operation, newest.caller, newest.status, newest.detail) == (act, "ops@contoso.com", "Succeeded", "")
    assert (oldest.status, oldest.detail, oldest.level) == ("Failed", "Quota exceeded.", "Error")


def test_resource_health_tells_the_platform_from_the_user(around):
    world = around(lambda stage: stage.unhealthy("Degraded", "The host is being repaired."))
    assert (world.facts().health().state, world.facts().health().reason) == ("Degraded", "Unplanned")
    world = around()
    assert world.facts().health().state == "Available"
    world.stage.vm.power_state = "deallocated"
    assert world.facts().health().reason == "Customer Initiated"


@pytest.mark.parametrize(
    "name",
    ["disks", "key_vaults", "sql_vm", "nics", "subnets", "nsgs", "policy_assignments", "metrics", "events", "health"],
)
def test_a_fact_can_be_read_with_exactly_the_permissions_it_declares(around, name):
    world = around(lambda stage: stage.encrypted().sql_machine())
    for lacking in READS[name]:
        world.simulator.world.authorization.granted = set(READS[name]) - {lacking}
        with pytest.raises(Forbidden, match=lacking):
            getattr(world.facts(), name)()
    world.simulator.world.authorization.granted = set(READS[name])
    getattr(world.facts(), name)()
