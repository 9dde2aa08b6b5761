"""An azure-core transport that asks a simulator in this process, and fails as one over real sockets does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, MutableMapping
from typing import Any

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)
from azure.core.pipeline.transport import HttpTransport
from azure.core.rest import HttpRequest, HttpResponse
from requests.exceptions import ConnectionError as Unconnected
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import NewConnectionError

from simulator.frontend import parse
from simulator.wire import Request, Response

ENDPOINT = "https://management.azure.com"
READ_TIMEOUT = 60.0
"""Seconds after which a client gives up on an answer, as :class:`arm.session.Session` has it."""


class LocalTransport(HttpTransport[Any, Any]):
    """Hands each request to a function.

    Args:
        ask: takes the request as ARM's front end sees it; ``None`` instead of an answer: nobody could be connected to.
    """

    def __init__(self, ask: Callable[[Request], Response | None]) -> None:
        self._ask = ask

    def __enter__(self) -> LocalTransport:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: nothing is open."""

    def open(self) -> None:
        """Do nothing: there is nothing to open."""

    def close(self) -> None:
        """Do nothing: there is nothing to close."""

    def send(self, request: HttpRequest, **_: Any) -> LocalResponse:
        """Send a request.

        Raises:
            ServiceRequestError: there was no connection; certainly nothing was sent.
            ServiceResponseError: it was sent, and the connection was cut or the answer did not come in time.
            IncompleteReadError: the answer was cut off.
        """
        response = self._ask(_parsed(request))
        if response is None or response.delivery != "send":
            raise lost(response)
        return LocalResponse(request, response.status, response.headers, response.payload())


def _parsed(request: HttpRequest) -> Request:
    content = request.content or b""
    body = content.encode() if isinstance(content, str) else bytes(content)
    target = request.url[request.url.index("/", len("https://")) :]
    return parse(request.method, target, request.headers.items(), body, ENDPOINT)


def lost(response: Response | None) -> AzureError:
    """Return the error that azure-core's transport over ``requests`` raises for an answer that does not come whole."""
    if response is None:
        refused = NewConnectionError(None, "Failed to establish a new connection: [Errno 111] Connection refused")  # type: ignore[arg-type]
        return ServiceRequestError(str(refused), error=Unconnected(refused))
    if response.delivery == "hang":
        return ServiceResponseTimeoutError(f"Read timed out. (read timeout={READ_TIMEOUT:.0f})")
    if response.delivery == "truncate":
        return IncompleteReadError("IncompleteRead: the connection was closed before the whole body had come")
    reset = ConnectionResetError(104, "Connection reset by peer")
    return ServiceResponseError(f"('Connection aborted.', {reset!r})", error=reset)


class LocalResponse(HttpResponse):
    """An answer that is there as a whole."""

    def __init__(self, request: HttpRequest, status: int, headers: dict[str, str], content: bytes) -> None:
        self._request = request
        self._status = status
        self._headers: MutableMapping[str, str] = CaseInsensitiveDict(headers)
        self._content = content

    @property
    def request(self) -> HttpRequest:
        """The request."""
        return self._request

    @property
    def status_code(self) -> int:
        """The status."""
        return self._status

    @property
    def headers(self) -> MutableMapping[str, str]:
        """The headers, found in any case."""
        return self._headers

    @property
    def reason(self) -> str:
        """The reason phrase; there is none."""
        return ""

    @property
    def content_type(self) -> str | None:
        """The type of the body."""
        return self._headers.get("Content-Type")

    @property
    def is_closed(self) -> bool:
        """Whether the connection is closed: it has been read."""
        return True

    @property
    def is_stream_consumed(self) -> bool:
        """Whether it has been read."""
        return True

    @property
    def encoding(self) -> str | None:
        """The encoding of the body."""
        return "utf-8"

    @encoding.setter
    def encoding(self, value: str | None) -> None:
        """Ignore another one."""

    @property
    def url(self) -> str:
        """The URL that was asked."""
        return self._request.url

    @property
    def content(self) -> bytes:
        """The body."""
        return self._content

    def text(self, encoding: str | None = None) -> str:
        """Return the body as text."""
        return self._content.decode(encoding or "utf-8")

    def json(self) -> Any:
        """Return the body, which is JSON."""
        return json.loads(self._content)

    def read(self) -> bytes:
        """Return the body."""
        return self._content

    def iter_raw(self, **_: Any) -> Iterator[bytes]:
        """Yield the body."""
        yield self._content

    def iter_bytes(self, **_: Any) -> Iterator[bytes]:
        """Yield the body."""
        yield self._content

    def raise_for_status(self) -> None:
        """Raise ``HttpResponseError`` for an error's status."""
        if self._status >= 400:
            raise HttpResponseError(response=self)

    def close(self) -> None:
        """Do nothing: it has been read."""

    def __enter__(self) -> LocalResponse:
        return self

    def __exit__(self, *_: object) -> None:
        """Do nothing: it has been read."""
