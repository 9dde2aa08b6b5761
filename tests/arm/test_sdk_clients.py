"""Microsoft's clients on the guarded transport cannot write behind our back, whatever policies they bring."""

from __future__ import annotations

import pytest
from azure.mgmt.compute import ComputeManagementClient

from arm.credentials import LoopbackCredential
from arm.errors import WriteBlocked
from arm.ids import parse

from .scripted import free_port


@pytest.fixture
def world(drill):
    return drill()


@pytest.fixture
def extension(world) -> str:
    return f"{world.vm_id}/extensions/VMSnapshotLinux"


@pytest.fixture
def client(world, stack):
    """A compute client as anybody makes one (retries, redirects, registration, polling), but for the transport."""
    session = world.session()
    subscription = parse(world.vm_id).subscription
    made = ComputeManagementClient(
        LoopbackCredential(), subscription, base_url=world.endpoint, transport=session.transport,
        authentication_policy=session._bearer,
    )  # fmt: skip
    made.guard = session.transport
    stack.callback(made.close)
    return made


def uninstall(client, extension: str, **options):
    parsed = parse(extension)
    with client.guard.permit("DELETE", extension):
        return client.virtual_machine_extensions.begin_delete(parsed.resource_group, *parsed.names, **options)


def test_a_read_by_an_sdk_client_passes(world, client):
    parsed = parse(world.vm_id)
    assert client.virtual_machines.get(parsed.resource_group, parsed.name).name == parsed.name
    assert client.guard.reads == 1


def test_a_write_without_a_permit_is_refused_before_a_socket_is_touched(session_at):
    session = session_at(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(WriteBlocked, match="no permit for DELETE"):
        session.compute("s").virtual_machine_extensions.begin_delete("rg", "vm", "x", polling=False)
    assert session.transport.writes == 0


def test_a_write_on_a_read_only_session_is_refused_before_a_socket_is_touched(session_at):
    session = session_at(f"http://127.0.0.1:{free_port()}", read_only=True)
    with pytest.raises(WriteBlocked, match="read-only"):
        session.resource("s").resource_groups.create_or_update("rg", {"location": "westeurope"})
    with pytest.raises(WriteBlocked, match="deny list"):
        session.resource("s").resource_groups.begin_delete("rg", polling=False)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 503},
        {"kind": "status_after", "status": 500},
        {"kind": "status", "status": 429, "retry_after": "1"},
        {"kind": "reset_after"},
        {"kind": "reset_before"},
    ],
    ids=lambda fault: " ".join(str(value) for value in fault.values()),
)
def test_an_sdk_client_with_its_default_policies_cannot_retry_a_write(world, client, extension, fault):
    world.fault(**fault, times=None, method="DELETE")
    with pytest.raises(WriteBlocked):
        uninstall(client, extension, polling=False)
    assert len(world.writes) == 1


def test_an_sdk_client_with_its_default_policies_cannot_register_a_provider(world, client):
    world.simulator.world.resources.providers["Microsoft.Compute"] = "NotRegistered"
    parsed = parse(world.vm_id)
    with pytest.raises(WriteBlocked, match=r"no permit for POST .*/providers/Microsoft\.Compute/register"):
        client.virtual_machines.get(parsed.resource_group, parsed.name)
    assert world.writes == []
    assert world.simulator.world.resources.providers["Microsoft.Compute"] == "NotRegistered"


def test_an_sdk_client_with_its_default_policies_cannot_wait_for_an_operation(world, client, extension):
    world.fault("operation_never_ends", method="DELETE")
    poller = uninstall(client, extension)
    with pytest.raises(WriteBlocked, match="tried to wait"):
        poller.result()
    assert len(world.writes) == 1


def test_the_clients_of_a_session_send_its_own_user_agent_and_no_request_of_their_own(world):
    session, parsed = world.session(), parse(world.vm_id)
    session.compute(parsed.subscription).virtual_machines.get(parsed.resource_group, parsed.name)
    session.resource(parsed.subscription).resource_groups.get(parsed.resource_group)
    (policy,) = session.backup(parsed.subscription).backup_policies.list("vault-weu", parsed.resource_group)
    assert policy.name == "daily"
    assert len(world.simulator.requests) == 3
    assert all("azure-backup-remediation/" in one["headers"]["User-Agent"] for one in world.simulator.requests)


def test_a_session_sends_no_secret_of_its_own_to_the_simulator_log(world):
    world.session().get(world.vm_id, "2024-07-01")
    assert all("Authorization" not in one["headers"] for one in world.simulator.requests)
