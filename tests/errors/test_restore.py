"""The pre-flight of a restore names exactly the inputs that are invalid, says what it cannot see, writes nothing."""

from __future__ import annotations

import itertools
from datetime import timedelta

import pytest

from arm.errors import UsageError
from remediate.engine.model import Verdict
from runbooks.classic import Past, Special
from runbooks.preflight import INPUTS, RULES, Status, invalid, look, offers, request_of
from runbooks.registry import runbooks
from runbooks.targets import KINDS, from_job
from simulator.scenarios import Scenario
from simulator.scenarios.restore import QUOTA, failed_restore
from simulator.services.inventory import network

SUBNET = "RestoreSubnetMissing"
OTHER = "99999999-9999-4999-8999-999999999999"
OTHER_VNET = f"/subscriptions/{OTHER}/resourceGroups/rg-x/providers/Microsoft.Network/virtualNetworks/vnet-x"
RESTORES = [runbook for runbook in runbooks() if runbook.code.startswith("Restore")]


def everything(stage):
    """Add, for each input, something that is valid and something for each way to be invalid."""
    stage.web_server().vault_points(10, newest=2).points(2, newest=stage.night(0))
    group = stage.group("rg-web")
    stage.storage_account("good").storage_account("faraway", location="North Europe", group="rg-neu")
    stage.storage_account("zrs", sku="Standard_RAGZRS").storage_account("blobs", kind="BlobStorage")
    stage.storage_account("down", statusOfPrimary="unavailable").storage_account("kept")
    closed = {"bypass": "None", "virtualNetworkRules": [], "ipRules": [], "defaultAction": "Deny"}
    stage.storage_account("closed", networkAcls=closed).storage_account(
        "ruled", networkAcls={**closed, "bypass": "AzureServices"}
    )
    stage.lock(f"{group}/providers/Microsoft.Storage/storageAccounts/kept", level="ReadOnly")
    stage.network("vnet-neu", group="rg-neu", location="northeurope", space="10.9.0.0/16")
    web = stage.world.inventory.find(f"{group}/providers/Microsoft.Network/virtualNetworks/rg-web-vnet")
    network.add_subnet(web, "tiny", "10.0.7.0/29", ipConfigurations=[{"id": f"/{number}"} for number in range(3)])
    delegation = [{"name": "sql", "properties": {"serviceName": "Microsoft.Sql/managedInstances"}}]
    network.add_subnet(web, "delegated", "10.0.8.0/24", delegations=delegation)
    for name in ("rg-free", "rg-locked"):
        stage.world.resources.add_group(name, "westeurope")
    return stage.lock(stage.group("rg-locked"), level="ReadOnly").lock(stage.group("rg-free"))


@pytest.fixture
def around(drill):
    """Start a drill of a stage that a function sets."""

    def start(set_up):
        return drill(Scenario("a test's own", None, "It is set by the test.", set_up))

    return start


def asked(facts, **inputs):
    return look(request_of(facts, facts.vault(), None, {name.replace("_", "-"): one for name, one in inputs.items()}))


def names(results):
    return {one.rule.name for one in results}


VALUES = {
    "storage-account": {
        "good": set(),
        "GOOD": set(),
        "ruled": set(),
        "faraway": {"storage-account-other-region"},
        "zrs": {"storage-account-unsupported"},
        "blobs": {"storage-account-unsupported"},
        "down": {"storage-account-offline"},
        "closed": {"storage-account-closed"},
        "kept": {"storage-account-locked"},
        "nowhere": {"storage-account-missing"},
        "'; --": {"storage-account-missing"},
    },
    "resource-group": {
        "rg-free": set(),
        "rg-locked": {"resource-group-locked"},
        "rg-nowhere": {"resource-group-missing"},
    },
    "virtual-network": {
        "rg-web-vnet": set(),
        "vnet-neu": {"virtual-network-other-region"},
        "vnet-nowhere": {"virtual-network-missing"},
        OTHER_VNET: {"virtual-network-missing"},
    },
    "subnet": {
        "default": set(),
        "nowhere": {"subnet-missing"},
        "tiny": {"subnet-unusable"},
        "delegated": {"subnet-unusable"},
    },
    "vm-name": {"web-02": set(), "web-01": {"vm-name-taken"}},
    "region": {"West Europe": set(), "northeurope": {"region-other"}},
}
"""By input and value: the rules that it breaks."""


