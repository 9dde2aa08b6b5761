"""Every write this software can send, sent for real; and whatever goes wrong, said as what is known of its effect."""

from __future__ import annotations

import threading
from functools import partial
from math import inf

import pytest
from azure.core.pipeline.transport import RequestsTransport

from arm import writes
from arm.errors import (
    Ambiguous,
    CredentialsRejected,
    NoCredentials,
    NotSent,
    Rejected,
    WriteBlocked,
)
from arm.operations import SUCCEEDED, accepted, poll
from arm.writes import OPERATIONS
from simulator import Simulator, serve
from simulator.services.inventory.keyvault import BACKUP_OBJECT_ID

from .scripted import free_port

NEW_ASSIGNMENT = "77777777-7777-4777-8777-777777777777"
LOCK_BODY = {"properties": {"level": "ReadOnly", "notes": "back again", "owners": [{"applicationId": "someone"}]}}

send = partial(writes.send, until=inf)


def lock_of(world) -> str:
    return world.server.ready["locks"][0]


def collection_of(world) -> str:
    return world.server.ready["collections"][0]


def point_of(world) -> str:
    return min(next(iter(world.simulator.world.compute.collections.values())).points.values(), key=lambda p: p.name).id


def extension_of(world) -> str:
    return f"{world.vm_id}/extensions/VMSnapshotLinux"


def item_of(world) -> str:
    return world.simulator.world.recoveryservices.item_of(world.vm_id).id


def item_body(world, **more) -> dict:
    return {
        "protectedItemType": "Microsoft.Compute/virtualMachines",
        "sourceResourceId": world.vm_id,
        **more,
    }


def policy_of(world) -> str:
    return f"{item_of(world).split('/backupFabrics/')[0]}/backupPolicies/daily"


def job_of(world) -> str:
    (vault,) = world.simulator.world.recoveryservices.vaults.values()
    return next(job.id for job in vault.jobs.values() if job.running)


def key_vault_of(world) -> str:
    return f"{world.vm_id.split('/providers/')[0]}/providers/Microsoft.KeyVault/vaults/kv-web"


def assignment_of(world) -> str:
    roles = world.simulator.world.authorization.roles
    return roles.assign(key_vault_of(world), "Key Vault Administrator", BACKUP_OBJECT_ID, name=NEW_ASSIGNMENT).id


def new_assignment_of(world) -> str:
    return f"{key_vault_of(world)}/providers/Microsoft.Authorization/roleAssignments/{NEW_ASSIGNMENT}"


def access_policy(world) -> dict:
    entry = {"tenantId": world.simulator.world.tenant, "objectId": BACKUP_OBJECT_ID, "permissions": {"keys": ["get"]}}
    return {"properties": {"accessPolicies": [entry]}}


def assignment(world) -> dict:
    role = world.simulator.world.authorization.roles.named("Key Vault Administrator").guid
    scope = "/".join(world.vm_id.split("/")[:3])
    where = f"{scope}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    return {
        "properties": {
            "roleDefinitionId": where,
            "principalId": BACKUP_OBJECT_ID,
            "principalType": "ServicePrincipal",
        }
    }


def vm_of(world) -> str:
    return world.vm_id


SCRIPT = {"script": "#!/bin/sh\necho '{}'\n", "os": "linux", "seconds": 60, "location": "westeurope"}


def run_command_of(world) -> str:
    return f"{world.vm_id}/runCommands/look"


def left_run_command_of(world) -> str:
    """A run command that somebody has made."""
    session = world.session()
    session.get(world.vm_id, "2024-07-01")
    answer = send(session, "run_commands.create", run_command_of(world), SCRIPT)
    while poll(session, accepted(answer.headers)).status != SUCCEEDED:
        continue
    world.simulator.records.clear()
    return run_command_of(world)


