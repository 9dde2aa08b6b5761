"""What goes over the wire: requests, responses and ARM's error body."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]


class Fields(Mapping[str, str]):
    """Headers or query parameters: looked up in any case, listed as sent; of a repeated one the last value counts."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = {name.lower(): (name, value) for name, value in pairs}

    def __getitem__(self, name: str) -> str:
        return self._pairs[name.lower()][1]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._pairs.values())

    def __len__(self) -> int:
        return len(self._pairs)


@dataclass(frozen=True)
class Request:
    """One request as ARM's front end sees it.

    ``path`` is percent-decoded once, with ``//`` collapsed and its case kept; ``raw_path`` is what the
    client sent. ``query`` and ``headers`` are :class:`Fields`. ``base_url`` is scheme and host of this
    simulator as the client addressed it, for URLs in headers and bodies.
    """

    method: str
    path: str
    raw_path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""
    base_url: str = "http://127.0.0.1"

    def json(self) -> Json:
        """Return the body as an object; an empty body is ``{}``.

        Raises:
            ArmError: 400 ``InvalidRequestContent`` when the body is not a JSON object.
        """
        if not self.body.strip():
            return {}
        try:
            value = json.loads(self.body)
        except ValueError as error:
            message = f"The request content was invalid and could not be deserialized: '{error}'."
            raise ArmError(400, "InvalidRequestContent", message) from error
        if not isinstance(value, dict):
            raise ArmError(400, "InvalidRequestContent", "The request content must be a JSON object.")
        return value


Delivery = Literal["send", "reset", "hang", "truncate"]
"""What the server does with an answer: send it, reset the connection, never answer, or cut the body."""


@dataclass
class Response:
    """Status, JSON body (``None``: empty) and headers of one answer.

    ``text`` replaces the JSON body by something that is not JSON. ``delivery`` and ``seconds`` (how long
    a connection is held open at most) are set by faults only.
    """

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    delivery: Delivery = "send"
    seconds: float = 0.0

    def payload(self) -> bytes:
        """Return the body as bytes; empty when there is none."""
        if self.text is not None:
            return self.text.encode()
        return b"" if self.body is None else json.dumps(self.body).encode()


class ArmError(Exception):
    """An error that is answered as ARM answers it: ``{"error": {"code", "message", ...}}``."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def response(self) -> Response:
        """Return the error as a response."""
        return Response(
            self.status, {"error": {"code": self.code, "message": self.message, **self.extra}}, dict(self.headers)
        )