def broken(values):
    """Return the rules that a combination of values breaks; a subnet is judged in the network beside it."""
    found = set().union(*(VALUES[name][value] for name, value in values.items()))
    place, subnet = values.get("virtual-network"), values.get("subnet")
    if subnet is None or place == "rg-web-vnet":
        return found
    found -= {"subnet-missing", "subnet-unusable"}
    missing = (place == "vnet-neu" and subnet != "default") or (place is None and subnet == "nowhere")
    return found | ({"subnet-missing"} if missing else set())


def test_of_every_combination_of_inputs_exactly_the_invalid_ones_are_named(around):
    facts = around(everything).facts()
    for chosen in itertools.product(*([None, *values] for values in VALUES.values())):
        values = {name: value for name, value in zip(VALUES, chosen, strict=True) if value is not None}
        results = look(request_of(facts, facts.vault(), None, values))
        assert names(invalid(results)) == broken(values), values
        quiet = {one.rule.input for one in results if one.status is Status.NOT_GIVEN}
        assert quiet == set(KINDS) - set(values)


@pytest.mark.parametrize("name", sorted(set(INPUTS) - {"job"}))
def test_what_is_offered_instead_is_valid(around, name):
    facts = around(everything).facts()
    request = request_of(facts, facts.vault(), None, {})
    offered = offers(request, name)
    assert offered
    for value in offered:
        results = look(request_of(facts, facts.vault(), None, {name: value}))
        assert {one.status for one in results if one.rule.input == name} == {Status.VALID}, value


def test_the_groups_of_the_backup_service_are_not_offered(around):
    facts = around(everything).facts()
    assert set(offers(request_of(facts, facts.vault(), None, {}), "resource-group")) == {"rg-web", "rg-neu", "rg-free"}


def test_a_subnet_may_be_given_with_its_network_by_names_or_by_id(around):
    facts = around(everything).facts()
    web = next(one for one in facts.all_networks() if one.name == "rg-web-vnet")
    for value in ("rg-web-vnet/default", web.subnets[0].id):
        assert {one.status for one in asked(facts, subnet=value) if one.rule.input == "subnet"} == {Status.VALID}
    assert names(invalid(asked(facts, subnet="rg-web-vnet/nowhere"))) == {"subnet-missing"}


def test_a_network_that_two_groups_have_is_not_chosen_by_chance(around):
    facts = around(lambda stage: everything(stage).network("rg-web-vnet", group="rg-free", space="10.3.0.0/16")).facts()
    (missing, *_) = [one for one in asked(facts, virtual_network="rg-web-vnet") if one.value]
    assert missing.status is Status.UNKNOWN
    assert "2 virtual networks" in missing.saw


def test_a_recovery_point_is_known_by_its_name_its_id_and_the_time_that_a_job_notes(around):
    facts = around(everything).facts()
    newest = facts.recovery_points()[-1]
    time = f"{newest.time.month}/{newest.time.day}/{newest.time.year} {newest.time.hour}:{newest.time:%M:%S} AM"
    for value in (newest.name, newest.id, time, time.removesuffix(" AM")):
        assert not invalid(asked(facts, recovery_point=value)), value
    for value in ("17", "13/41/2026 1:00:00 AM", "3/2/2026 2:05:20 PM"):
        assert names(invalid(asked(facts, recovery_point=value))) == {"recovery-point-missing"}


def test_a_recovery_point_without_a_copy_cannot_be_restored_from(around):
    world = around(everything)
    point = world.simulator.world.recoveryservices.item_of(world.vm_id).points[0]
    point.in_vault = False
    assert names(invalid(asked(world.facts(), recovery_point=point.id))) == {"recovery-point-unusable"}


def test_a_premium_account_is_for_vms_with_premium_disks_only(around):
    world = around(lambda stage: everything(stage).storage_account("premium", sku="Premium_LRS"))
    assert not invalid(asked(world.facts(), storage_account="premium"))
    machine = world.simulator.world.compute.vms[world.vm_id.lower()]
    for disk in (machine.os_disk, *machine.data_disks):
        disk.storage = "StandardSSD_LRS"
    assert names(invalid(asked(world.facts(), storage_account="premium"))) == {"storage-account-unsupported"}


