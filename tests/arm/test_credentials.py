"""Which identity is used, and where its token never goes."""

from __future__ import annotations

import threading
from contextlib import nullcontext

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

from arm.clouds import CLOUDS, cloud
from arm.credentials import LoopbackCredential, check_endpoint, choose_credential, is_loopback
from arm.errors import NoCredentials, UsageError
from arm.session import Session
from simulator import Simulator, serve

from .scripted import ID, free_port

LOGIN = CLOUDS["public"].authority


@pytest.fixture(autouse=True)
def _no_identity_of_this_machine(monkeypatch):
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "AZURE_CLIENT_ID", "MSI_ENDPOINT", "IMDS_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "AZURE_USERNAME", "AZURE_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


class Known:
    """A credential that knows its token."""

    def get_token(self, *scopes, **_):
        self.scopes = scopes
        return AccessToken("a-real-token", 4102444800)


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_the_managed_identity_of_the_environment_is_used_on_a_loopback_endpoint(tls, monkeypatch, stack, session_at):
    simulator = Simulator()
    server = stack.enter_context(serve(simulator, tls=tls))
    monkeypatch.setenv("IDENTITY_ENDPOINT", server.ready["token_url"])
    monkeypatch.setenv("IDENTITY_HEADER", "x")
    session = session_at(server.endpoint, ca=server.ca, credential=None, read_only=True)
    assert session.get(simulator.setting.vm_id, "2024-07-01")["name"] == "web-01"
    token, read = simulator.requests
    assert token["service"] == "identity"
    assert token["query"]["resource"] == "https://management.azure.com"
    assert read["status"] == 200


def test_a_user_assigned_identity_is_asked_for_by_its_client_id(monkeypatch, stack, session_at):
    simulator = Simulator()
    server = stack.enter_context(serve(simulator))
    monkeypatch.setenv("IDENTITY_ENDPOINT", server.ready["token_url"])
    monkeypatch.setenv("IDENTITY_HEADER", "x")
    monkeypatch.setenv("AZURE_CLIENT_ID", "11111111-1111-4111-8111-111111111111")
    session_at(server.endpoint, credential=None, read_only=True).get(simulator.setting.vm_id, "2024-07-01")
    assert simulator.requests[0]["query"]["client_id"] == "11111111-1111-4111-8111-111111111111"


def test_a_machine_without_identity_endpoint_shows_a_plain_loopback_endpoint_only_a_worthless_token(azure, session_at):
    azure.says({"name": "vm"})
    session_at(azure.endpoint, credential=None).get(ID, "1")
    assert azure.asked[0][2]["Authorization"] == "Bearer worth-nothing-outside-a-simulator"


def test_without_any_identity_a_loopback_endpoint_over_tls_gets_the_worthless_token(stack, session_at):
    simulator = Simulator()
    server = stack.enter_context(serve(simulator, tls=True))
    session = session_at(server.endpoint, ca=server.ca, credential=None)
    assert session.get(simulator.setting.vm_id, "2024-07-01")["name"] == "web-01"


def test_against_azure_the_default_credential_of_the_clouds_authority_is_used(monkeypatch):
    credential = choose_credential("https://management.azure.com", LOGIN)
    assert isinstance(credential, DefaultAzureCredential)
    monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1/msi/token")
    assert isinstance(choose_credential("https://management.azure.com", LOGIN), DefaultAzureCredential)
    assert isinstance(choose_credential("https://127.0.0.1:1", LOGIN), ManagedIdentityCredential)
    assert isinstance(choose_credential("http://localhost:1", ""), ManagedIdentityCredential)


def test_a_credential_on_loopback_over_tls_that_has_a_token_gives_it(monkeypatch):
    credential = choose_credential("https://127.0.0.1:1", LOGIN)
    assert credential.get_token("scope") == LoopbackCredential().get_token()
    credential._real = Known()
    assert credential.get_token("scope").token == "a-real-token"


def test_no_credentials_says_how_to_sign_in_and_nothing_is_sent(monkeypatch):
    session = Session(read_only=True)
    try:
        with pytest.raises(NoCredentials, match="no credential could give a token") as caught:
            session.get(ID, "1")
        assert "az login" in caught.value.next_step
        assert caught.value.exit_code == 6
    finally:
        session.close()
    assert session.transport.reads == 0


