"""``remediate check``: one VM, or all of them."""

from __future__ import annotations

import re

import pytest

from arm.facts.fleet import Scope
from runbooks.checks import CHECKS
from simulator.scenarios import Scenario

from ..docs.test_schemas import validated

JSON = ("-o", "json")
FLEET = [check.id for check in CHECKS if check.fleet]


def test_a_healthy_vm_ends_with_0_and_writes_nothing(drill, remediate):
    world = drill("healthy")
    said = remediate(world, "check", "--vm", "web-01")
    assert said.status == 0
    assert "Health of web-01 (rg-web, vault vault-weu)" in said.out
    assert re.search(r"^pass +CHK-VM-STATE +provisioning state Succeeded", said.out, re.MULTILINE)
    assert "0 writes" in said.out
    assert world.writes == []


def test_failures_come_first_with_what_is_expected_and_why_and_end_with_1(drill, remediate):
    said = remediate(drill(), "check", "--vm", "web-01")
    assert said.status == 1
    first = said.out.splitlines()[2:5]
    assert re.match(r"fail +CHK-LOCKS +CanNotDelete 'do-not-delete'", first[0])
    assert first[1].strip().startswith("expected: no lock")
    assert first[2].strip().startswith("why: ")
    order = re.findall(r"^(fail|warn|unknown|pass)\b", said.out, re.MULTILINE)
    assert order == sorted(order, key=["fail", "warn", "unknown", "pass"].index)


@pytest.mark.parametrize("scenario", ["healthy", "rp-collection-limit", "vm-deleted"])
def test_the_json_of_one_vm_conforms(drill, remediate, scenario):
    world = drill(scenario)
    said = remediate(world, "check", "--vm", world.vm_id, *JSON)
    found = validated(said.json, "remediate.check/1")
    assert found["exit_code"] == said.status == bool(found["totals"]["fail"])
    assert [one["id"] for one in found["results"]] == [check.id for check in CHECKS]
    assert sum(found["totals"].values()) == len(CHECKS)


def test_markdown_is_one_table_the_worst_first(drill, remediate):
    said = remediate(drill(), "check", "--vm", "web-01", "-o", "markdown")
    rows = [line for line in said.out.splitlines() if line.startswith("| ")]
    assert rows[0].startswith("| | check")
    assert rows[1].startswith("| fail | CHK-LOCKS |")
    assert len(rows) == len(CHECKS) + 1


def test_only_some_checks_read_only_what_they_need(drill, remediate):
    world = drill()
    said = remediate(world, "check", "--vm", world.vm_id, "--only", "CHK-VM-STATE", "--only", "rpc-count", *JSON)
    assert [one["id"] for one in said.json["results"]] == ["CHK-VM-STATE", "CHK-RPC-COUNT"]
    assert [one["status"] for one in said.json["results"]] == ["pass", "fail"]
    assert not [one for one in world.simulator.requests if "/locks" in one["path"].lower()]


@pytest.mark.parametrize(
    ("arguments", "said_why"),
    [
        (("--vm", "web-01", "--only", "CHK-LOKS"), "there is no check 'CHK-LOKS'"),
        (("--all", "--vm", "web-01"), "--all asks for every machine"),
        (("--vault", "vault-weu", "--vm", "web-01"), "--vault is for many machines"),
        ((), "no virtual machine was named"),
        (("--all", "--vault", "vault-wue"), "no vault 'vault-wue' can be read here"),
        (("--all", "--vault", "a' or '1"), "is not a name of a vault"),
        (("--all", "--vault", "/subscriptions/s/resourceGroups/g/providers/a.b/vaults/v"), "is not the id of"),
        (("--all", "--vault", "/subscriptions/s"), "is not a full Azure resource id"),
    ],
)
def test_a_wrong_call_is_a_usage_error(drill, remediate, arguments, said_why):
    said = remediate(drill(), "check", *arguments, *JSON)
    assert said.status == 2
    assert said_why in validated(said.json, "remediate.error/1")["message"]


def test_all_is_one_line_a_vm_the_worst_first_and_the_totals(drill, remediate):
    said = remediate(several(drill), "check", "--all")
    lines = said.out.splitlines()
    assert said.status == 1
    assert re.match(r"fail +web-01 \(rg-web, vault vault-weu\): fail CHK-VM-STATE, CHK-EXT-HEALTH, ", lines[0])
    assert re.match(r"fail +alone \(rg-alone\): fail CHK-LOCKS", lines[1])
    assert re.match(r"fail +app-0 \(rg-app, vault vault-weu\): fail CHK-LOCKS", lines[2])
    assert lines[4].startswith("3 machines: 3 fail")


def test_all_conforms_in_json_and_writes_nothing(drill, remediate):
    world = several(drill)
    found = validated(remediate(world, "check", "--all", *JSON).json, "remediate.checks/1")
    assert len(found["machines"]) == sum(found["totals"].values()) == 3
    assert [one["id"] for one in found["machines"][0]["results"]] == FLEET
    assert {one["id"] for one in found["checks"] if one["answered"]} == set(FLEET)
    assert world.writes == []


def test_all_in_markdown_is_a_table_of_machines(drill, remediate):
    said = remediate(several(drill), "check", "--all", "-o", "markdown")
    assert len([line for line in said.out.splitlines() if line.startswith("| ")]) == 1 + 3


def test_what_resource_graph_cannot_answer_is_unknown(drill):
    found = drill("healthy").remediation(read_only=True).check_all(Scope(), ["CHK-AGENT-RUNNING"])
    (result,) = found.machines[0].results
    assert (result.status.value, "--vm" in result.saw) == ("unknown", True)


def test_a_vault_means_the_machines_it_protects(drill, remediate):
    world = several(drill)
    found = remediate(world, "check", "--all", "--vault", "VAULT-WEU", *JSON).json
    assert sorted(one["vm_id"].rpartition("/")[2] for one in found["machines"]) == ["app-0", "web-01"]
    assert found["scope"].endswith("/vaults/vault-weu")
    again = remediate(world, "check", "--all", "--vault", found["scope"], *JSON).json
    assert again["machines"] == found["machines"]
    assert remediate(world, "check", "--all", "--vault", "vault-empty", *JSON).json["machines"] == []


def test_another_subscription_has_no_machines(drill, remediate):
    said = remediate(drill(), "check", "--all", "--subscription", "99999999-2222-4222-8222-222222222222", *JSON)
    assert (said.status, said.json["machines"]) == (0, [])


def several(drill):
    """A world with a broken machine, a sound one in the same vault, and one without backup; one lock over all."""

    def build(stage):
        stage.web_server().points(2, newest=stage.night(0)).extension("Failed", "exit code 1").lock(stage.subscription)
        vm = stage.world.compute.add_vm("app-0", "rg-app", stage.vm.location)
        stage.world.recoveryservices.protect(vm.id, stage.vault, stage.policy)
        stage.world.compute.add_vm("alone", "rg-alone", stage.vm.location)
        stage.world.recoveryservices.add_vault("vault-empty", "rg-web", stage.vm.location)

    return drill(Scenario("test", None, "a test's own", build))
