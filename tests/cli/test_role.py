"""``role``: the least-privilege custom role, as ``az role definition create`` takes it."""

from __future__ import annotations

import json

import pytest

from runbooks.permissions import permissions
from runbooks.registry import find, runbooks

from ..drill import CODE

SUBSCRIPTION = "22222222-2222-4222-8222-222222222222"


def test_the_role_of_an_error_has_exactly_its_permissions(remediate):
    said = remediate(None, "role", CODE, "--subscription", SUBSCRIPTION)
    assert (said.status, said.err) == (0, "")
    role = json.loads(said.out)
    assert role["Actions"] == list(permissions(find(CODE)))
    assert role["AssignableScopes"] == [f"/subscriptions/{SUBSCRIPTION}"]


def test_the_role_has_the_keys_that_azure_wants_and_no_wildcard(remediate):
    role = json.loads(remediate(None, "role", "--subscription", SUBSCRIPTION).out)
    keys = ("Name", "IsCustom", "Description", "Actions", "NotActions", "DataActions", "NotDataActions")
    assert set(role) == {*keys, "AssignableScopes"}
    assert not [action for action in role["Actions"] if "*" in action]


def test_the_role_without_a_code_is_enough_for_every_runbook(remediate):
    role = json.loads(remediate(None, "role", "--subscription", SUBSCRIPTION).out)
    assert set(role["Actions"]) == {action for runbook in runbooks() for action in permissions(runbook)}


def test_no_role_may_delete_a_vault_a_protected_item_or_its_recovery_points(remediate):
    actions = [action.lower() for action in json.loads(remediate(None, "role").out)["Actions"]]
    assert "microsoft.recoveryservices/vaults/delete" not in actions
    assert not [action for action in actions if action.endswith(("protecteditems/delete", "recoverypoints/delete"))]


def test_without_a_scope_the_placeholder_is_told(remediate):
    said = remediate(None, "role", CODE)
    assert said.status == 0
    assert json.loads(said.out)["AssignableScopes"] == ["/subscriptions/00000000-0000-0000-0000-000000000000"]
    assert "--subscription ID" in said.err


@pytest.mark.parametrize(
    ("arguments", "named"), [(("Foo",), "'Foo'"), (("--scope", "/x"), "'/x'"), (("--scope", ""), "''")]
)
def test_an_unknown_code_or_a_scope_that_is_none_is_refused(remediate, arguments, named):
    said = remediate(None, "role", *arguments)
    assert (said.status, said.out) == (2, "")
    assert named in said.err
