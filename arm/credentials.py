"""Which identity a session uses.

Against Azure: ``DefaultAzureCredential`` (``az login``, managed identity, environment). Against a loopback endpoint
given by ``--arm-endpoint`` (a simulator, a recording proxy): the managed identity of ``IDENTITY_ENDPOINT`` when that is
set. A real token never goes over plain HTTP except to the loopback endpoint that the user named.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import SplitResult, urlsplit

from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import ClientAuthenticationError

from .errors import UsageError

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_FAR_FUTURE = 4102444800  # 2100-01-01: it does not expire


class LoopbackCredential:
    """Gives a token that is worth nothing outside a simulator."""

    def get_token(self, *_scopes: str, **_: Any) -> AccessToken:
        """Return the worthless token, whatever scope is asked for."""
        return AccessToken("worth-nothing-outside-a-simulator", _FAR_FUTURE)


class _OrLoopback:
    """A credential for a loopback endpoint: the real one where there is one, else the worthless one."""

    def __init__(self, real: TokenCredential) -> None:
        self._real = real

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """Return a token of the real credential, or the worthless one."""
        try:
            return self._real.get_token(*scopes, **options)
        except ClientAuthenticationError:
            return LoopbackCredential().get_token()


def split_url(url: str) -> SplitResult | None:
    """Split a URL of a server; ``None`` when it is none, or one that HTTP libraries may read in another way.

    With a backslash, a space or a user name in it, one library may see another host than the next one connects to.
    """
    try:
        parts = urlsplit(url)
        plain = parts.port != 0 and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return None
    return parts if plain and url.isprintable() and not {" ", "\\"} & set(url) else None


def is_loopback(endpoint: str) -> bool:
    """Say whether an endpoint is on this machine."""
    return (urlsplit(endpoint).hostname or "") in _LOOPBACK


def check_endpoint(endpoint: str) -> str:
    """Return the endpoint without a trailing slash.

    Raises:
        UsageError: when it is no http(s) URL, or plain HTTP to another machine (the token could be read on the way).
    """
    parts = split_url(endpoint)
    if parts is None or parts.scheme not in ("http", "https") or parts.query or parts.fragment:
        raise UsageError(f"{endpoint!r} is not an http(s) URL", "Give --arm-endpoint as https://HOST[:PORT].")
    if parts.scheme == "http" and not is_loopback(endpoint):
        raise UsageError(
            f"{endpoint} is plain HTTP to another machine; the access token could be read on the way",
            "Use https, or a server on 127.0.0.1.",
        )
    return endpoint.rstrip("/")


def choose_credential(endpoint: str, authority: str, ca: str | None = None) -> TokenCredential:
    """Return the credential for an endpoint; azure-identity is imported only when it is needed.

    Args:
        endpoint: ARM endpoint, already checked.
        authority: login endpoint of the cloud.
        ca: certificate authority of a loopback endpoint, which may also serve the tokens.
    """
    if os.environ.get("IDENTITY_ENDPOINT") and is_loopback(endpoint):
        from azure.identity import ManagedIdentityCredential

        trust: dict[str, Any] = {"connection_verify": ca} if ca else {}
        return ManagedIdentityCredential(client_id=os.environ.get("AZURE_CLIENT_ID") or None, **trust)
    if urlsplit(endpoint).scheme == "http":
        return LoopbackCredential()
    from azure.identity import DefaultAzureCredential

    default = DefaultAzureCredential(authority=urlsplit(authority).hostname)
    return _OrLoopback(default) if is_loopback(endpoint) else default
