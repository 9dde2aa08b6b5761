"""Many machines at a time: what Resource Graph tells agrees with the machines themselves, and asks no more for more."""

from __future__ import annotations

from datetime import timedelta

import pytest

from arm.errors import AzureError, BadResponse, Forbidden
from arm.facts.fleet import Scope, find_vault, read_fleet
from arm.facts.graph import query_all
from runbooks.checks import CHECKS, look
from simulator.scenarios import Scenario

HOUR = timedelta(hours=1)
FLEET = [check.id for check in CHECKS if check.fleet]


def fleet_of(count, every=lambda stage, number, vm: None):
    """A scenario with so many protected machines besides the main one."""

    def build(stage):
        stage.web_server().vault_points(3, newest=2).points(2, newest=stage.night(0))
        for number in range(count):
            vm = stage.world.compute.add_vm(f"app-{number:04}", "rg-app", stage.vm.location)
            stage.world.recoveryservices.protect(vm.id, stage.vault, stage.policy)
            every(stage, number, vm)

    return Scenario("test", None, "a test's own", build)


def asked(world):
    """How many requests a look at everything takes."""
    before = len(world.simulator.requests)
    found = world.remediation(read_only=True).check_all(Scope())
    assert world.writes == []
    return found, len(world.simulator.requests) - before


def test_three_hundred_machines_take_no_more_requests_than_three(drill):
    few, requests = asked(drill(fleet_of(2)))
    many, more = asked(drill(fleet_of(299)))
    assert (len(few.machines), len(many.machines)) == (3, 300)
    assert more == requests < 12
    assert many.totals["fail"] == 0


def test_more_machines_than_fit_on_a_page_only_take_more_pages(drill, monkeypatch):
    few, requests = asked(drill(fleet_of(0)))
    monkeypatch.setattr("simulator.services.resourcegraph.handlers.PAGE", 100)
    many, more = asked(drill(fleet_of(149)))
    assert (len(few.machines), len(many.machines)) == (1, 150)
    pages = {"machines": 2, "their protected items": 2, "their 300 disks": 3}
    assert more - requests == sum(count - 1 for count in pages.values())


@pytest.mark.parametrize(
    "set_up",
    [
        lambda stage: stage,
        lambda stage: stage.lock(stage.group()),
        lambda stage: stage.lock(stage.subscription, level="ReadOnly"),
        lambda stage: stage.extension("Failed", "exit code 1"),
        lambda stage: stage.data_disk(40_000, 3),
        lambda stage: stage.data_disk(128, 3, maxShares=2),
        lambda stage: stage.running("Backup", since=13 * HOUR, ends_in=HOUR),
        lambda stage: setattr(stage.vm, "power_state", "starting"),
        lambda stage: stage.machine_deleted(),
    ],
    ids=["healthy", "lock", "readonly", "extension", "disk", "shared", "slow", "starting", "deleted"],
)
def test_a_look_at_many_and_a_look_at_one_agree(world, set_up):
    drill = world(set_up)
    session = drill.session(read_only=True)
    known = next(one for one in read_fleet(session, Scope()) if one.vm_id.lower() == drill.vm_id.lower())
    alone = drill.facts()
    for check in FLEET:
        seen, told = look(check, known), look(check, alone)
        assert seen.status == told.status, (seen, told)


def test_a_machine_without_backup_is_unknown_where_backups_are_asked_about(drill):
    scenario = Scenario("test", None, "a VM without backup", lambda stage: stage.machine().backup_vault())
    (facts,) = read_fleet(drill(scenario).session(read_only=True), Scope())
    results = {check: look(check, facts).status.value for check in FLEET}
    assert results["CHK-VM-STATE"] == "pass"
    assert {results[f"CHK-{name}"] for name in ("JOB-RUNNING", "SLOW-BACKUP", "STAGGER", "ASYNC-MOVE")} == {"unknown"}


def test_a_machine_that_is_gone_is_told_only_while_its_protection_goes_on(drill):
    gone = Scenario("test", None, "gone", lambda stage: stage.web_server().machine_deleted())
    (facts,) = read_fleet(drill(gone).session(read_only=True), Scope())
    assert look("CHK-VM-STATE", facts).status.value == "fail"
    stopped = Scenario("test", None, "gone", lambda stage: stage.web_server().stopped().machine_deleted())
    assert read_fleet(drill(stopped).session(read_only=True), Scope()) == ()


