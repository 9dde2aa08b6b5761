"""A tenant's sign-in on a real socket: OpenID configuration, keys that can be rotated, and tokens signed with them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

TENANT = "aaaabbbb-0000-4000-8000-dddd22221111"
AUDIENCE = "api://11112222-3333-4444-8555-666677778888"
ACTION_GROUPS = "461e8683-5575-4561-ac7f-899cc907d62a"


@lru_cache
def key(name: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=1024 if name == "weak" else 2048)


def public(name: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(key(name).public_key(), as_dict=True)
    return {**found, "kid": name, "use": "sig", "key_ops": ["verify"]}


class Authority:
    """A tenant's sign-in."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.keys = ["one"]
        self.asked: list[str] = []
        self.broken = ""
        self.keys_at = url

    @property
    def issuers(self) -> tuple[str, str]:
        return f"https://sts.windows.net/{TENANT}/", f"{self.url}/{TENANT}/v2.0"

    def answer(self, path: str) -> Any:
        self.asked.append(path)
        if path == f"/{TENANT}/.well-known/openid-configuration":
            return {"issuer": self.issuers[0], "jwks_uri": f"{self.keys_at}/common/discovery/keys"}
        if path == f"/{TENANT}/v2.0/.well-known/openid-configuration":
            return {"issuer": self.issuers[1], "jwks_uri": f"{self.keys_at}/{TENANT}/discovery/v2.0/keys"}
        return {"keys": [public(one) for one in self.keys] + [{"kty": "EC", "kid": "other"}]}

    def claims(self, now: float, version: str = "1.0", **changed: Any) -> dict[str, Any]:
        said = {
            "aud": AUDIENCE,
            "iss": self.issuers[version == "2.0"],
            "iat": int(now),
            "nbf": int(now),
            "exp": int(now) + 3600,
            "tid": TENANT,
            "azp" if version == "2.0" else "appid": ACTION_GROUPS,
            "roles": ["ActionGroupsSecureWebhook"],
            "ver": version,
            **changed,
        }
        return {name: value for name, value in said.items() if value is not None}

    def token(self, now: float, version: str = "1.0", *, signed_with: str = "one", **changed: Any) -> str:
        head = changed.pop("head", {"kid": signed_with})
        return jwt.encode(self.claims(now, version, **changed), key(signed_with), "RS256", head)


@contextmanager
def authority() -> Iterator[Authority]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = 500 if server.it.broken == "down" else 302 if server.it.broken == "moved" else 200
            body = json.dumps(server.it.answer(self.path)).encode()
            body = b"<html>" if server.it.broken == "page" else body
            self.send_response(status)
            self.send_header("Location", f"{server.it.url}/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Sign(ThreadingHTTPServer):
        it: Authority

    server = Sign(("127.0.0.1", 0), Handler)
    server.it = Authority(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.it
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
