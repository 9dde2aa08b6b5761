"""Role assignments, role definitions, policies, and what a caller with few permissions can do."""

from __future__ import annotations

import pytest

SUB = "/subscriptions/22222222-2222-4222-8222-222222222222"
GROUP = f"{SUB}/resourceGroups/rg-web"
SOMEBODY = "77777777-7777-4777-8777-777777777777"
NAME = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
ROLES = "providers/Microsoft.Authorization/roleDefinitions"
ASSIGNMENTS = "providers/Microsoft.Authorization/roleAssignments"
POLICIES = "providers/Microsoft.Authorization/policyAssignments"


def wanted(role=READER, principal=SOMEBODY):
    properties = {
        "roleDefinitionId": f"{SUB}/{ROLES}/{role}",
        "principalId": principal,
        "principalType": "ServicePrincipal",
    }
    return {"properties": properties}


def principals(response):
    assert response.status == 200
    return [entry["properties"]["principalId"] for entry in response.body["value"]]


def code(response):
    return response.status, response.body["error"]["code"]


# Assignments


def test_an_assignment_is_created_read_and_deleted(ask):
    path = f"{GROUP}/{ASSIGNMENTS}/{NAME}"
    made = ask("PUT", path, wanted())
    assert (made.status, made.body["id"], made.body["properties"]["scope"]) == (201, path, GROUP)
    assert ask("GET", path).body == made.body
    assert ask("PUT", path, wanted()).status == 200
    assert ask("DELETE", path).body == made.body
    assert ask("DELETE", path).status == 204
    assert code(ask("GET", path)) == (404, "RoleAssignmentNotFound")


def test_the_same_assignment_under_another_name_exists_already(ask):
    ask("PUT", f"{GROUP}/{ASSIGNMENTS}/{NAME}", wanted())
    other = f"{GROUP}/{ASSIGNMENTS}/{NAME.replace('a', 'b')}"
    assert code(ask("PUT", other, wanted())) == (409, "RoleAssignmentExists")
    changed = ask("PUT", f"{GROUP}/{ASSIGNMENTS}/{NAME}", wanted(principal=NAME))
    assert code(changed) == (400, "RoleAssignmentUpdateNotPermitted")


@pytest.mark.parametrize(
    ("name", "body", "refusal"),
    [
        ("reader", wanted(), "InvalidRoleAssignmentId"),
        (NAME, wanted(role=NAME), "RoleDefinitionDoesNotExist"),
        (NAME, wanted(principal="somebody"), "InvalidPrincipalId"),
        (NAME, {}, "InvalidRequestContent"),
    ],
)
def test_an_assignment_of_what_does_not_exist_is_refused(ask, name, body, refusal):
    assert code(ask("PUT", f"{GROUP}/{ASSIGNMENTS}/{name}", body)) == (400, refusal)


def test_a_list_holds_assignments_above_at_and_below_and_at_scope_none_below(ask, sim, vm_path):
    for scope, principal in ((vm_path, NAME), (GROUP, SOMEBODY)):
        sim.world.authorization.roles.assign(scope, "Reader", principal)
    caller = principals(ask("GET", f"{SUB}/{ASSIGNMENTS}?$filter=atScope()"))
    assert principals(ask("GET", f"{GROUP}/{ASSIGNMENTS}")) == [*caller, NAME, SOMEBODY]
    assert principals(ask("GET", f"{GROUP}/{ASSIGNMENTS}?$filter=atScope()")) == [*caller, SOMEBODY]
    assert principals(ask("GET", f"{GROUP}/{ASSIGNMENTS}?$filter=principalId eq '{NAME}'")) == [NAME]
    both = f"atScope() and assignedTo('{SOMEBODY}')"
    assert principals(ask("GET", f"{GROUP}/{ASSIGNMENTS}?$filter={both}")) == [SOMEBODY]
    assert code(ask("GET", f"{GROUP}/{ASSIGNMENTS}?$filter=role eq 'Reader'")) == (400, "InvalidParameter")


def test_the_caller_is_owner_of_the_subscription(ask):
    (entry,) = ask("GET", f"{SUB}/{ASSIGNMENTS}").body["value"]
    role = ask("GET", entry["properties"]["roleDefinitionId"])
    assert role.body["properties"]["roleName"] == "Owner"


def test_roles_are_found_by_name_and_type_and_id(ask, sim):
    sim.world.authorization.roles.add_definition("Backup Repair", SUB, ["*/read"])
    (found,) = ask("GET", f"{GROUP}/{ROLES}?$filter=roleName eq 'backup contributor'").body["value"]
    assert found["name"] == "5e467623-bb1f-42f4-a55d-6e525e11384b"
    (custom,) = ask("GET", f"{SUB}/{ROLES}?$filter=type eq 'CustomRole'").body["value"]
    assert custom["properties"]["assignableScopes"] == [SUB]
    assert ask("GET", f"/{ROLES}/{READER}?api-version=1").body["id"] == f"/{ROLES}/{READER}"
    assert ask("GET", f"/{ROLES}?api-version=1").body["value"][0]["id"].startswith(f"/{ROLES}/")
    assert code(ask("GET", f"{SUB}/{ROLES}/{NAME}")) == (404, "RoleDefinitionDoesNotExist")


def test_a_lock_stops_the_deletion_of_an_assignment(ask, sim):
    sim.world.authorization.add_lock(GROUP, "keep", "CanNotDelete")
    assignment = sim.world.authorization.roles.assign(GROUP, "Reader", SOMEBODY)
    assert code(ask("DELETE", assignment.id)) == (409, "ScopeLocked")


# Policies


