"""The Entra ID token that an action group's secure webhook sends, checked to the last claim.

What it has to be is documented for secure webhooks: a token for one's own application, with the app role
``ActionGroupsSecureWebhook``, given to the application of Azure Monitor's action groups.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import jwt
import requests

from arm.credentials import is_loopback
from arm.errors import UsageError
from arm.runtime import Runtime

from .auth import Denied, Unverifiable

ACTION_GROUPS = "461e8683-5575-4561-ac7f-899cc907d62a"
"""Application id of Azure Monitor's action groups in every tenant of the public cloud ("AzNS AAD Webhook")."""
ROLE = "ActionGroupsSecureWebhook"
ALGORITHM = "RS256"
"""The only one that Entra ID signs with; a token does not choose how it is checked."""
LEEWAY = 60.0
"""Seconds that clocks may differ."""
LONGEST_LIFE = 26 * 3600.0
"""Seconds; Entra ID gives tokens for an hour or so, and for a day where access is evaluated all the time."""
KEYS_LAST = 12 * 3600.0
"""After so many seconds the keys are read again."""
ASKED_AGAIN = 60.0
"""So many seconds have to pass before a key that is not known makes the keys be read again."""
_GUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")
_LONGEST_TOKEN = 12_000
_LARGEST_ANSWER = 1_000_000
_LEAST_BITS = 2048


@dataclass(frozen=True)
class EntraSettings:
    """Which tokens are taken.

    Attributes:
        tenant: id of the tenant.
        audiences: application id, and application id URI, of one's own application; a token is for one of them.
        app: id of the application that may send.
        role: the app role that it needs.
        authority: where the tenant signs in.
        ca: certificate authority to trust there, instead of the system's.
    """

    tenant: str
    audiences: tuple[str, ...]
    app: str = ACTION_GROUPS
    role: str = ROLE
    authority: str = "https://login.microsoftonline.com"
    ca: str | None = None

    def __post_init__(self) -> None:
        """Raise ``UsageError`` for what cannot be meant."""
        for what, value in (("tenant", self.tenant), ("application", self.app)):
            if not _GUID.fullmatch(value.lower()):
                raise UsageError(f"{value!r} is no id of an Entra ID {what}", "Give the GUID, not a name.")
        if not self.audiences or not all(one.strip() for one in self.audiences):
            raise UsageError(
                "no audience is named that tokens are for",
                "Give --entra-audience (serve.entra_audiences): your application's id.",
            )
        if not self.role:
            raise UsageError("no app role is named", f"Leave --entra-role away: it is {ROLE}.")


@dataclass
class _Issuer:
    """One of the two kinds of tokens of a tenant: who issues them, and the keys they are signed with."""

    name: str = ""
    keys: Mapping[str, jwt.PyJWK] = field(default_factory=dict)
    read: float | None = None
    asked: float | None = None


