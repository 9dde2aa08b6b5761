"""Facts of where a restore goes to."""

from __future__ import annotations

from datetime import timedelta

import pytest

from arm.errors import Forbidden
from arm.facts.permissions import READS
from arm.facts.restore import find_vms
from simulator.scenarios.restore import AGO
from simulator.services.insights.state import Health

HERE = "restore-not-authorized"


def test_the_newest_failed_restore_tells_its_error_and_its_inputs(drill):
    job = drill(HERE).facts().last_failed_restore()
    assert (job.operation, job.status, job.errors[0].code) == ("Restore", "Failed", 499174)
    assert job.properties["Target Storage Account Name"] == "stagingweu"
    assert job.properties["Recovery point time "] == "3/2/2026 2:05:20 AM"
    assert drill("healthy").facts().last_failed_restore() is None


def test_a_vault_tells_its_region_and_whether_it_restores_in_the_paired_one(drill):
    vault = drill(HERE).facts().vault()
    assert (vault.name, vault.location, vault.cross_region) == ("vault-weu", "westeurope", False)
    assert drill("unprotected").facts().vault() is None


def test_the_storage_accounts_of_a_subscription_tell_whether_they_are_online(drill):
    accounts = {one.name: one for one in drill("restore-account-offline").facts().storage_accounts()}
    assert {name: one.primary_status for name, one in accounts.items()} == {
        "stagingweu": "available",
        "stagingdown": "unavailable",
    }
    assert (accounts["stagingweu"].sku, accounts["stagingweu"].kind) == ("Standard_LRS", "StorageV2")


def test_the_health_of_a_storage_account_is_what_resource_health_says(drill):
    world = drill("restore-account-offline")
    (account, *_) = world.facts().storage_accounts()
    assert world.facts().storage_health(account.id).state == "Available"
    world.simulator.world.insights.health[account.id.lower()] = Health("Unavailable", "An outage.")
    assert world.facts().storage_health(account.id).state == "Unavailable"


def test_networks_and_groups_are_those_of_the_whole_subscription(drill):
    facts = drill("restore-network-elsewhere").facts()
    networks = {one.name: (one.location, [subnet.name for subnet in one.subnets]) for one in facts.all_networks()}
    assert networks == {"rg-web-vnet": ("westeurope", ["default"]), "vnet-neu": ("northeurope", ["default"])}
    (default,) = next(one for one in facts.all_networks() if one.name == "rg-web-vnet").subnets
    assert (default.used, default.delegated_to) == (1, ())
    groups = {group.name: group.location for group in facts.resource_groups()}
    assert groups["rg-neu"] == "northeurope"
    assert groups["rg-restored"] == "westeurope"


def test_every_group_is_found_over_all_pages(drill):
    world = drill("restore-group-missing")
    world.simulator.world.page_size = 7
    assert len(world.facts().resource_groups()) == 30


def test_machines_are_found_by_name_in_any_case_and_only_by_what_can_be_a_name(drill):
    facts = drill(HERE).facts()
    assert [one.rsplit("/", 1)[-1] for one in facts.vms_of_name("WEB-01")] == ["web-01"]
    assert facts.vms_of_name("web-02") == ()
    assert find_vms(facts.session, facts.subscription, "' or true or '") == ()


def test_refusals_are_what_failed_for_want_of_a_role_since_the_restore_began(drill):
    world = drill(HERE)
    log = world.simulator.world.insights.log
    now, somewhere = world.simulator.world.clock.now, world.vm_id
    for ago, status, message in (
        (AGO + timedelta(hours=1), "Failed", "AuthorizationFailed"),
        (timedelta(hours=1), "Failed", "SkuNotAvailable"),
        (timedelta(hours=1), "Succeeded", "AuthorizationFailed"),
        (timedelta(minutes=5), "Failed", "LinkedAuthorizationFailed"),
    ):
        log(now - ago, somewhere, "Microsoft.Compute/virtualMachines/write", status=status, message=message)
    found = world.facts().refusals()
    assert [event.time for event in found] == [now - timedelta(minutes=5), now - AGO + timedelta(minutes=2)]
    assert drill("healthy").facts().refusals() == ()


def test_load_balancers_are_those_that_lead_to_an_interface(drill):
    (nic,) = drill("restore-load-balanced").facts().nics()
    assert [one.rsplit("/", 1)[-1] for one in nic.configurations[0].balancers] == ["ssh-web-01"]
    assert drill(HERE).facts().nics()[0].configurations[0].balancers == ()


@pytest.mark.parametrize("name", ["vault", "storage_accounts", "all_networks", "resource_groups", "refusals"])
def test_a_fact_can_be_read_with_what_it_declares_and_not_without_its_own_permission(drill, name):
    world = drill(HERE)
    world.simulator.world.authorization.granted = set(READS[name])
    assert getattr(world.facts(), name)()
    world.simulator.world.authorization.granted = set(READS[name]) - {READS[name][-1]}
    with pytest.raises(Forbidden, match=READS[name][-1]):
        getattr(world.facts(), name)()