UNLOCKED = "rp-collection-limit-no-lock"
CASES = {
    "locks.delete": ("rp-collection-limit", lock_of, lambda world: None),
    "locks.create_or_update": ("rp-collection-limit", lock_of, lambda world: LOCK_BODY),
    "restore_points.delete": (UNLOCKED, point_of, lambda world: None),
    "restore_point_collections.delete": (UNLOCKED, collection_of, lambda world: None),
    "virtual_machine_extensions.delete": ("healthy", extension_of, lambda world: None),
    "backups.trigger": ("healthy", item_of, lambda world: {"retention_days": 7}),
    "protected_items.stop": (
        "healthy", item_of, lambda world: item_body(world, protectionState="ProtectionStopped"),
    ),
    "protected_items.resume": (
        "protection-stopped", item_of, lambda world: item_body(world, policyId=policy_of(world)),
    ),
    "protected_items.undelete": (
        "protection-deleted", item_of,
        lambda world: item_body(world, protectionState="ProtectionStopped", isRehydrate=True),
    ),
    "protected_items.set_disks": (
        "disk-too-large", item_of,
        lambda world: item_body(world, policyId=policy_of(world), extendedProperties={
            "diskExclusionProperties": {"diskLunList": [2], "isInclusionList": False}
        }),
    ),
    "vaults.add_access_policy": ("key-vault-policy", key_vault_of, access_policy),
    "vaults.remove_access_policy": ("key-vault-granted", key_vault_of, access_policy),
    "role_assignments.create": ("key-vault-roles", new_assignment_of, assignment),
    "role_assignments.delete": ("key-vault-roles", assignment_of, lambda world: None),
    "jobs.cancel": ("rp-collection-limit-job-running", job_of, lambda world: None),
    "run_commands.create": ("healthy", run_command_of, lambda world: SCRIPT),
    "run_commands.delete": ("healthy", left_run_command_of, lambda world: None),
    "virtual_machines.run_command": ("healthy", vm_of, lambda world: SCRIPT),
    "tags.update": ("healthy", vm_of, lambda world: {"operation": "Merge", "tags": {"a": "b"}}),
    "virtual_machines.start": ("vm-stopped", vm_of, lambda world: None),
    "virtual_machines.restart": ("healthy", vm_of, lambda world: None),
    "virtual_machines.power_off": ("healthy", vm_of, lambda world: None),
    "virtual_machines.reapply": ("vm-failed-state", vm_of, lambda world: None),
}  # fmt: skip


@pytest.fixture
def world(drill):
    return drill()


def remove_lock(world):
    return send(world.session(), "locks.delete", lock_of(world), None)


def put_lock(world):
    return send(world.session(), "locks.create_or_update", lock_of(world), LOCK_BODY)


def start(world, operation: str):
    _, target, body = CASES[operation]
    session = world.session()
    session.get(world.vm_id, "2024-07-01")
    return session, send(session, operation, target(world), body(world))


def test_every_write_has_a_case_here():
    assert set(CASES) == set(OPERATIONS)


@pytest.mark.parametrize("operation", CASES)
def test_a_write_reaches_azure_once_with_the_permission_it_declares(drill, operation):
    world = drill(CASES[operation][0])
    declared, target = OPERATIONS[operation], CASES[operation][1](world)
    _, answer = start(world, operation)
    (sent,) = [one for one in world.simulator.requests if one["write"]]
    assert sent["effect"]
    assert sent["method"] == declared.method
    assert sent["path"].lower() == declared.path(target).lower()
    assert sent["action"].lower() == declared.permissions[0].lower()
    assert answer.status == sent["status"]


@pytest.mark.parametrize("operation", CASES)
def test_without_the_declared_permission_azure_refuses_and_the_permission_is_named(drill, operation):
    world = drill(CASES[operation][0])
    permission = OPERATIONS[operation].permissions[0]
    world.simulator.world.authorization.denied = {permission}
    with pytest.raises(Rejected, match=f"the permission {permission} is missing") as caught:
        start(world, operation)
    assert (caught.value.status, caught.value.azure_code) == (403, "AuthorizationFailed")
    assert f"Grant {permission}" in caught.value.next_step
    assert world.effects == []


@pytest.mark.parametrize("operation", CASES)
def test_the_operation_that_a_write_started_can_be_followed_to_its_end(drill, operation):
    world = drill(CASES[operation][0])
    session, answer = start(world, operation)
    started = accepted(answer.headers)
    assert (started is None) == operation.startswith(("locks.", "vaults.", "role_assignments.", "tags."))
    for _ in range(30 if started else 0):
        state = poll(session, started)
        if state.status == SUCCEEDED:
            break
    assert started is None or state.status == SUCCEEDED
    assert bool(started and state.job_id) == operation.startswith(("backups.", "protected_items."))


