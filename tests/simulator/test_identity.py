from __future__ import annotations

import base64
import json

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CredentialUnavailableError, ManagedIdentityCredential

from simulator import Simulator

AUDIENCE = "https://management.azure.com"
ENVIRONMENT = (
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "IDENTITY_SERVER_THUMBPRINT",
    "MSI_ENDPOINT",
    "MSI_SECRET",
    "IMDS_ENDPOINT",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "AZURE_FEDERATED_TOKEN_FILE",
    "HTTP_PROXY",
    "http_proxy",
)


@pytest.fixture
def environment(monkeypatch):
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_managed_identity_gets_a_token_in_the_app_service_form(server, environment, sim):
    environment.setenv("IDENTITY_ENDPOINT", server.ready["token_url"])
    environment.setenv("IDENTITY_HEADER", "secret")
    with ManagedIdentityCredential() as credential:
        token = credential.get_token(f"{AUDIENCE}/.default")
    assert claims(token.token)["tid"] == sim.world.tenant
    assert claims(token.token)["aud"] == AUDIENCE
    assert {"oid", "appid", "exp", "xms_mirid"} <= set(claims(token.token))
    (seen,) = sim.requests
    assert (seen["service"], seen["path"], seen["status"]) == ("identity", "/msi/token", 200)
    assert token.token not in json.dumps(seen)
    assert "secret" not in json.dumps(seen)


def test_managed_identity_gets_a_token_in_the_imds_form(server, environment, sim):
    environment.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.endpoint)
    with ManagedIdentityCredential() as credential:
        token = credential.get_token(f"{AUDIENCE}/.default")
    assert claims(token.token)["aud"] == AUDIENCE
    assert {entry["path"] for entry in sim.requests} == {"/metadata/identity/oauth2/token"}


def test_a_token_is_good_for_a_day_of_real_time_and_no_longer(ask):
    now = 1_800_000_000.0
    sim = Simulator(now=lambda: now)
    ask.sim = sim
    answer = ask("GET", "/msi/token?api-version=2019-08-01&resource=x", X_IDENTITY_HEADER="s").body
    assert int(answer["expires_on"]) == now + 24 * 3600
    target = f"/subscriptions/{sim.world.subscription}"
    assert ask("GET", target, Authorization=f"Bearer {answer['access_token']}").status == 200
    now += 24 * 3600 + 1
    assert ask("GET", target, Authorization=f"Bearer {answer['access_token']}").status == 401


def test_simulated_time_does_not_age_tokens(ask):
    answer = ask("GET", "/msi/token?api-version=2019-08-01&resource=x", X_IDENTITY_HEADER="s").body
    ask("POST", "/_sim/clock", {"advance": "P30D"})
    target = "/subscriptions/22222222-2222-4222-8222-222222222222"
    assert ask("GET", target, Authorization=f"Bearer {answer['access_token']}").status == 200


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/msi/token?api-version=2019-08-01&resource=x", {}),
        ("/msi/token?resource=x", {"X_IDENTITY_HEADER": "s"}),
        ("/msi/token?api-version=2019-08-01", {"X_IDENTITY_HEADER": "s"}),
        ("/metadata/identity/oauth2/token?api-version=2018-02-01&resource=x", {}),
    ],
)
def test_a_token_request_that_lacks_something_is_refused(ask, target, headers):
    response = ask("GET", target, **headers)
    assert response.status in (400, 403)
    assert "access_token" not in response.body


def test_a_failing_token_endpoint_is_an_authentication_error(server, environment, ask):
    environment.setenv("IDENTITY_ENDPOINT", server.ready["token_url"])
    environment.setenv("IDENTITY_HEADER", "secret")
    ask.fault(kind="status", status=400, path="msi/token", times=None)
    with (
        ManagedIdentityCredential() as credential,
        pytest.raises((ClientAuthenticationError, CredentialUnavailableError)),
    ):
        credential.get_token(f"{AUDIENCE}/.default")


def test_cloud_metadata_names_this_simulator_as_resource_manager(ask):
    cloud = ask("GET", "/metadata/endpoints?api-version=2022-09-01").body
    assert cloud["resourceManager"] == "http://sim.test/"
    assert cloud["authentication"]["audiences"][0] == "http://sim.test/"
    assert ask("GET", "/metadata/endpoints?api-version=2019-05-01").body == [cloud]
    assert set(ask("GET", "/metadata/endpoints?api-version=2015-01-01").body) == {
        "galleryEndpoint", "graphEndpoint", "portalEndpoint", "authentication",
    }  # fmt: skip
