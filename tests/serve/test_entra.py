"""Tokens of Entra ID: every claim has to hold, and a token does not choose how it is checked."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

pytest.importorskip("starlette", reason="the extra [serve] is not installed")

from arm.errors import UsageError
from arm.runtime import Runtime
from remediate.serve.auth import Denied, Gate, SharedSecret, Unverifiable
from remediate.serve.entra import EntraSettings, EntraToken

from ..alerts.samples import built_in
from .authority import ACTION_GROUPS, AUDIENCE, TENANT, Authority, authority, key
from .conftest import SECRET

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=timezone.utc)
STAMP = NOW.timestamp()


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = NOW

    def move(self, **span: float) -> None:
        self.now += timedelta(**span)

    @property
    def runtime(self) -> Runtime:
        return Runtime(lambda: self.now, lambda _: None, lambda: "0", monotonic=self.seconds)

    def seconds(self) -> float:
        return self.now.timestamp()


@pytest.fixture
def tenant() -> Iterator[Authority]:
    with authority() as found:
        yield found


@pytest.fixture
def clock() -> Clock:
    return Clock()


def settings(tenant: Authority) -> EntraSettings:
    return EntraSettings(TENANT.upper(), (AUDIENCE, AUDIENCE[6:]), authority=tenant.url)


def check(tenant: Authority, clock: Clock) -> EntraToken:
    return EntraToken(settings(tenant), clock.runtime)


def sender(one: EntraToken, token: str) -> str:
    return one.sender({"authorization": f"Bearer {token}"})


def denied(one: EntraToken, token: str) -> str:
    with pytest.raises(Denied) as caught:
        sender(one, token)
    assert token not in str(caught.value)
    return caught.value.why


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("audience", [AUDIENCE, AUDIENCE[6:]])
def test_a_token_of_the_action_groups_passes(tenant, clock, version, audience):
    assert sender(check(tenant, clock), tenant.token(STAMP, version, aud=audience)) == f"application {ACTION_GROUPS}"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"aud": "api://somebody-else"}, "InvalidAudience"),
        ({"aud": None}, "MissingRequiredClaim"),
        ({"iss": "https://sts.windows.net/ffffbbbb-0000-4000-8000-dddd22221111/"}, "another issuer"),
        ({"tid": "ffffbbbb-0000-4000-8000-dddd22221111"}, "another tenant"),
        ({"tid": None}, "another tenant"),
        ({"appid": "00000000-0000-4000-8000-000000000000"}, "another application"),
        ({"appid": None, "azp": ACTION_GROUPS}, "another application"),
        ({"roles": ["Reader"]}, "app role"),
        ({"roles": "ActionGroupsSecureWebhook"}, "app role"),
        ({"roles": None}, "app role"),
        ({"exp": STAMP - 61}, "expired"),
        ({"exp": None}, "MissingRequiredClaim"),
        ({"exp": "tomorrow"}, ""),
        ({"exp": STAMP + 27 * 3600}, "longer than any"),
        ({"nbf": STAMP + 61}, "not valid yet"),
        ({"iat": True}, ""),
    ],
)
def test_a_token_with_a_claim_that_does_not_hold_is_denied(tenant, clock, changed, why):
    assert why in denied(check(tenant, clock), tenant.token(STAMP, **changed))


def test_clocks_may_differ_a_little(tenant, clock):
    one = check(tenant, clock)
    assert sender(one, tenant.token(STAMP - 3659))
    assert sender(one, tenant.token(STAMP + 59))


def forged(head: dict[str, Any], claims: dict[str, Any], sign: Any) -> str:
    parts = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in (head, claims)]
    body = b".".join(parts)
    return b".".join([body, base64.urlsafe_b64encode(sign(body)).rstrip(b"=")]).decode()


def with_public_key(body: bytes) -> bytes:
    pem = (
        key("one")
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return hmac.new(pem, body, hashlib.sha256).digest()


@pytest.mark.parametrize(
    ("head", "sign"),
    [
        ({"alg": "none", "kid": "one"}, lambda _: b""),
        ({"alg": "HS256", "kid": "one"}, with_public_key),
        ({"alg": "RS256", "kid": "one"}, lambda _: b"x" * 256),
        ({"alg": "RS256", "kid": "one"}, lambda _: b""),
        ({"alg": "RS256"}, lambda _: b"x" * 256),
        ({"alg": "RS256", "kid": "one", "crit": ["b64"]}, lambda _: b"x" * 256),
        ({"alg": ["RS256"], "kid": "one"}, lambda _: b"x"),
        ({"alg": "RS256", "kid": {}}, lambda _: b"x"),
    ],
)
def test_a_token_does_not_choose_how_it_is_checked(tenant, clock, head, sign):
    assert denied(check(tenant, clock), forged({"typ": "JWT", **head}, tenant.claims(STAMP), sign))


@pytest.mark.parametrize("issuer", [None, ["x"], {}, 1])
def test_a_token_whose_issuer_is_no_text_is_denied(tenant, clock, issuer):
    claims = {**tenant.claims(STAMP), "iss": issuer}
    assert denied(check(tenant, clock), forged({"alg": "RS256", "kid": "one"}, claims, lambda _: b"x"))


def test_a_key_out_of_the_token_itself_is_not_used(tenant, clock):
    head = {"kid": "mine", "jku": f"{tenant.url}/mine", "jwk": {"kty": "oct", "k": "eA"}}
    assert "does not have" in denied(check(tenant, clock), tenant.token(STAMP, signed_with="two", head=head))
    assert f"{tenant.url}/mine" not in tenant.asked


def test_a_token_signed_with_another_key_of_the_same_name_is_denied(tenant, clock):
    assert "does not hold" in denied(check(tenant, clock), tenant.token(STAMP, signed_with="two", head={"kid": "one"}))


@pytest.mark.parametrize(
    "token", ["", "x", "a.b", "a.b.c", "." * 5000, "e30.e30.e30", "x" * 20_000, "\u00e4.\u00e4.\u00e4"]
)
def test_what_is_no_token_is_denied(tenant, clock, token):
    one = check(tenant, clock)
    with pytest.raises(Denied):
        sender(one, token)
    with pytest.raises(Denied):
        one.sender({"authorization": f"Basic {token}"})


def test_keys_are_read_once_and_again_when_they_have_been_changed(tenant, clock):
    one = check(tenant, clock)
    for _ in range(5):
        sender(one, tenant.token(STAMP))
    assert len(tenant.asked) == 4
    tenant.keys = ["two"]
    clock.move(minutes=2)
    assert sender(one, tenant.token(STAMP, signed_with="two"))
    assert "does not have" in denied(one, tenant.token(STAMP))


def test_tokens_with_made_up_keys_do_not_make_it_ask_time_and_again(tenant, clock):
    one = check(tenant, clock)
    for number in range(20):
        denied(one, tenant.token(STAMP, head={"kid": f"made-up-{number}"}))
    assert len(tenant.asked) == 4
    clock.move(minutes=2)
    denied(one, tenant.token(STAMP, head={"kid": "made-up"}))
    assert len(tenant.asked) == 6


def test_keys_are_read_again_after_half_a_day_and_the_old_ones_do_where_that_fails(tenant, clock):
    one = check(tenant, clock)
    sender(one, tenant.token(STAMP))
    clock.move(hours=13)
    tenant.broken = "down"
    assert sender(one, tenant.token(clock.now.timestamp()))
    tenant.broken, tenant.keys = "", ["two"]
    clock.move(minutes=2)
    denied(one, tenant.token(clock.now.timestamp()))
    assert sender(one, tenant.token(clock.now.timestamp(), signed_with="two"))


@pytest.mark.parametrize("broken", ["down", "page", "moved"])
def test_without_keys_nobody_can_tell_and_it_is_asked_again_later(tenant, clock, broken):
    tenant.broken = broken
    one = check(tenant, clock)
    with pytest.raises(Unverifiable):
        sender(one, tenant.token(STAMP))
    tenant.broken = ""
    with pytest.raises(Unverifiable):
        sender(one, tenant.token(STAMP))
    clock.move(minutes=2)
    assert sender(one, tenant.token(STAMP))


def test_keys_that_are_elsewhere_are_not_read(tenant, clock):
    with authority() as other:
        tenant.keys_at = other.url
        with pytest.raises(Unverifiable):
            sender(check(tenant, clock), tenant.token(STAMP))
        assert other.asked == []


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_weak_key_is_no_key(tenant, clock):
    tenant.keys = ["weak"]
    with pytest.raises(Unverifiable):
        sender(check(tenant, clock), tenant.token(STAMP, signed_with="weak"))


@pytest.mark.parametrize(
    "changed", [{"tenant": "contoso.com"}, {"audiences": ()}, {"audiences": (" ",)}, {"app": "x"}, {"role": ""}]
)
def test_settings_that_would_let_too_many_in_are_refused(tenant, changed):
    with pytest.raises(UsageError):
        replace(settings(tenant), **changed)


def test_the_door_opens_to_a_token_to_a_secret_and_to_both_but_not_to_one_that_is_wrong(drill, served, tenant):
    world = drill()
    entra = EntraToken(settings(tenant), world.runtime)
    here = served(world, gate=Gate([entra, SharedSecret([SECRET])]))
    stamp = world.runtime.now().timestamp()
    good, bad = f"Bearer {tenant.token(stamp)}", f"Bearer {tenant.token(stamp - 7200)}"
    secret = {"X-Remediate-Secret": SECRET}
    nothing = {"X-Remediate-Secret": None}
    said = [({**nothing, "Authorization": good}, 202), (secret, 202), ({**secret, "Authorization": good}, 202)]
    said += [({**nothing, "Authorization": bad}, 401), ({**secret, "Authorization": bad}, 401), (nothing, 401)]
    assert [here.deliver(built_in(), headers=headers).status_code for headers, _ in said] == [one for _, one in said]
    assert set(here.get("/openapi.json").json()["components"]["securitySchemes"]) == {"entra", "secret"}


def test_the_door_says_later_when_nobody_can_tell_who_it_is(drill, served, tenant):
    world = drill()
    tenant.broken = "down"
    here = served(world, gate=Gate([EntraToken(settings(tenant), world.runtime)]))
    token = tenant.token(world.runtime.now().timestamp())
    answer = here.deliver(built_in(), headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