@pytest.mark.parametrize("operation", CASES)
def test_no_sdk_poller_follows_a_write_behind_our_back(drill, operation):
    world = drill(CASES[operation][0])
    session = world.session()
    session.get(world.vm_id, "2024-07-01")
    waited: list[float] = []
    session.transport.sleep = waited.append
    _, target, body = CASES[operation]
    send(session, operation, target(world), body(world))
    for thread in threading.enumerate():
        if thread.name.startswith("LROPoller"):
            thread.join(timeout=10)
    assert waited == []
    assert world.simulator.requests[-1]["write"]


def test_a_lock_is_put_back_with_level_notes_and_owners(world):
    assert put_lock(world).status == 200
    (lock,) = world.simulator.world.authorization.locks.values()
    assert (lock.level, lock.notes, lock.owners) == ("ReadOnly", "back again", [{"applicationId": "someone"}])


def test_a_lock_on_a_single_resource_is_removed_where_it_sits(drill):
    world = drill("rp-collection-limit-collection-lock")
    assert remove_lock(world).status == 200
    assert world.simulator.world.authorization.locks == {}


def test_a_lock_that_is_gone_already_is_no_error(world):
    world.simulator.world.authorization.locks.clear()
    lock = f"/subscriptions/{world.server.ready['subscription']}/providers/Microsoft.Authorization/locks/x"
    assert send(world.session(), "locks.delete", lock, None).status == 204


def test_a_backup_is_kept_for_the_days_asked_for_counted_from_azures_time(drill):
    world = drill("healthy")
    start(world, "backups.trigger")
    (sent,) = [one for one in world.simulator.requests if one["write"]]
    assert sent["body"]["properties"]["recoveryPointExpiryTimeInUTC"] == "2026-03-09T03:00:00Z"


def test_a_write_on_a_read_only_session_never_leaves_the_machine(world):
    with pytest.raises(WriteBlocked, match="read-only"):
        send(world.session(read_only=True), "locks.delete", lock_of(world), None)
    assert world.simulator.requests == []


def test_a_write_to_a_target_on_the_deny_list_never_leaves_the_machine(world):
    with pytest.raises(WriteBlocked, match="deleting a virtual machine is on the deny list"):
        send(world.session(), "locks.delete", world.vm_id, None)
    assert world.simulator.requests == []


AMBIGUOUS = {
    "reset before the effect": {"kind": "reset_before"},
    "reset after the effect": {"kind": "reset_after"},
    "408": {"kind": "status", "status": 408},
    "500 before the effect": {"kind": "status", "status": 500},
    "500 after the effect": {"kind": "status_after", "status": 500},
    "502 before the effect": {"kind": "status", "status": 502},
    "503 before the effect": {"kind": "status", "status": 503},
    "503 after the effect": {"kind": "status_after", "status": 503},
    "503 with Retry-After": {"kind": "status_after", "status": 503, "retry_after": "5"},
    "504 after the effect": {"kind": "status_after", "status": 504},
    "a redirect": {"kind": "status", "status": 307},
    "answer of a proxy": {"kind": "not_json"},
}


