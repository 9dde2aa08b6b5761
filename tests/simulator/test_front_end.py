from __future__ import annotations

import pytest

from simulator import SCENARIOS, Simulator, UnknownScenario
from simulator.frontend import parse

SUB = "/subscriptions/22222222-2222-4222-8222-222222222222"
VERSION = "api-version=2024-07-01"


def code(response):
    return response.body["error"]["code"]


def test_a_request_without_a_bearer_is_answered_401_with_a_challenge(sim):
    response = sim.handle(parse("GET", f"{SUB}?{VERSION}", [], b"", "http://sim.test"))
    assert (response.status, code(response)) == (401, "AuthenticationFailed")
    assert response.headers["WWW-Authenticate"].startswith("Bearer authorization_uri=")


def test_a_request_without_an_api_version_is_answered_400(sim):
    headers = {"Authorization": "Bearer anything"}
    response = sim.handle(parse("GET", SUB, headers.items(), b"", "http://sim.test"))
    assert (response.status, code(response)) == (400, "MissingApiVersionParameter")


def test_any_api_version_is_accepted_and_recorded(sim, ask):
    assert ask("GET", f"{SUB}?api-version=1999-01-01").status == 200
    assert sim.requests[-1]["api_version"] == "1999-01-01"


def test_paths_are_routed_in_any_case(ask, vm_path):
    assert ask("GET", vm_path.upper().replace(SUB.upper(), SUB)).body["name"] == "web-01"
    assert ask("GET", vm_path.lower()).body["name"] == "web-01"


def test_double_slashes_in_a_path_are_collapsed(ask, vm_path):
    path = vm_path.replace("/virtualMachines", "//virtualMachines") + "/providers/Microsoft.Authorization/locks"
    assert ask("GET", path).status == 200


def test_a_path_is_percent_decoded_once(sim):
    assert parse("GET", "/a%3Bb/%2541?q=%2541", [], b"", "").path == "/a;b/%41"


@pytest.mark.unjudged("no document knows a scope with encoded slashes")
def test_a_scope_with_encoded_slashes_is_not_found(ask):
    response = ask("GET", f"/{SUB[1:].replace('/', '%2F')}/providers/Microsoft.Authorization/locks?{VERSION}")
    assert response.status == 404


def test_another_subscription_is_not_found(ask):
    response = ask("GET", "/subscriptions/99999999-2222-4222-8222-222222222222/resourceGroups")
    assert (response.status, code(response)) == (404, "SubscriptionNotFound")


@pytest.mark.unjudged("the operation does not exist")
def test_an_operation_that_is_not_served_says_so(ask):
    response = ask("GET", f"{SUB}/providers/Microsoft.Nonsense/things")
    assert response.status == 404
    assert "does not serve" in response.body["error"]["message"]


@pytest.mark.unjudged("the operation does not exist")
def test_a_method_that_a_path_does_not_have_is_answered_405_with_those_it_has(ask, vm_path):
    response = ask("POST", f"{vm_path}/extensions")
    assert response.status == 405
    assert response.headers["Allow"] == "GET"


def test_every_answer_has_the_headers_of_arm_and_simulated_time(ask):
    headers = ask("GET", SUB, x_ms_client_request_id="mine", x_ms_correlation_request_id="run-1").headers
    assert headers["Date"] == "Mon, 02 Mar 2026 03:00:00 GMT"
    assert headers["x-ms-client-request-id"] == "mine"
    assert headers["x-ms-correlation-request-id"] == "run-1"
    assert headers["x-ms-request-id"] in headers["x-ms-routing-request-id"]
    assert headers["x-ms-ratelimit-remaining-subscription-reads"].isdigit()


