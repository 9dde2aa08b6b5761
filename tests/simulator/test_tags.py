"""Tags as a resource of their own, as Microsoft documents them."""

from __future__ import annotations

import pytest

VERSION = "2021-04-01"


@pytest.fixture
def path(drill):
    world = drill("healthy")
    world.machine = world.simulator.world.compute.vms[world.vm_id.lower()]
    world.machine.tags = {"Owner": "web", "cost": "42"}
    return world


def patch(world, operation, tags, scope=None):
    from azure.core.exceptions import HttpResponseError

    session = world.session()
    client = session.resource(world.vm_id.split("/")[2])
    scope = scope or world.vm_id
    body = {"operation": operation, "properties": {"tags": tags}}
    with session.transport.permit("PATCH", f"{scope}/providers/Microsoft.Resources/tags/default"):
        try:
            client.tags.begin_update_at_scope(scope.strip("/"), body, polling=False)
        except HttpResponseError as error:
            return error.error.code
    return None


def test_merge_adds_and_replaces_by_name_in_any_case_and_leaves_the_rest(path):
    assert patch(path, "Merge", {"OWNER": "me", "new": "x"}) is None
    assert path.machine.tags == {"Owner": "me", "cost": "42", "new": "x"}


def test_delete_takes_away_by_name_or_by_name_and_value_only(path):
    assert patch(path, "Delete", {"owner": "somebody", "cost": "42"}) is None
    assert path.machine.tags == {"Owner": "web"}
    assert patch(path, "Delete", {"Owner": ""}) is None
    assert path.machine.tags == {}


def test_replace_leaves_nothing_but_what_is_given(path):
    assert patch(path, "Replace", {"only": "this"}) is None
    assert path.machine.tags == {"only": "this"}


def test_a_group_carries_tags_too(path):
    group = path.vm_id.split("/providers/")[0]
    assert patch(path, "Merge", {"a": "b"}, group) is None
    assert path.session().get(f"{group}/providers/Microsoft.Resources/tags/default", VERSION)["properties"] == {
        "tags": {"a": "b"}
    }


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({str(number): "" for number in range(49)}, "InvalidTags"),
        ({"a/b": "x"}, "InvalidTagNameCharacters"),
        ({"n" * 513: "x"}, "InvalidTagNameCharacters"),
        ({"azure-x": "x"}, "ReservedTagName"),
        ({"x": "v" * 257}, "TagValueTooLong"),
        ({f"x{number}": "v" * 256 for number in range(8)}, "InvalidParameter"),
    ],
)
def test_what_azure_does_not_store_is_refused(path, tags, code):
    before = dict(path.machine.tags)
    assert patch(path, "Merge", tags) == code
    assert path.machine.tags == before


@pytest.mark.parametrize(("operation", "tags", "code"), [("Mix", {}, "InvalidParameter"), ("Merge", None, None)])
def test_what_is_no_update_of_tags_is_refused(path, operation, tags, code):
    assert patch(path, operation, tags) in (code, "InvalidRequestContent")


def test_a_read_only_lock_refuses_a_change_of_tags(path):
    path.simulator.world.authorization.add_lock(path.vm_id.split("/providers/")[0], "ro", "ReadOnly")
    assert patch(path, "Merge", {"a": "b"}) == "ScopeLocked"


def test_tags_of_what_does_not_exist_are_not_found(path):
    assert patch(path, "Merge", {"a": "b"}, path.vm_id + "-gone") == "ResourceNotFound"
