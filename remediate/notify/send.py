"""One POST within bounded time. What goes wrong is told by its kind only: errors have the secret address in them."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from arm.credentials import is_loopback

SECONDS = 15.0
"""One attempt takes no longer, however slowly the other side answers."""
CONNECT, READ = 5, 10
_AGAIN = (408, 429, 500, 502, 503, 504)


class NotTold(Exception):
    """A channel did not take a message.

    Attributes:
        again: whether it may take it a moment later.
    """

    def __init__(self, why: str, *, again: bool) -> None:
        super().__init__(why)
        self.again = again


@dataclass
class _Attempt:
    status: int = 0
    failed: str = ""
    done: threading.Event = field(default_factory=threading.Event)


def post(url: str, body: Any, headers: Mapping[str, str] | None = None, *, ca: str | None = None) -> None:
    """Send JSON.

    Args:
        url: where to; it never gets into an error.
        body: the JSON.
        headers: further headers.
        ca: certificate authority to trust, instead of the system's.

    Raises:
        NotTold: it was not taken, or nobody knows within :data:`SECONDS`.
    """
    attempt = _Attempt()
    data = json.dumps(body, ensure_ascii=False).encode()
    sent = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
    threading.Thread(target=_send, args=(attempt, url, data, sent, ca), daemon=True).start()
    if not attempt.done.wait(SECONDS):
        raise NotTold(f"no answer within {SECONDS:g} s", again=False)  # it may have been taken
    if attempt.failed:
        raise NotTold(attempt.failed, again=True)
    if not 200 <= attempt.status < 300:
        raise NotTold(f"HTTP {attempt.status}", again=attempt.status in _AGAIN)


def _send(attempt: _Attempt, url: str, data: bytes, headers: Mapping[str, str], ca: str | None) -> None:
    try:
        with requests.Session() as session:
            session.trust_env = not is_loopback(url)
            with session.post(
                url,
                data=data,
                headers=headers,
                timeout=(CONNECT, READ),
                allow_redirects=False,
                stream=True,
                verify=ca or True,
            ) as answer:
                attempt.status = answer.status_code
    except Exception as error:  # noqa: BLE001  # whatever it is, its text may name the address
        attempt.failed = type(error).__name__
    finally:
        attempt.done.set()
