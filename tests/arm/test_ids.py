"""Azure writes one id in many ways; they all mean the same resource."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arm.errors import UsageError
from arm.ids import (
    covers,
    group_id,
    looks_like_id,
    normal,
    parse,
    parse_vm,
    same,
    scope_of_lock,
    spoken,
)

GROUP = "/subscriptions/s/resourceGroups/rg-web"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web-01"
ITEM = (
    "/subscriptions/s/resourceGroups/rg-backup/providers/Microsoft.RecoveryServices/vaults/v/backupFabrics/Azure"
    "/protectionContainers/IaasVMContainer;iaasvmcontainerv2;rg-web;web-01/protectedItems/VM;iaasvmcontainerv2;rg-web;web-01"
)
part = st.text("abAB0_-.;() é", min_size=1, max_size=5).filter(lambda text: text.strip("."))
ids = st.lists(part, min_size=1, max_size=5).map(lambda parts: "/" + "/".join(parts))


@st.composite
def spellings(draw, texts=ids):
    """An id, and the same one as somebody else writes it."""
    text = draw(texts)
    other = "".join(draw(st.sampled_from([char, char.upper(), char.lower()])) for char in text)
    other = "".join("/" * draw(st.integers(1, 3)) if char == "/" else char for char in other)
    return text, other + "/" * draw(st.integers(0, 2))


@given(spellings())
def test_an_id_is_the_same_in_any_case_and_with_any_slashes(pair):
    assert same(*pair)


@given(ids)
def test_an_id_is_the_same_when_percent_encoded(text):
    assert same(text, "".join(f"%{ord(char):02X}" if char in " ;()" else char for char in text))


@given(ids, ids, ids)
def test_being_the_same_is_an_equivalence(one, two, three):
    assert same(one, one)
    assert same(one, two) == same(two, one)
    if same(one, two) and same(two, three):
        assert same(one, three)


@given(ids)
def test_a_normal_id_is_its_own_normal_form(text):
    assert normal(normal(text)) == normal(text)


@given(ids, ids, ids)
def test_covering_is_a_partial_order(one, two, three):
    assert covers(one, one)
    if covers(one, two) and covers(two, one):
        assert same(one, two)
    if covers(one, two) and covers(two, three):
        assert covers(one, three)


@given(ids, st.lists(part, min_size=1, max_size=4))
def test_a_scope_covers_everything_below_it_and_nothing_beside_it(scope, rest):
    below = "/".join([scope, *rest])
    assert covers(scope, below)
    assert not covers(below, scope)
    assert not covers(scope, scope + "x")


@given(spellings(), spellings())
def test_covering_does_not_depend_on_how_an_id_is_written(one, two):
    assert covers(one[0], two[0]) == covers(one[1], two[1])


def test_an_id_is_split_into_subscription_group_types_and_names():
    parsed = parse(ITEM)
    assert (parsed.subscription, parsed.resource_group, parsed.namespace) == (
        "s",
        "rg-backup",
        "Microsoft.RecoveryServices",
    )
    assert parsed.type == "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems"
    assert parsed.names[0] == "v"
    assert parsed.name == "VM;iaasvmcontainerv2;rg-web;web-01"


@pytest.mark.parametrize(
    "text",
    ["", "/", "web-01", GROUP, VM + "/extensions", VM.replace("resourceGroups", "groups"), "/providers/x/y/z/a/b/c/d"],
)
def test_what_is_no_resource_id_is_refused_with_an_example(text):
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert "not a full Azure resource id" in caught.value.message
    assert "/subscriptions/" in caught.value.next_step


def test_the_id_of_something_else_is_not_taken_for_a_vm():
    assert parse_vm(VM.upper()).name == "WEB-01"
    with pytest.raises(UsageError, match=r"Microsoft\.Compute/disks, not a virtual machine"):
        parse_vm(f"{GROUP}/providers/Microsoft.Compute/disks/d")


@pytest.mark.parametrize("odd", ["web'01", 'web"01', "web-01' or 'a' == 'a", "web%2701", "web-01\n", "a|b", "a\\b"])
@pytest.mark.parametrize("place", ["web-01", "rg-web"])
def test_an_id_with_characters_that_no_vm_can_have_is_refused(odd, place):
    with pytest.raises(UsageError):
        parse_vm(VM.replace(place, odd))


@pytest.mark.parametrize("name", ["web-01", "Web_01.a", "vm(1)"])
def test_an_id_with_any_character_that_a_group_may_have_is_taken(name):
    assert parse_vm(VM.replace("rg-web", f"rg.{name}_ü")).name == "web-01"


def test_a_name_is_told_from_an_id():
    assert looks_like_id(VM)
    assert looks_like_id(VM.upper())
    assert not looks_like_id("web-01")


def test_the_group_of_a_resource_is_the_id_of_its_resource_group():
    assert same(group_id(VM), GROUP)


@pytest.mark.parametrize("scope", ["/subscriptions/s", GROUP, VM])
def test_the_scope_of_a_lock_is_what_it_sits_on(scope):
    assert scope_of_lock(f"{scope}/providers/Microsoft.Authorization/locks/x") == scope
    assert scope_of_lock(f"{scope}/PROVIDERS/MICROSOFT.AUTHORIZATION/LOCKS/x") == scope


def test_an_id_that_is_no_lock_is_its_own_scope():
    assert scope_of_lock(VM) == VM


def test_an_id_is_spoken_as_people_say_it():
    assert spoken("/subscriptions/s") == "subscription 's'"
    assert spoken(GROUP) == "resource group 'rg-web'"
    assert spoken(VM) == "virtualMachines 'web-01' in resource group 'rg-web'"
    assert spoken("/odd") == "/odd"