def test_an_identity_endpoint_that_refuses_is_no_credentials(monkeypatch, drill):
    world = drill()
    monkeypatch.setenv("IDENTITY_ENDPOINT", world.server.ready["token_url"])
    monkeypatch.setenv("IDENTITY_HEADER", "x")
    world.sign_in = True
    world.fault("status", path="/msi/token", status=400, code="invalid_request", times=None)
    with pytest.raises(NoCredentials, match="no credential could give a token"):
        world.session().get(world.vm_id, "2024-07-01")
    assert {one["service"] for one in world.simulator.requests} == {"identity"}


@pytest.mark.parametrize("refused", [False, True], ids=["with a token", "without a token"])
def test_signing_in_early_costs_one_token_and_what_goes_wrong_shows_at_the_first_request(monkeypatch, drill, refused):
    world = drill()
    monkeypatch.setenv("IDENTITY_ENDPOINT", world.server.ready["token_url"])
    monkeypatch.setenv("IDENTITY_HEADER", "x")
    world.sign_in = True
    if refused:
        world.fault("status", path="/msi/token", status=400, code="invalid_request", times=None)
    session = world.session()
    session.sign_in()
    with pytest.raises(NoCredentials) if refused else nullcontext():
        session.get(world.vm_id, "2024-07-01")
    for thread in threading.enumerate():
        if "sign_in" in thread.name:
            thread.join(timeout=10)
    asked = [one["service"] for one in world.simulator.requests]
    assert ("arm" in asked) is not refused
    assert refused or asked.count("identity") == 1


@pytest.mark.parametrize("name", CLOUDS)
def test_a_cloud_is_known_by_its_name_in_any_case_and_wants_a_token_for_itself(name, azure, session_at):
    found = cloud(name.upper())
    assert found.scope.endswith("/.default")
    known = Known()
    azure.says({})
    session_at(azure.endpoint, cloud=found, credential=known).get(ID, "1")
    assert known.scopes == (found.scope,)


def test_an_unknown_cloud_is_refused_with_those_that_are_known():
    with pytest.raises(UsageError, match="unknown cloud 'germany'") as caught:
        cloud("germany")
    assert caught.value.candidates == ("public", "china", "usgovernment")


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://management.azure.com",
        "http://10.0.0.1:8080",
        "http://127.0.0.1.example.com",
        "http://localhost@example.com",
        "http://example.com\\@127.0.0.1",
    ],
)
def test_a_token_is_never_sent_over_plain_http_to_another_machine(endpoint):
    known = Known()
    with pytest.raises(UsageError):
        Session(endpoint=endpoint, read_only=True, credential=known)
    assert not hasattr(known, "scopes")


@pytest.mark.parametrize(
    "endpoint",
    ["", "management.azure.com", "ftp://127.0.0.1", "https://", "https://h/?a=b", "https://h/#x", "http://[::1",
     "http://127.0.0.1:abc", "https://h:99999", "http://127.0.0.1/ x", "https://user:secret@h"],
)  # fmt: skip
def test_what_is_no_address_of_an_endpoint_is_refused(endpoint):
    with pytest.raises(UsageError, match="not an http"):
        check_endpoint(endpoint)


def test_an_endpoint_is_taken_without_its_last_slash():
    assert check_endpoint("http://127.0.0.1:8080/") == "http://127.0.0.1:8080"
    assert check_endpoint("https://proxy.example.com/arm/") == "https://proxy.example.com/arm"


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "https://LOCALHOST", "http://[::1]:2"])
def test_this_machine_is_loopback(endpoint):
    assert is_loopback(endpoint)
    assert not is_loopback("https://management.azure.com")


def test_an_error_of_the_wrapped_credential_other_than_no_token_is_not_hidden():
    class Broken:
        def get_token(self, *_scopes, **_):
            raise OSError("disk on fire")

    credential = choose_credential(f"https://127.0.0.1:{free_port()}", LOGIN)
    credential._real = Broken()
    with pytest.raises(OSError, match="disk on fire"):
        credential.get_token("scope")
    assert issubclass(ClientAuthenticationError, Exception)
