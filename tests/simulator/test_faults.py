from __future__ import annotations

import json
import time
from datetime import timedelta

import pytest
import requests
from azure.core.exceptions import (
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.resource.locks import ManagementLockClient

SUB = "22222222-2222-4222-8222-222222222222"
GROUP = "AzureBackupRG_westeurope_1"
LOCK = f"/subscriptions/{SUB}/resourceGroups/{GROUP}/providers/Microsoft.Authorization/locks/do-not-delete"

pytestmark = pytest.mark.unjudged("what a fault makes of an answer is in no document")


@pytest.fixture
def compute(client):
    return client(ComputeManagementClient, SUB)


def test_a_status_is_answered_in_place_of_the_request(ask, vm_path):
    ask.fault(kind="status", status=429, retry_after="17", code="SubscriptionRequestsThrottled", message="Slow down.")
    response = ask("GET", vm_path)
    assert response.status == 429
    assert response.headers["Retry-After"] == "17"
    assert response.body == {"error": {"code": "SubscriptionRequestsThrottled", "message": "Slow down."}}
    assert ask("GET", vm_path).status == 200


def test_a_fault_hits_only_what_it_describes_skips_and_counts(ask, vm_path):
    ask.fault(kind="status", status=503, method="GET", path="virtualmachines/WEB-0\\d$", skip=1, times=2)
    assert ask("POST", f"{vm_path}/restart").status == 202
    assert ask("GET", f"{vm_path}/instanceView").status == 200
    assert [ask("GET", vm_path).status for _ in range(5)] == [200, 503, 503, 200, 200]


def test_a_fault_without_end_goes_on_until_it_is_cleared(ask, vm_path):
    ask.fault(kind="status", status=500, times=None)
    assert [ask("GET", vm_path).status for _ in range(3)] == [500, 500, 500]
    assert ask("DELETE", "/_sim/faults").body == {"faults": []}
    assert ask("GET", vm_path).status == 200


def test_several_faults_are_posted_at_once_and_the_first_due_wins(ask, vm_path):
    faults = [{"kind": "status", "status": 500}, {"kind": "status", "status": 503, "times": 2}]
    assert len(ask("POST", "/_sim/faults", {"faults": faults}).body["faults"]) == 2
    assert [ask("GET", vm_path).status for _ in range(3)] == [500, 503, 200]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"kind": "nonsense"}, "unknown kind"),
        ({}, "unknown kind None"),
        ({"kind": "status", "colour": "red"}, "unknown keys colour"),
        ({"kind": "status", "status": 99}, "'status' must be"),
        ({"kind": "status", "status": "500"}, "'status' cannot be"),
        ({"kind": "status", "path": "("}, "no regular expression"),
        ({"kind": "status", "skip": -1}, "cannot be negative"),
        ({"kind": "status", "times": True}, "'times' cannot be"),
        ({"faults": {"kind": "status"}}, "must be a list"),
        ({"faults": ["status"]}, "JSON object"),
        ({"faults": [{"kind": "status"}, {"kind": "x"}]}, "unknown kind"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_the_reason(ask, fault, reason):
    response = ask("POST", "/_sim/faults", fault)
    assert response.status == 400
    assert reason in response.body["error"]["message"]
    assert ask("GET", "/_sim/faults").body == {"faults": []}


def test_a_posted_fault_is_listed_as_it_can_be_posted_again(ask):
    ask.fault(kind="status", method="delete", path="locks", retry_after=3, status=429)
    (shown,) = ask("GET", "/_sim/faults").body["faults"]
    shown.pop("seen")
    assert ask("POST", "/_sim/faults", shown).status == 200
    assert shown["status"] == 429


def test_status_before_leaves_no_effect_and_status_after_does(sim, ask):
    ask.fault(kind="status", status=500)
    assert ask("DELETE", LOCK).status == 500
    assert LOCK.lower() in sim.world.authorization.locks
    ask.fault(kind="status_after", status=500)
    assert ask("DELETE", LOCK).status == 500
    assert LOCK.lower() not in sim.world.authorization.locks
    before, after = sim.requests
    assert (before["write"], before["effect"], before["fault"]) == (True, False, "status")
    assert (after["write"], after["effect"], after["fault"]) == (True, True, "status_after")


def test_an_sdk_that_retries_a_post_after_500_does_it_twice(client, ask, sim):
    client = client(ComputeManagementClient, SUB, retry_total=3)
    ask.fault(kind="status_after", status=500, method="POST")
    client.virtual_machines.begin_reapply("rg-web", "web-01").result()
    assert [entry["effect"] for entry in sim.requests if entry["method"] == "POST"] == [True, True]


def test_a_reset_before_the_effect_leaves_the_world_alone(client, ask, sim):
    locks = client(ManagementLockClient, SUB).management_locks
    ask.fault(kind="reset_before", method="DELETE")
    with pytest.raises(ServiceResponseError, match="reset"):
        locks.delete_at_resource_group_level(GROUP, "do-not-delete")
    assert LOCK.lower() in sim.world.authorization.locks
    assert sim.requests[-1]["status"] is None


def test_a_reset_after_the_effect_is_a_real_reset_of_the_connection(client, ask, sim):
    locks = client(ManagementLockClient, SUB).management_locks
    ask.fault(kind="reset_after", method="DELETE")
    with pytest.raises(ServiceResponseError, match="ConnectionResetError"):
        locks.delete_at_resource_group_level(GROUP, "do-not-delete")
    assert LOCK.lower() not in sim.world.authorization.locks


@pytest.mark.parametrize(("kind", "deleted"), [("timeout_before", False), ("timeout_after", True)])
def test_a_timeout_holds_the_connection_until_the_client_gives_up(server, http, ask, sim, kind, deleted):
    ask.fault(kind=kind, method="DELETE", seconds=60)
    started = time.monotonic()
    with pytest.raises(requests.exceptions.ReadTimeout):
        http.delete(f"{server.endpoint}{LOCK}?api-version=1", timeout=(5, 0.2))
    assert time.monotonic() - started < 5
    assert (LOCK.lower() not in sim.world.authorization.locks) is deleted


def test_a_timeout_is_bounded(server, http, ask, vm_path):
    ask.fault(kind="timeout_before", seconds=0.05)
    with pytest.raises(requests.exceptions.ConnectionError):
        http.get(f"{server.endpoint}{vm_path}?api-version=1", timeout=30)


def test_others_are_served_while_one_connection_is_held(server, http, ask, vm_path):
    ask.fault(kind="timeout_before", path="instanceView", seconds=60)
    with pytest.raises(requests.exceptions.ReadTimeout):
        http.get(f"{server.endpoint}{vm_path}/instanceView?api-version=1", timeout=(5, 0.1))
    assert http.get(f"{server.endpoint}{vm_path}?api-version=1", timeout=5).status_code == 200


def test_a_truncated_body_ends_before_its_content_length(server, http, ask, compute, vm_path):
    ask.fault(kind="truncate", times=2)
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        http.get(f"{server.endpoint}{vm_path}?api-version=1", timeout=5)
    with pytest.raises((HttpResponseError, ServiceRequestError, ServiceResponseError)):
        compute.virtual_machines.get("rg-web", "web-01")
    assert compute.virtual_machines.get("rg-web", "web-01").name == "web-01"


def test_a_proxys_sign_in_page_is_no_json(compute, ask):
    ask.fault(kind="not_json")
    with pytest.raises((DecodeError, json.JSONDecodeError)):
        compute.virtual_machines.get("rg-web", "web-01")


def test_a_202_may_lack_the_urls_to_follow(ask, sim, vm_path):
    ask.fault(kind="no_headers")
    response = ask("POST", f"{vm_path}/deallocate")
    assert response.status == 202
    assert not {"Azure-AsyncOperation", "Location"} & set(response.headers)
    ask("POST", "/_sim/clock", {"advance": "PT10M"})
    assert ask("GET", f"{vm_path}/instanceView").body["statuses"][1]["code"] == "PowerState/deallocated"


def test_an_operation_can_be_made_to_fail_and_then_has_no_effect(compute, ask, sim, vm):
    ask.fault(kind="operation_fails", code="InternalExecutionError", message="Try again.")
    with pytest.raises(HttpResponseError) as raised:
        compute.virtual_machines.begin_deallocate("rg-web", "web-01").result()
    assert (raised.value.error.code, raised.value.error.message) == ("InternalExecutionError", "Try again.")
    assert (vm.power_state, vm.provisioning_state) == ("running", "Succeeded")


def test_an_operation_can_be_cancelled_by_the_platform(compute, ask, vm):
    ask.fault(kind="operation_cancelled")
    with pytest.raises(HttpResponseError, match=r"[Cc]ancel"):
        compute.virtual_machines.begin_deallocate("rg-web", "web-01").result()
    assert vm.power_state == "running"


def test_an_operation_can_claim_success_without_effect(sim, ask, collection):
    sim.world.authorization.locks.clear()
    ask.fault(kind="operation_lies")
    assert ask.follow(ask("DELETE", collection.id)).body["status"] == "Succeeded"
    assert (len(collection.points), collection.provisioning_state) == (18, "Succeeded")
    ask.follow(ask("DELETE", collection.id))
    assert sim.world.compute.collections == {}


def test_an_operation_can_go_on_for_ever(ask, vm_path):
    ask.fault(kind="operation_never_ends")
    url = ask("POST", f"{vm_path}/deallocate").headers["Azure-AsyncOperation"]
    ask("POST", "/_sim/clock", {"advance": "P30D"})
    assert ask("GET", url).body["status"] == "InProgress"


def test_operation_faults_wait_for_a_write(ask, vm_path):
    ask.fault(kind="operation_fails")
    ask("GET", vm_path)
    assert ask("GET", "/_sim/faults").body["faults"][0]["seen"] == 0


def test_the_url_of_an_operation_can_be_gone(compute, ask):
    ask.fault(kind="poll_gone")
    with pytest.raises(HttpResponseError) as raised:
        compute.virtual_machines.begin_deallocate("rg-web", "web-01").result()
    assert raised.value.status_code == 404


def test_a_request_can_be_denied(ask, vm_path):
    ask.fault(kind="deny", path="restart")
    response = ask("POST", f"{vm_path}/restart")
    assert (response.status, response.body["error"]["code"]) == (403, "AuthorizationFailed")
    assert "Microsoft.Compute/virtualMachines/restart/action" in response.body["error"]["message"]


def test_expired_tokens_are_refused_until_a_new_one_is_fetched(sim, ask, vm_path):
    token = ask("GET", "/msi/token?api-version=2019-08-01&resource=x", X_IDENTITY_HEADER="s").body["access_token"]
    assert ask("GET", vm_path, Authorization=f"Bearer {token}").status == 200
    ask.fault(kind="expire_tokens")
    refused = ask("GET", vm_path, Authorization=f"Bearer {token}")
    assert (refused.status, refused.body["error"]["code"]) == (401, "ExpiredAuthenticationToken")
    assert ask("GET", vm_path, Authorization=f"Bearer {token}").status == 401
    new = ask("GET", "/msi/token?api-version=2019-08-01&resource=x", X_IDENTITY_HEADER="s").body["access_token"]
    assert ask("GET", vm_path, Authorization=f"Bearer {new}").status == 200


def test_an_sdk_sees_an_expired_token_as_an_authentication_error(compute, ask):
    ask.fault(kind="expire_tokens")
    with pytest.raises(ClientAuthenticationError):
        compute.virtual_machines.get("rg-web", "web-01")


def test_a_page_can_point_to_itself(ask, vm_path):
    ask.fault(kind="page_loop", path="locks$")
    target = f"/subscriptions/{SUB}/providers/Microsoft.Authorization/locks?api-version=2020-05-01&$filter=atScope()"
    assert ask("GET", target).body["nextLink"] == f"http://sim.test{target}"


def test_a_page_can_hold_an_entry_twice(ask):
    ask.fault(kind="page_duplicate", path="restorePointCollections$")
    found = ask("GET", f"/subscriptions/{SUB}/providers/Microsoft.Compute/restorePointCollections").body["value"]
    assert len(found) == 2
    assert found[0] == found[1]


def test_a_read_can_show_the_state_before_the_last_write(sim, ask, vm_path):
    ask.fault(kind="stale", path="virtualMachines", skip=1, times=1)
    ask("GET", vm_path)
    ask("PATCH", vm_path, {"tags": {"a": "1"}})
    ask("PATCH", vm_path, {"tags": {"a": "2"}})
    assert ask("GET", vm_path).body["tags"] == {"a": "1"}
    assert ask("GET", vm_path).body["tags"] == {"a": "2"}


def test_a_stale_read_has_no_influence_on_the_world(sim, ask, vm_path):
    ask.fault(kind="stale", times=None)
    started = ask("POST", f"{vm_path}/deallocate")
    for _ in range(3):
        assert ask("GET", f"{vm_path}/instanceView").body["statuses"][1]["code"] == "PowerState/running"
    ask("DELETE", "/_sim/faults")
    assert ask.follow(started).body["status"] == "Succeeded"
    assert ask("GET", f"{vm_path}/instanceView").body["statuses"][1]["code"] == "PowerState/deallocated"


def test_the_token_endpoint_is_hit_only_by_a_fault_whose_path_names_it(ask, vm_path):
    token = "/msi/token?api-version=2019-08-01&resource=x"
    ask.fault(kind="status", status=500)
    assert ask("GET", token, X_IDENTITY_HEADER="s").status == 200
    assert ask("GET", vm_path).status == 500
    ask.fault(kind="status", status=503, path="msi/token")
    assert ask("GET", token, X_IDENTITY_HEADER="s").status == 503


def test_faults_of_backup_operations_reach_them_too(sim, ask):
    item = next(iter(next(iter(sim.world.recoveryservices.vaults.values())).items.values()))
    ask.fault(kind="operation_fails", code="CloudInternalError", message="Sorry.")
    accepted = ask("POST", f"{item.id}/backup", {"properties": {"objectType": "IaasVMBackupRequest"}})
    assert accepted.status == 202
    seen = ask.follow(accepted)
    assert (seen.body["status"], seen.body["error"]["code"]) == ("Failed", "CloudInternalError")


@pytest.mark.parametrize(("after", "stays"), [(timedelta(minutes=1), False), (timedelta(hours=2), True)])
def test_a_backup_whose_operation_is_given_up_was_never_there_unless_it_has_completed(sim, ask, after, stays):
    vault = next(iter(sim.world.recoveryservices.vaults.values()))
    item, known = next(iter(vault.items.values())), set(vault.jobs)
    sim.world.authorization.locks.clear()
    ask.fault(kind="operation_never_ends")
    ask("POST", f"{item.id}/backup", {"properties": {"objectType": "IaasVMBackupRequest"}})
    (job,) = set(vault.jobs) - known
    sim.advance(after)
    (operation,) = sim.world.operations.by_id.values()
    sim.world.operations.give_up(operation)
    assert operation.status == "Failed"
    assert (job in vault.jobs) == stays


def test_a_fault_over_the_wire_is_json_like_any_error(server, http, ask, vm_path):
    ask.fault(kind="status", status=502)
    answer = http.get(f"{server.endpoint}{vm_path}?api-version=1", timeout=5)
    assert (answer.status_code, json.loads(answer.text)["error"]["code"]) == (502, "BadGateway")
