"""Faults on demand: what goes wrong with which requests, how often."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .operations import Forced, Operation
from .wire import ArmError, Json, Request, Response

BEFORE = ("status", "reset_before", "timeout_before", "not_json", "deny", "expire_tokens", "poll_gone", "stale")
AFTER = ("status_after", "reset_after", "timeout_after", "truncate", "no_headers", "page_loop", "page_duplicate")
OPERATION = ("operation_fails", "operation_cancelled", "operation_never_ends", "operation_lies")
KINDS = (*BEFORE, *AFTER, *OPERATION)
_READS = ("stale", "page_loop", "page_duplicate", "poll_gone")
_WRITES = ("no_headers", *OPERATION)
_TYPES: dict[str, tuple[type, ...]] = {
    "kind": (str,),
    "method": (str,),
    "path": (str,),
    "skip": (int,),
    "times": (int, type(None)),
    "status": (int,),
    "code": (str,),
    "message": (str,),
    "retry_after": (str, int),
    "seconds": (int, float),
}
_POLL = re.compile(
    r"/(operations|operationresults|operationsstatus|backupoperations|backupoperationresults)/[^/]+$", re.IGNORECASE
)
_CODES = {
    400: "BadRequest",
    401: "InvalidAuthenticationToken",
    403: "AuthorizationFailed",
    404: "NotFound",
    408: "RequestTimeout",
    409: "Conflict",
    412: "PreconditionFailed",
    429: "TooManyRequests",
    500: "InternalServerError",
    502: "BadGateway",
    503: "ServiceUnavailable",
    504: "GatewayTimeout",
}
_HTML = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Sign in to the proxy</h1></body></html>"


@dataclass
class Fault:
    """One fault: a kind, the requests it applies to, and how many of them.

    ``path`` is searched in the decoded path in any case. ``skip`` requests pass first, then ``times`` are hit
    (``None``: all). The other fields are parameters of some kinds.
    """

    kind: str
    method: str | None = None
    path: re.Pattern[str] | None = None
    skip: int = 0
    times: int | None = 1
    status: int = 500
    code: str | None = None
    message: str | None = None
    retry_after: str | None = None
    seconds: float = 30.0
    seen: int = field(default=0, init=False)

    @classmethod
    def parse(cls, body: Any) -> Fault:
        """Return the fault that a JSON object describes.

        Raises:
            ArmError: 400 saying what is wrong with it.
        """
        if not isinstance(body, Mapping):
            raise _invalid(f"a fault is a JSON object, not {body!r}")
        _check(body)
        values = {name: value for name, value in body.items() if name not in ("path", "retry_after", "method")}
        if body.get("path") is not None:
            try:
                values["path"] = re.compile(body["path"], re.IGNORECASE)
            except re.error as error:
                raise _invalid(f"'path' is no regular expression: {error}") from error
        if "retry_after" in body:
            values["retry_after"] = str(body["retry_after"])
        if "method" in body:
            values["method"] = body["method"].upper()
        return cls(**values)

    def as_json(self) -> Json:
        """Return the fault as it can be posted again, and how many requests it has seen."""
        body: Json = {"kind": self.kind, "skip": self.skip, "times": self.times, "seen": self.seen}
        optional = {
            "method": self.method,
            "path": self.path.pattern if self.path else None,
            "code": self.code,
            "message": self.message,
            "retry_after": self.retry_after,
            "status": self.status if self.kind.startswith("status") else None,
            "seconds": self.seconds if self.kind.startswith("timeout") else None,
        }
        return body | {name: value for name, value in optional.items() if value is not None}

    def concerns(self, request: Request, *, write: bool, identity: bool) -> bool:
        """Whether this request is one that the fault applies to; token requests only when ``path`` names them."""
        if self.method is not None and self.method != request.method:
            return False
        if self.path is None:
            if identity:
                return False
        elif not self.path.search(request.path):
            return False
        if self.kind in _WRITES:
            return write
        if self.kind in _READS and request.method != "GET":
            return False
        return self.kind != "poll_gone" or _POLL.search(request.path) is not None

    def due(self) -> bool:
        """Count one request the fault applies to and say whether it is hit."""
        self.seen += 1
        return self.seen > self.skip and (self.times is None or self.seen <= self.skip + self.times)

    def error(self) -> Response:
        """The answer of ``status`` and ``status_after``."""
        code = self.code or _CODES.get(self.status, "Error")
        message = self.message or f"The simulator was told to answer {self.status}."
        headers = {} if self.retry_after is None else {"Retry-After": self.retry_after}
        return ArmError(self.status, code, message, headers=headers).response()

    def instead(self) -> Response | None:
        """What is answered in place of doing anything; ``None`` for the kinds that let the request through."""
        if self.kind == "status":
            return self.error()
        if self.kind == "reset_before":
            return Response(500, delivery="reset")
        if self.kind == "timeout_before":
            return Response(500, delivery="hang", seconds=self.seconds)
        if self.kind == "not_json":
            return Response(200, text=_HTML, headers={"Content-Type": "text/html; charset=utf-8"})
        if self.kind == "poll_gone":
            message = self.message or "The operation was not found."
            return ArmError(404, self.code or "NotFound", message).response()
        return None

    def spoil(self, request: Request, response: Response) -> Response:
        """Return what the client gets of an answer to a request that was carried out."""
        if self.kind == "status_after":
            return self.error()
        if self.kind == "reset_after":
            response.delivery = "reset"
        elif self.kind == "timeout_after":
            response.delivery, response.seconds = "hang", self.seconds
        elif self.kind == "truncate":
            response.delivery = "truncate"
        elif self.kind == "no_headers" and response.status < 300:
            dropped = ("azure-asyncoperation", "location", "retry-after")
            response.headers = {name: value for name, value in response.headers.items() if name.lower() not in dropped}
        elif isinstance(response.body, dict) and isinstance(response.body.get("value"), list):
            self._spoil_page(request, response.body)
        return response

    def _spoil_page(self, request: Request, body: Json) -> None:
        if self.kind == "page_loop":
            query = "&".join(f"{name}={value}" for name, value in request.query.items()).replace(" ", "%20")
            body["nextLink"] = f"{request.base_url}{request.raw_path}" + (f"?{query}" if query else "")
        elif self.kind == "page_duplicate":
            body["value"] = body["value"] + body["value"][:1]

    def bend(self, operations: Iterable[Operation]) -> None:
        """Give the operations that the request started the end that this fault wants."""
        for operation in operations:
            if self.kind == "operation_fails":
                message = self.message or "An internal execution error occurred. Please retry later."
                error = {"code": self.code or "InternalExecutionError", "message": message}
                operation.forced = Forced("Failed", error)
            elif self.kind == "operation_cancelled":
                operation.forced = Forced("Canceled")
            elif self.kind == "operation_never_ends":
                operation.forced = Forced("InProgress")
            elif self.kind == "operation_lies":
                operation.forced = Forced("Succeeded")


class Faults:
    """The faults posted and not yet cleared; the first one due wins."""

    def __init__(self) -> None:
        self.active: list[Fault] = []

    def take(self, request: Request, *, write: bool, identity: bool) -> Fault | None:
        """Return the fault that hits this request."""
        hit = None
        for fault in self.active:
            if fault.concerns(request, write=write, identity=identity) and fault.due() and hit is None:
                hit = fault
        return hit

    def wants_snapshots(self) -> bool:
        """Whether some fault will need the state before a write."""
        return any(fault.kind == "stale" for fault in self.active)


def _check(body: Mapping[str, Any]) -> None:
    unknown = sorted(set(body) - set(_TYPES))
    if unknown:
        raise _invalid(f"unknown keys {', '.join(unknown)}; known: {', '.join(_TYPES)}")
    for name, value in body.items():
        if not isinstance(value, _TYPES[name]) or isinstance(value, bool):
            raise _invalid(f"'{name}' cannot be {value!r}")
    if body.get("kind") not in KINDS:
        raise _invalid(f"unknown kind {body.get('kind')!r}; kinds: {', '.join(KINDS)}")
    for name in ("skip", "times", "seconds"):
        if (body.get(name) or 0) < 0:
            raise _invalid(f"'{name}' cannot be negative")
    if not 200 <= body.get("status", 500) <= 599:
        raise _invalid("'status' must be between 200 and 599")


def _invalid(reason: str) -> ArmError:
    return ArmError(400, "InvalidFault", f"Not a fault: {reason}.")