class EntraToken:
    """Checks ``Authorization: Bearer``.

    Args:
        settings: which tokens are taken.
        runtime: time.
    """

    name = "entra"
    scheme = 'Bearer realm="remediate"'

    def __init__(self, settings: EntraSettings, runtime: Runtime) -> None:
        self._settings = settings
        self._runtime = runtime
        home = f"{settings.authority}/{settings.tenant.lower()}"
        self._documents = tuple(f"{home}{kind}/.well-known/openid-configuration" for kind in ("", "/v2.0"))
        self._issuers = {one: _Issuer() for one in self._documents}
        self._turn = threading.Lock()

    def applies(self, headers: Mapping[str, str]) -> bool:
        """Say whether there is a token."""
        return "authorization" in headers

    def sender(self, headers: Mapping[str, str]) -> str:
        """Return the application that sent it.

        Raises:
            Denied: the token does not hold.
            Unverifiable: the tenant's keys cannot be read.
        """
        scheme, _, token = headers["authorization"].partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > _LONGEST_TOKEN:
            raise Denied("the Authorization header carries no bearer token")
        claims = self._claims(token)
        return f"application {self._judge(claims)}"

    def _claims(self, token: str) -> dict[str, Any]:
        """Return what a token says, once its signature holds."""
        try:
            head = jwt.get_unverified_header(token)
            said = jwt.decode(token, options={"verify_signature": False})
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise Denied(f"the token cannot be read: {type(error).__name__}") from error
        key_id, issuer = head.get("kid"), said.get("iss")
        if head.get("alg") != ALGORITHM or not isinstance(key_id, str) or "crit" in head:
            raise Denied("the token is not signed as Entra ID signs")
        if not isinstance(issuer, str):
            raise Denied("the token has no issuer")
        key = self._key(issuer, key_id)
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=self._settings.audiences,
                issuer=issuer,
                options={
                    "require": ["exp", "iat", "aud", "iss"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise Denied(f"the token does not hold: {type(error).__name__}") from error

    def _judge(self, claims: Mapping[str, Any]) -> str:
        """Return the application, when times, tenant, application and role are as they have to be."""
        now, settings = self._runtime.now().timestamp(), self._settings
        until, since = _seconds(claims, "exp"), _seconds(claims, "nbf", _seconds(claims, "iat"))
        if now > until + LEEWAY:
            raise Denied("the token has expired")
        if now < since - LEEWAY or until - _seconds(claims, "iat") > LONGEST_LIFE:
            raise Denied("the token is not valid yet, or for longer than any token is")
        if str(claims.get("tid", "")).lower() != settings.tenant.lower():
            raise Denied("the token is of another tenant")
        app = str(claims.get("azp" if claims.get("ver") == "2.0" else "appid", "")).lower()
        if app != settings.app.lower():
            raise Denied("the token was given to another application")
        roles = claims.get("roles")
        if not isinstance(roles, list) or settings.role not in roles:
            raise Denied(f"the token has no app role {settings.role}")
        return app

    def _key(self, issuer: str, key_id: str) -> jwt.PyJWK:
        """Return the key that an issuer of this tenant signs with; the keys are read again when it is not known."""
        with self._turn:
            for document in self._documents:
                self._refresh(document, lambda one: one.read is None or self._past(one.read, KEYS_LAST))
            document = next((one for one in self._documents if self._issuers[one].name == issuer), "")
            if document and key_id not in self._issuers[document].keys:
                self._refresh(document, lambda _: True)
            if document:
                return self._of(self._issuers[document], key_id)
            if not all(one.name for one in self._issuers.values()):
                raise Unverifiable("the signing keys of the tenant cannot be read")
        raise Denied("the token is of another issuer")

    @staticmethod
    def _of(issuer: _Issuer, key_id: str) -> jwt.PyJWK:
        if key_id not in issuer.keys:
            raise Denied("the token is signed with a key that its tenant does not have")
        return issuer.keys[key_id]

    def _refresh(self, document: str, due: Callable[[_Issuer], bool]) -> None:
        """Read an issuer's keys, if it is time; keys that were read before stay where that fails."""
        one = self._issuers[document]
        if not due(one) or (one.asked is not None and not self._past(one.asked, ASKED_AGAIN)):
            return
        one.asked = self._runtime.monotonic()
        try:
            found = self._read(document)
            name = self._own(found["issuer"])
            keys = self._keys(self._read(self._allowed(found["jwks_uri"])))
        except (requests.RequestException, jwt.PyJWTError, ValueError, KeyError, TypeError, RecursionError):
            return
        self._issuers[document] = _Issuer(name, keys, one.asked, one.asked)

    def _past(self, moment: float, seconds: float) -> bool:
        return self._runtime.monotonic() - moment >= seconds

    def _own(self, issuer: object) -> str:
        """Return the issuer's name; it has to be this tenant's."""
        if not isinstance(issuer, str) or self._settings.tenant.lower() not in issuer.lower():
            raise ValueError("the issuer is that of another tenant")
        return issuer

    def _allowed(self, url: object) -> str:
        """Return where the keys are; only the authority itself may have them."""
        home, got = urlsplit(self._settings.authority), urlsplit(str(url))
        if (got.scheme, got.netloc) != (home.scheme, home.netloc):
            raise ValueError("the keys are elsewhere")
        return got.geturl()

    def _read(self, url: str) -> dict[str, Any]:
        with requests.Session() as session:
            session.trust_env = not is_loopback(url)
            with session.get(
                url, timeout=(5, 10), allow_redirects=False, stream=True, verify=self._settings.ca or True
            ) as answer:
                if answer.status_code != 200:
                    raise ValueError(f"HTTP {answer.status_code}")
                body = answer.raw.read(_LARGEST_ANSWER + 1, decode_content=True)
        if len(body) > _LARGEST_ANSWER:
            raise ValueError("too large")
        found = json.loads(body)
        if not isinstance(found, dict):
            raise TypeError("no object")
        return found

    @staticmethod
    def _keys(found: Mapping[str, Any]) -> dict[str, jwt.PyJWK]:
        """Return the RSA keys for signatures, by their ids."""
        keys = {}
        for one in found["keys"]:
            if one.get("kty") == "RSA" and one.get("use", "sig") == "sig" and isinstance(one.get("kid"), str):
                key = jwt.PyJWK({**one, "alg": ALGORITHM}, ALGORITHM)
                if key.key.key_size >= _LEAST_BITS:
                    keys[one["kid"]] = key
        if not keys:
            raise ValueError("no keys")
        return keys


def _seconds(claims: Mapping[str, Any], name: str, default: float | None = None) -> float:
    value = claims.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e11:
        raise Denied(f"the token's {name} is no time")
    return float(value)