def test_a_denied_action_is_answered_403_naming_action_and_scope(sim, ask, vm_path):
    sim.world.authorization.denied.add("Microsoft.Compute/virtualMachines/*/action")
    response = ask("POST", f"{vm_path}/restart")
    assert (response.status, code(response)) == (403, "AuthorizationFailed")
    assert "'Microsoft.Compute/virtualMachines/restart/action'" in response.body["error"]["message"]
    assert f"'{vm_path}'" in response.body["error"]["message"]
    assert ask("GET", vm_path).status == 200


def test_expanding_restore_points_needs_the_permission_to_read_them(sim, ask, collection):
    sim.world.authorization.denied.add("microsoft.compute/restorepointcollections/restorepoints/read")
    assert ask("GET", collection.id).status == 200
    assert ask("GET", f"{collection.id}?$expand=restorePoints").status == 403


def test_denied_actions_are_missing_from_the_permissions(sim, ask, vm_path):
    sim.world.authorization.denied.add("Microsoft.Authorization/locks/delete")
    answer = ask("GET", f"{vm_path}/providers/Microsoft.Authorization/permissions").body["value"][0]
    assert (answer["actions"], answer["notActions"]) == (["*"], ["Microsoft.Authorization/locks/delete"])


def test_a_provider_that_is_not_registered_refuses_until_it_is(sim, ask, vm_path):
    sim.world.resources.providers["Microsoft.Compute"] = "NotRegistered"
    response = ask("GET", vm_path)
    assert (response.status, code(response)) == (409, "MissingSubscriptionRegistration")
    assert ask("POST", f"{SUB}/providers/Microsoft.Compute/register").body["registrationState"] == "Registered"
    assert ask("GET", vm_path).status == 200


def test_the_record_says_what_was_asked_what_was_answered_and_whether_it_was_a_write(sim, ask, vm_path):
    ask("GET", vm_path)
    ask("PATCH", vm_path, {"tags": {"a": "b"}})
    ask("DELETE", f"{vm_path}/extensions/none?api-version=x")
    first, second, third = sim.requests
    assert [first["n"], second["n"], third["n"]] == [1, 2, 3]
    assert (first["write"], first["effect"], first["action"]) == (
        False,
        False,
        "Microsoft.Compute/virtualMachines/read",
    )
    assert (second["write"], second["effect"], second["body"]) == (True, True, {"tags": {"a": "b"}})
    assert third["status"] == 204
    assert "authorization" not in {name.lower() for name in first["headers"]}
    assert first["response"]["name"] == "web-01"


def test_a_refused_write_is_recorded_as_an_attempt_without_effect(sim, ask, collection):
    assert ask("DELETE", collection.id).status == 409
    assert (sim.requests[-1]["write"], sim.requests[-1]["effect"]) == (True, False)


def test_the_same_seed_and_requests_give_the_same_answers(sim, ask, collection):
    other = type(ask)(Simulator())
    for each in (ask, other):
        each(
            "DELETE",
            f"{SUB}/resourceGroups/AzureBackupRG_westeurope_1/providers/Microsoft.Authorization/locks/do-not-delete",
        )
        each.follow(each("DELETE", collection.id))
    assert sim.requests == other.sim.requests


def test_a_scenario_is_found_by_name_or_error_code_in_any_case():
    assert Simulator("HEALTHY").scenario.name == "healthy"
    assert Simulator("usererrorRPCollectionLimitReached").scenario.name == "rp-collection-limit"


def test_an_unknown_scenario_names_the_closest(sim):
    with pytest.raises(UnknownScenario, match="did you mean healthy"):
        Simulator("helthy")


def test_the_name_of_the_vm_can_be_chosen():
    sim = Simulator(vm="db-07")
    assert [vm.name for vm in sim.world.compute.vms.values()] == ["db-07"]


@pytest.mark.parametrize("name", sorted(SCENARIOS))
def test_every_scenario_can_be_described_and_reset(name):
    sim = Simulator(name)
    before = sim.handle(parse("GET", "/_sim/state", [], b"", "http://sim.test")).body
    sim.reset()
    assert sim.handle(parse("GET", "/_sim/state", [], b"", "http://sim.test")).body == before