def test_an_account_of_another_subscription_is_not_judged(around):
    far = f"/subscriptions/{OTHER}/resourceGroups/rg-x/providers/Microsoft.Storage/storageAccounts/far"
    results = asked(around(everything).facts(), storage_account=far)
    assert {one.status for one in results if one.rule.input == "storage-account"} == {Status.UNKNOWN}


def test_at_the_quota_a_group_that_exists_is_valid_and_none_can_be_made(around):
    def full(stage):
        everything(stage)
        while len(stage.world.resources.groups) < QUOTA:
            stage.world.resources.add_group(f"rg-{len(stage.world.resources.groups)}", "westeurope")
        stage.world.page_size = 1000
        return stage

    facts = around(full).facts()
    assert not invalid(asked(facts, resource_group="rg-free"))
    assert names(invalid(asked(facts))) == {"resource-group-quota"}
    assert names(invalid(asked(facts, resource_group="rg-new"))) == {"resource-group-quota", "resource-group-missing"}


def test_what_may_not_be_read_is_unknown_and_the_rest_is_looked_at(drill):
    world = drill("restore-account-elsewhere")
    world.simulator.world.authorization.denied = {"Microsoft.Storage/storageAccounts/read"}
    report = world.repair(code="RestoreVaultStorageRegionMismatch")
    assert report.stand.verdict is Verdict.NEEDS_HUMAN
    (cause,) = report.diagnosis.causes
    assert cause.standing.value == "possible"
    assert "Microsoft.Storage/storageAccounts/read" in cause.against[0]
    shown = {finding.label: finding.value for finding in report.diagnosis.findings}
    assert shown["storage-account"].startswith("stagingneu, as the failed job says: unknown")
    assert shown["resource-group"].endswith("valid")


def test_without_the_inputs_that_a_job_does_not_note_the_human_is_asked_for_them(drill):
    world = drill("restore-subnet-missing")
    report = world.repair(code=SUBNET)
    assert report.stand.verdict is Verdict.NEEDS_HUMAN
    assert "--input virtual-network=NAME; valid: rg-web-vnet" in report.stand.next_step
    assert "--input subnet=NAME; valid: rg-web-vnet/default" in report.stand.next_step
    assert [cause.standing.value for cause in report.diagnosis.causes] == ["possible"]


def test_the_command_has_what_is_valid_filled_in_and_the_rest_in_capitals(drill):
    world = drill("restore-account-elsewhere")
    step = world.repair(code="RestoreVaultStorageRegionMismatch").stand.next_step
    point = world.facts().recovery_points()[-1].name
    assert step.endswith(
        "az backup restore restore-disks --resource-group rg-web --vault-name vault-weu"
        " --container-name 'IaasVMContainer;iaasvmcontainerv2;rg-web;web-01'"
        f" --item-name 'VM;iaasvmcontainerv2;rg-web;web-01' --rp-name {point}"
        " --storage-account STORAGE-ACCOUNT --target-resource-group rg-restored"
    )
    report = world.repair(code="RestoreVaultStorageRegionMismatch", arguments={"storage-account": "stagingweu"})
    assert "/storageAccounts/stagingweu --target" in report.diagnosis.next_step


def test_another_input_given_as_code_stays_one_word_of_the_command(drill):
    world = drill("restore-name-taken")
    report = world.repair(code="RestoreDnsNameTaken", arguments={"vm-name": "x; rm -rf /"})
    assert "--target-vm-name 'x; rm -rf /' " in report.diagnosis.next_step
    assert world.writes == []


def test_after_a_restore_that_succeeded_there_is_nothing_to_do(drill):
    world = drill("restore-account-elsewhere")
    service = world.simulator.world.recoveryservices.service
    service.complete(service.add_job(world.simulator.world.recoveryservices.item_of(world.vm_id), "Restore"))
    report = world.repair(code="RestoreVaultStorageRegionMismatch")
    assert (report.stand.verdict, report.stand.reason) == (
        Verdict.NOTHING_TO_DO,
        "a restore of the VM has succeeded since",
    )


def test_a_restore_that_failed_with_another_error_is_refused_and_named(drill):
    report = drill("restore-account-elsewhere").repair(code=SUBNET)
    assert report.stand.verdict is Verdict.REFUSED
    assert report.stand.next_step == "Run 'remediate RestoreVaultStorageRegionMismatch'."