def test_policies_are_listed_at_above_and_below_a_scope(ask, sim, vm_path):
    policies = sim.world.authorization.policies
    policies.deny("above", "Above", {"field": "type", "equals": "x"}, SUB)
    policies.deny("below", "Below", {}, vm_path)

    def names(query=""):
        return [entry["name"] for entry in ask("GET", f"{GROUP}/{POLICIES}{query}").body["value"]]

    assert names() == ["above", "below"]
    assert names("?$filter=atScope()") == ["above"]
    assert names("?$filter=atExactScope()") == []
    definition = policies.assignments[f"{vm_path}/{POLICIES}/below".lower()].definition
    assert names(f"?$filter=policyDefinitionId eq '{definition}'") == ["below"]
    assert ask("GET", definition).body["properties"]["policyRule"]["then"] == {"effect": "deny"}
    assert code(ask("GET", definition + "x")) == (404, "PolicyDefinitionNotFound")


def test_a_policy_is_no_longer_in_force_when_its_assignment_is_deleted(ask, sim):
    policies = sim.world.authorization.policies
    assignment = policies.deny("tagged", "Tagged", {}, SUB)
    assert policies.in_force("tagged", GROUP)
    assert ask("GET", assignment.id).body["properties"]["enforcementMode"] == "Default"
    assert ask("DELETE", assignment.id).status == 200
    assert not policies.in_force("tagged", GROUP)
    assert ask("DELETE", assignment.id).status == 204
    assert code(ask("GET", assignment.id)) == (404, "PolicyAssignmentNotFound")


def test_a_policy_is_not_in_force_where_it_is_excepted(sim):
    policies = sim.world.authorization.policies
    policies.deny("tagged", "Tagged", {}, SUB).not_scopes.append(GROUP)
    assert not policies.in_force("tagged", f"{GROUP}/providers/x/y/z")
    assert policies.in_force("tagged", f"{SUB}/resourceGroups/other")


# A caller with few permissions


def grant(ask, *actions):
    assert ask("POST", "/_sim/settings", {"granted_actions": list(actions)}).status == 200


def test_a_read_that_is_not_granted_is_forbidden_in_azures_words(ask, vm_path):
    grant(ask, "Microsoft.Compute/disks/read")
    refused = ask("GET", vm_path)
    assert code(refused) == (403, "AuthorizationFailed")
    assert (
        f"perform action 'Microsoft.Compute/virtualMachines/read' over scope '{vm_path}'"
        in (refused.body["error"]["message"])
    )


def test_what_is_granted_can_be_done_wildcards_and_any_case_included(ask, vm_path):
    grant(ask, "microsoft.compute/virtualmachines/*")
    assert ask("GET", vm_path).status == 200
    assert ask("POST", f"{vm_path}/restart").status == 202
    assert ask("GET", f"{GROUP}/providers/Microsoft.Compute/disks").status == 403


def test_what_is_denied_is_denied_though_it_is_granted(ask, vm_path):
    grant(ask, "*")
    ask("POST", "/_sim/settings", {"denied_actions": ["*/restart/action"]})
    assert ask("GET", vm_path).status == 200
    assert ask("POST", f"{vm_path}/restart").status == 403


def test_a_write_that_is_not_granted_changes_nothing(ask, sim):
    grant(ask, "*/read")
    (lock,) = sim.world.authorization.locks.values()
    assert ask("DELETE", lock.id).status == 403
    assert lock.id.lower() in sim.world.authorization.locks
    assert sim.requests[-1]["effect"] is False


def test_following_an_operation_needs_its_own_permission(ask, vm_path):
    grant(ask, "Microsoft.Compute/virtualMachines/*")
    accepted = ask("POST", f"{vm_path}/restart")
    assert ask("GET", accepted.headers["Azure-AsyncOperation"]).status == 403
    grant(ask, "Microsoft.Compute/locations/operations/read")
    assert ask.follow(accepted).body["status"] == "Succeeded"


def test_resource_graph_leaves_out_what_the_caller_may_not_read(ask):
    def types(query):
        path = "/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01"
        answered = ask("POST", path, {"query": query})
        assert answered.status == 200
        return {row["type"] for row in answered.body["data"]}

    grant(ask, "Microsoft.Compute/virtualMachines/read")
    assert types("resources") == {"microsoft.compute/virtualmachines"}
    assert types("recoveryservicesresources") == types("resourcecontainers") == set()
    grant(ask, "*/read")
    assert "microsoft.network/networkinterfaces" in types("resources")
    ask("POST", "/_sim/settings", {"denied_actions": ["Microsoft.Network/*"]})
    assert "microsoft.network/networkinterfaces" not in types("resources")


def test_permissions_show_what_is_granted_and_denied(ask):
    def shown():
        (entry,) = ask("GET", f"{GROUP}/providers/Microsoft.Authorization/permissions").body["value"]
        return entry["actions"], entry["notActions"]

    assert shown() == (["*"], [])
    grant(ask, "Microsoft.Authorization/permissions/read", "*/disks/read")
    ask("POST", "/_sim/settings", {"denied_actions": ["x/y"]})
    assert shown() == (["*/disks/read", "Microsoft.Authorization/permissions/read"], ["x/y"])
    ask("POST", "/_sim/settings", {"granted_actions": None})
    assert shown()[0] == ["*"]


def test_outside_of_subscriptions_no_grant_is_needed(ask):
    grant(ask)
    assert ask("GET", "/subscriptions?api-version=2022-12-01").status == 200
    assert ask("GET", "/tenants?api-version=2022-12-01").status == 200
    assert ask("GET", f"{SUB}").status == 403
