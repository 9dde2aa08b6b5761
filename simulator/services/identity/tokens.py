"""The tokens this simulator has handed out."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.world import World

LIFETIME = 24 * 3600
"""Seconds; clients cache tokens by the clock of their host, so this is real time."""

OBJECT_ID = "33333333-3333-4333-8333-333333333333"
CLIENT_ID = "44444444-4444-4444-8444-444444444444"


class Tokens:
    """Issues tokens shaped like Entra's and remembers which are no good any more.

    ``now`` gives real time in seconds since 1970.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._expires: dict[str, int] = {}
        self._revoked: set[str] = set()

    def issue(self, world: World, resource: str) -> tuple[str, int]:
        """Return a new token for an audience and the time it expires (seconds since 1970)."""
        now = int(self._now())
        claims = {
            "aud": resource,
            "iss": f"https://sts.windows.net/{world.tenant}/",
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME,
            "appid": CLIENT_ID,
            "idtyp": "app",
            "oid": OBJECT_ID,
            "sub": OBJECT_ID,
            "tid": world.tenant,
            "ver": "1.0",
            "xms_mirid": f"{world.resources.group_id('simulator')}/providers/"
            "Microsoft.ManagedIdentity/userAssignedIdentities/simulator",
        }
        signature = world.random.getrandbits(256).to_bytes(32, "big")
        header = json.dumps({"typ": "JWT", "alg": "RS256", "kid": "simulator"}).encode()
        token = ".".join(_segment(part) for part in (header, json.dumps(claims).encode(), signature))
        self._expires[token] = now + LIFETIME
        return token, now + LIFETIME

    def accepts(self, token: str) -> bool:
        """Whether a bearer is good: anything but what was issued here and has expired, or was revoked."""
        return token not in self._revoked and self._expires.get(token, self._now() + 1) > self._now()

    def revoke_all(self, presented: str | None = None) -> None:
        """Make every token issued so far, and the one presented, no good."""
        self._revoked |= {*self._expires, *([presented] if presented else [])}


def _segment(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
