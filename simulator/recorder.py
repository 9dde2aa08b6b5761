"""What clients asked and what they were told, in order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .clock import iso
from .wire import Json, Request, Response


@dataclass
class Record:
    """One request and its answer; ``route`` facts are filled in once they are known.

    ``done`` is the status with which it was carried out or refused, whatever a fault made of the answer; 0: never.
    """

    number: int
    time: datetime
    request: Request
    service: str = "arm"
    action: str | None = None
    write: bool = False
    effect: bool = False
    fault: str | None = None
    done: int = 0
    response: Response = field(default_factory=lambda: Response(500))

    def as_json(self) -> Json:
        """Return the record as the control API gives it; ``Authorization`` is left out."""
        request, response = self.request, self.response
        return {
            "n": self.number,
            "time": iso(self.time),
            "service": self.service,
            "method": request.method,
            "path": request.path,
            "query": dict(request.query),
            "api_version": request.query.get("api-version"),
            "headers": _without_secrets(request.headers),
            "body": _parsed(request.body),
            "status": None if response.delivery in ("reset", "hang") else response.status,
            "response": _without_token(response.body) if response.text is None else response.text,
            "response_headers": dict(response.headers),
            "action": self.action,
            "write": self.write,
            "effect": self.effect,
            "fault": self.fault,
        }


_SECRET = ("authorization", "x-ms-authorization-auxiliary", "x-identity-header")


def _without_secrets(headers: Mapping[str, str]) -> Json:
    return {name: value for name, value in headers.items() if name.lower() not in _SECRET}


def _without_token(body: Any) -> Any:
    if isinstance(body, dict) and "access_token" in body:
        return {**body, "access_token": "(not recorded)"}
    return body


def _parsed(body: bytes) -> Any:
    if not body.strip():
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")