def test_a_machine_that_was_moved_is_told_where_its_item_still_is(world):
    drill = world(lambda stage: stage.machine_moved("rg-new", asked_there=True))
    known = {facts.vm_id.split("/")[4]: facts for facts in read_fleet(drill.session(read_only=True), Scope())}
    assert {group: look("CHK-VM-STATE", facts).status.value for group, facts in known.items()} == {
        "rg-new": "pass",
        "rg-web": "fail",
    }
    assert look("CHK-ASYNC-MOVE", known["rg-new"]).status.value == "warn"


def test_an_extension_that_is_not_listed_is_not_called_sound(world):
    drill = world(lambda stage: stage.vm.extensions.clear())
    (facts,) = read_fleet(drill.session(read_only=True), Scope())
    assert look("CHK-EXT-HEALTH", facts).status.value == "unknown"


def test_locks_that_may_not_be_read_make_one_check_unknown(world):
    drill = world()
    drill.fault("deny", path="Microsoft.Authorization/locks", times=None)
    (facts,) = read_fleet(drill.session(read_only=True), Scope())
    results = {check: look(check, facts).status.value for check in FLEET}
    assert [check for check, status in results.items() if status == "unknown"] == ["CHK-LOCKS"]


def test_a_resource_graph_that_refuses_is_an_error_and_no_empty_fleet(world):
    drill = world()
    drill.fault("deny", path="Microsoft.ResourceGraph", times=None)
    with pytest.raises(Forbidden):
        read_fleet(drill.session(read_only=True), Scope())


def test_throttling_is_waited_for(world):
    drill = world()
    drill.fault("status", status=429, retry_after="5", path="Microsoft.ResourceGraph", times=3)
    assert len(read_fleet(drill.session(read_only=True), Scope())) == 1
    assert drill.slept


def test_what_is_not_known_of_a_machine_is_an_error_and_is_not_read(world):
    drill = world()
    (facts,) = read_fleet(drill.session(read_only=True), Scope())
    before = len(drill.simulator.requests)
    with pytest.raises(AzureError, match="does not tell"):
        facts.recovery_points()
    assert len(drill.simulator.requests) == before


def test_a_machine_in_two_vaults_is_told_by_the_one_that_backs_it_up(drill):
    def build(stage):
        stage.web_server().points(1, newest=stage.night(0)).stopped()
        newer = stage.world.recoveryservices.add_vault("vault-new", "rg-web", stage.vm.location)
        policy = stage.world.recoveryservices.add_policy(newer, "nightly")
        stage.world.recoveryservices.protect(stage.vm.id, newer, policy)

    session = drill(Scenario("test", None, "two vaults", build)).session(read_only=True)
    (facts,) = read_fleet(session, Scope())
    assert facts.protection().vault_id.endswith("/vault-new")
    assert read_fleet(session, find_vault(session, "vault-weu")) == ()
    assert len(read_fleet(session, find_vault(session, "vault-new"))) == 1


def test_a_job_in_an_earlier_vault_is_seen(drill):
    def build(stage):
        stage.web_server().running("Restore", since=HOUR, ends_in=HOUR).stopped()
        newer = stage.world.recoveryservices.add_vault("vault-new", "rg-web", stage.vm.location)
        policy = stage.world.recoveryservices.add_policy(newer, "nightly")
        stage.world.recoveryservices.protect(stage.vm.id, newer, policy)

    session = drill(Scenario("test", None, "two vaults", build)).session(read_only=True)
    (facts,) = read_fleet(session, Scope())
    result = look("CHK-JOB-RUNNING", facts)
    assert (result.status.value, "in vault vault-weu" in result.saw) == ("warn", True)


def test_a_query_over_several_pages_gives_every_row_once(drill, monkeypatch):
    monkeypatch.setattr("simulator.services.resourcegraph.handlers.PAGE", 10)
    session = drill(fleet_of(34)).session(read_only=True)
    rows = query_all(session, "resources | where type =~ 'microsoft.compute/virtualmachines' | project id")
    assert len(rows) == len({row["id"] for row in rows}) == 35


def test_rows_that_azure_cut_off_are_an_error_and_no_answer(drill, monkeypatch):
    monkeypatch.setattr("simulator.services.resourcegraph.handlers.PAGE", 10)
    session = drill(fleet_of(34)).session(read_only=True)
    with pytest.raises(BadResponse, match="only a part"):
        query_all(session, "resources | where type =~ 'microsoft.compute/virtualmachines' | project name")