def test_an_earlier_failed_restore_may_be_named_and_an_unknown_one_may_not(drill):
    world = drill("restore-account-elsewhere")
    stage = next(iter(world.simulator.world.recoveryservices.vaults.values()))
    first = next(job for job in stage.jobs.values() if job.operation == "Restore")
    first.started -= timedelta(days=1)
    arguments = {"job": first.name.upper()}
    report = world.repair(code="RestoreVaultStorageRegionMismatch", arguments=arguments)
    assert report.stand.verdict is Verdict.NEEDS_HUMAN
    with pytest.raises(UsageError) as error:
        world.repair(code=SUBNET, arguments={"job": "nonsense"})
    assert first.name in error.value.candidates


@pytest.mark.parametrize("runbook", RESTORES, ids=lambda runbook: runbook.code)
def test_without_a_failed_restore_there_is_nothing_to_do_and_inputs_are_looked_at_all_the_same(drill, runbook):
    world = drill("healthy")
    assert world.repair(code=runbook.code).stand.verdict is Verdict.NOTHING_TO_DO
    report = world.repair(code=runbook.code, arguments={"storage-account": "nowhere"})
    assert report.stand.verdict is Verdict.NEEDS_HUMAN
    assert "no storage account of the subscription is nowhere" in report.stand.reason
    assert world.writes == []


@pytest.mark.parametrize("runbook", RESTORES, ids=lambda runbook: runbook.code)
def test_a_runbook_of_a_restore_has_no_steps_and_takes_the_inputs_of_a_restore(runbook):
    assert (runbook.steps, runbook.writes, runbook.choices, runbook.proof) == ((), (), {}, False)
    assert runbook.inputs == INPUTS


def test_a_vm_without_protection_and_one_whose_item_is_deleted_are_refused(drill):
    assert drill("unprotected").repair(code=SUBNET).stand.verdict is Verdict.REFUSED
    deleted = drill(
        Scenario("deleted", None, "x.", lambda stage: everything(stage).soft_deleted(timedelta(days=2)))
    ).repair(code=SUBNET)
    assert deleted.stand.verdict is Verdict.REFUSED
    assert "soft delete" in deleted.stand.reason


def test_the_restore_of_a_vm_that_is_gone_is_looked_at_too(around):
    world = around(
        lambda stage: failed_restore(everything(stage), SUBNET, account="good", group="rg-free").machine_deleted()
    )
    report = world.repair(code=SUBNET, arguments={"subnet": "rg-web-vnet/nowhere"})
    assert report.stand.verdict is Verdict.NEEDS_HUMAN
    assert "rg-web-vnet has no subnet nowhere" in report.stand.reason


@pytest.mark.parametrize("runbook", [one for one in RESTORES if one.entry.legacy], ids=lambda runbook: runbook.code)
def test_an_error_of_classic_cloud_services_says_so_and_rules_its_cause_out(drill, runbook):
    world = drill(runbook_scenario(runbook.code))
    diagnosis = world.repair(code=runbook.code).diagnosis
    assert diagnosis.reason.startswith("this error is one of classic cloud services, which the VM is not in")
    past = [cause for cause in diagnosis.causes if cause.name.startswith("classic-")]
    assert past
    assert {cause.standing.value for cause in past} == {"ruled out"}


def runbook_scenario(code):
    from simulator import SCENARIOS

    return next(name for name, one in SCENARIOS.items() if one.code == code)


def test_every_cause_has_a_name_of_its_own():
    from runbooks import classic

    told = [one.name for one in vars(classic).values() if isinstance(one, (Past, Special))]
    every = [*told, *(rule.name for rule in RULES)]
    assert len(every) == len(set(every))


@pytest.mark.parametrize(
    ("noted", "found"),
    [
        ({"Target Storage Account Name": " a ", "Config Blob Name": "x"}, {"storage-account": "a"}),
        ({"Target resource group": "g", "Recovery point time ": "t"}, {"resource-group": "g", "recovery-point": "t"}),
        ({"Target  Virtual Network": "v", "Subnet Name": "s"}, {"virtual-network": "v", "subnet": "s"}),
        ({"Target Virtual Machine Name": "m", "VM Name": "web-01", "Job Type": "Recover disks"}, {"vm-name": "m"}),
        ({"Target Storage Account Name": ""}, {}),
        ({}, {}),
    ],
)
def test_what_a_job_notes_is_known_by_the_words_of_its_name(noted, found):
    assert from_job(noted) == found