@pytest.mark.parametrize("write", [remove_lock, put_lock])
@pytest.mark.parametrize("fault", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_when_nobody_knows_whether_a_write_took_effect_it_is_ambiguous_and_sent_once(world, fault, write):
    world.fault(**fault, times=None)
    with pytest.raises(Ambiguous) as caught:
        write(world)
    assert "looked up in Azure" in caught.value.next_step
    assert len(world.writes) == 1
    assert world.slept == []


@pytest.mark.parametrize("fault", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_a_backup_whose_answer_is_lost_is_ambiguous_too(drill, fault):
    world = drill("healthy")
    world.fault(**fault, times=None, method="POST", path="/backup$")
    with pytest.raises(Ambiguous):
        start(world, "backups.trigger")
    assert len(world.writes) == 1


def test_a_write_whose_answer_is_cut_off_is_ambiguous_and_sent_once(world):
    world.fault("truncate", times=None)
    with pytest.raises(Ambiguous, match="its answer was lost"):
        put_lock(world)
    assert len(world.effects) == len(world.writes) == 1


def test_a_write_answered_with_a_web_page_however_labelled_is_ambiguous(azure, session_at):
    azure.says(b"<HTML>", Content_Type="Text/HTML")
    with pytest.raises(Ambiguous, match="web page"):
        send(
            session_at(azure.endpoint),
            "locks.delete",
            "/subscriptions/s/providers/Microsoft.Authorization/locks/x",
            None,
        )


@pytest.mark.parametrize("kind", ["timeout_before", "timeout_after"])
def test_a_write_that_is_never_answered_is_ambiguous(world, kind):
    world.fault(kind, times=None, seconds=5)
    world.transport = lambda: RequestsTransport(read_timeout=0.2, use_env_settings=False)
    with pytest.raises(Ambiguous, match="its answer was lost"):
        remove_lock(world)
    assert len(world.effects) == (1 if kind == "timeout_after" else 0)


@pytest.mark.parametrize(
    ("hint", "seconds"), [(None, None), ("17", 17.0), ("0", 0.0), ("999999999", 60.0), ("soon", None), ("-1", None)]
)
def test_a_throttled_write_is_not_sent_and_carries_the_pause_azure_asks_for(world, hint, seconds):
    world.fault("status", status=429, times=None, **({"retry_after": hint} if hint else {}))
    with pytest.raises(NotSent, match="throttling") as caught:
        remove_lock(world)
    assert caught.value.retry_after == seconds
    assert len(world.writes) == 1
    assert world.slept == []


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "InvalidParameter"),
        (404, "NotFound"),
        (409, "ScopeLocked"),
        (409, "Conflict"),
        (412, "PreconditionFailed"),
    ],
)
def test_a_definite_refusal_is_rejected_with_azures_code_and_words(world, status, code):
    world.fault("status", status=status, code=code, message="Azure says why.")
    with pytest.raises(Rejected, match=f"{code}: Azure says why") as caught:
        remove_lock(world)
    assert (caught.value.status, caught.value.azure_code) == (status, code)
    assert world.effects == []


def test_a_write_refused_for_a_lock_is_rejected_as_scope_locked(world):
    with pytest.raises(Rejected) as caught:
        send(world.session(), "restore_points.delete", point_of(world), None)
    assert caught.value.azure_code == "ScopeLocked"


def test_a_403_without_azures_text_is_still_a_refusal(world):
    world.fault("status", status=403, code="", message="by policy")
    with pytest.raises(Rejected, match="by policy") as caught:
        remove_lock(world)
    assert caught.value.azure_code == "AuthorizationFailed"


def test_a_token_that_expires_at_the_write_is_a_matter_of_signing_in_and_nothing_was_changed(world):
    world.fault("expire_tokens")
    with pytest.raises(CredentialsRejected, match="refused the credentials") as caught:
        remove_lock(world)
    assert "Sign in again" in caught.value.next_step
    assert world.effects == []


def test_a_write_without_any_token_is_not_sent(world, monkeypatch):
    monkeypatch.setenv("IDENTITY_ENDPOINT", world.server.ready["token_url"])
    monkeypatch.setenv("IDENTITY_HEADER", "x")
    world.sign_in = True
    world.fault("status", path="/msi/token", status=400, times=None)
    with pytest.raises(NoCredentials) as caught:
        remove_lock(world)
    assert caught.value.next_step == "Sign in again; nothing was sent."
    assert world.writes == []


def test_a_refused_connection_is_certainly_not_sent(session_at):
    session = session_at(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(NotSent, match="no connection") as caught:
        send(session, "locks.delete", "/subscriptions/s/providers/Microsoft.Authorization/locks/x", None)
    assert caught.value.retry_after is None


def test_a_host_without_an_address_is_certainly_not_sent(session_at):
    session = session_at("https://no-such-host.invalid")
    with pytest.raises(NotSent, match="no connection"):
        send(session, "locks.delete", "/subscriptions/s/providers/Microsoft.Authorization/locks/x", None)


def test_a_certificate_nobody_trusts_is_certainly_not_sent(stack, session_at):
    simulator = Simulator()
    session = session_at(stack.enter_context(serve(simulator, tls=True)).endpoint)
    with pytest.raises(NotSent, match="no connection"):
        send(session, "locks.delete", "/subscriptions/s/providers/Microsoft.Authorization/locks/x", None)
    assert simulator.requests == []


@pytest.mark.parametrize("name", ["x", "NewConnectionError", "ConnectTimeout"])
def test_a_connection_that_fails_in_any_other_way_is_ambiguous_whatever_the_target_is_called(world, session_at, name):
    session = session_at(world.endpoint.replace("http:", "https:"))
    with pytest.raises(Ambiguous, match="was cut off"):
        send(session, "locks.delete", f"/subscriptions/s/providers/Microsoft.Authorization/locks/{name}", None)
