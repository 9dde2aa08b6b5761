"""Finding the one VM that is meant: by name over all subscriptions, or by id; never by guessing."""

from __future__ import annotations

import pytest

from arm.errors import AmbiguousVm, UsageError, VmNotFound
from arm.facts.graph import find_protected_item, find_vm, query
from arm.ids import same


def test_a_vm_is_found_by_its_name_in_any_case_with_its_region(drill):
    world = drill()
    found = find_vm(world.session(), "WEB-01")
    assert same(found.id, world.vm_id)
    assert found.location == "westeurope"


def test_a_vm_given_by_its_id_costs_no_request(drill):
    world = drill()
    found = find_vm(world.session(), world.vm_id.upper().replace("/PROVIDERS", "//PROVIDERS") + "/")
    assert same(found.id, world.vm_id)
    assert found.location == ""
    assert world.simulator.requests == []


def test_several_vms_of_a_name_are_listed_and_none_is_chosen(drill):
    world = drill("duplicate-name")
    with pytest.raises(AmbiguousVm, match="2 virtual machines are called") as caught:
        find_vm(world.session(), "web-01")
    assert len(caught.value.candidates) == 2
    assert "--resource-group" in caught.value.next_step
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("group", ["rg-web", "RG-SHOP"])
def test_a_name_is_narrowed_by_its_group(drill, group):
    found = find_vm(drill("duplicate-name").session(), "web-01", resource_group=group)
    assert f"/resourcegroups/{group}/".lower() in found.id.lower()


def test_a_name_is_narrowed_by_its_subscription(drill):
    world = drill()
    subscription = str(world.server.ready["subscription"])
    assert same(find_vm(world.session(), "web-01", subscription=subscription).id, world.vm_id)
    (asked,) = world.simulator.requests
    assert asked["body"]["subscriptions"] == [subscription]


def test_an_unknown_name_is_answered_with_those_like_it(drill):
    world = drill()
    with pytest.raises(VmNotFound, match="no virtual machine 'web-1'") as caught:
        find_vm(world.session(), "web-1")
    assert caught.value.candidates == ("web-01",)


def test_an_unknown_name_unlike_any_is_answered_with_what_there_is(drill):
    world = drill()
    with pytest.raises(VmNotFound, match="in group 'rg-x'") as caught:
        find_vm(world.session(), "zzz", resource_group="rg-x")
    assert caught.value.candidates == ("web-01",)


@pytest.mark.parametrize("name", ["", " ", "web 01", "web-01\n", "web'01", "a" * 65, "*", "web-01' or '1' == '1"])
def test_what_cannot_be_a_name_is_refused_before_anything_is_asked(drill, name):
    world = drill()
    with pytest.raises(UsageError):
        find_vm(world.session(), name)
    with pytest.raises(UsageError):
        find_vm(world.session(), "web-01", resource_group=f"{name}'")
    assert world.simulator.requests == []


def test_an_id_with_a_quote_never_gets_into_a_query(drill):
    world = drill()
    odd = f"{world.vm_id}' or name contains 'a"
    with pytest.raises(UsageError):
        find_vm(world.session(), odd)
    with pytest.raises(UsageError):
        find_protected_item(world.session(), odd)
    assert world.simulator.requests == []


def test_the_item_of_a_vm_that_is_gone_is_found_and_of_an_unknown_one_is_not(drill):
    world = drill("vm-deleted")
    assert "/protectedItems/" in find_protected_item(world.session(), world.vm_id)
    assert find_protected_item(world.session(), world.vm_id + "x") == ""


@pytest.mark.parametrize("group", ["", "RG-WEB"])
def test_a_vm_that_is_gone_is_found_by_the_item_it_has_left(drill, group):
    world = drill("vm-deleted")
    assert same(find_vm(world.session(), "WEB-01", resource_group=group).id, world.vm_id)
    with pytest.raises(VmNotFound):
        find_vm(world.session(), "web-01", resource_group="rg-shop")


@pytest.mark.parametrize("data", [None, "rows", {"columns": []}, [1, None]])
def test_an_answer_without_rows_is_no_rows(azure, session_at, data):
    azure.says({"data": data})
    assert query(session_at(azure.endpoint), "resources") == []
