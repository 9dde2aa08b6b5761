"""Long-running operations: the URL Azure gave us, kept verbatim, followed by our own poller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .retry import parse_retry_after
from .session import Session

IN_PROGRESS, SUCCEEDED, FAILED, CANCELED, GONE = "InProgress", "Succeeded", "Failed", "Canceled", "Gone"
_TERMINAL = {"succeeded": SUCCEEDED, "failed": FAILED, "canceled": CANCELED, "cancelled": CANCELED}
DEFAULT_INTERVAL = 30.0
"""Seconds between polls where Azure gives no ``Retry-After``."""


@dataclass(frozen=True)
class Operation:
    """An accepted operation: data that survives the process.

    Attributes:
        url: the status URL, verbatim (it carries signed parameters).
        by_location: it is a ``Location`` URL, whose status code alone says whether it has ended.
        interval: seconds to wait before the next poll.
    """

    url: str
    by_location: bool
    interval: float = DEFAULT_INTERVAL

    def to_json(self) -> dict[str, Any]:
        """Return the operation for the journal."""
        return {"url": self.url, "by_location": self.by_location, "interval": self.interval}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Operation:
        """Return the operation that :meth:`to_json` wrote."""
        return cls(str(data["url"]), bool(data["by_location"]), float(data["interval"]))


@dataclass(frozen=True)
class OperationState:
    """What one poll saw. ``status`` is one of the constants of this module; GONE means the URL is unknown to Azure.

    Attributes:
        output: what a ``Location`` URL gave when the operation had succeeded.
    """

    status: str
    operation: Operation
    error_code: str = ""
    error_message: str = ""
    job_id: str = ""
    output: Mapping[str, Any] = field(default_factory=dict)


def accepted(headers: Mapping[str, str], *, for_output: bool = False) -> Operation | None:
    """Return the operation that the headers of a write's answer name, ``None`` when they name none.

    Args:
        headers: of the answer.
        for_output: the operation's output is wanted, which only the ``Location`` URL gives.
    """
    hint = parse_retry_after(headers.get("Retry-After"))
    interval = hint if hint is not None else DEFAULT_INTERVAL
    urls = (("Azure-AsyncOperation", False), ("Location", True))
    for header, by_location in reversed(urls) if for_output else urls:
        url = headers.get(header)
        if url:
            return Operation(url, by_location, interval)
    return None


def poll(session: Session, operation: Operation) -> OperationState:
    """Ask once how an operation is doing.

    Raises:
        AzureError: when Azure cannot be asked; the operation is unaffected by that.
    """
    status_code, body, headers = session.poll(operation.url)
    hint = parse_retry_after(headers.get("Retry-After"))
    operation = replace(operation, interval=hint) if hint is not None else operation
    if status_code == 404:
        return OperationState(GONE, operation)
    if status_code >= 400:
        status = FAILED
    elif operation.by_location:
        status = IN_PROGRESS if status_code == 202 else SUCCEEDED
    else:
        status = _TERMINAL.get(str(body.get("status", "")).lower(), IN_PROGRESS)
    error = body.get("error") or {}
    properties = body.get("properties") or {}
    return OperationState(
        status,
        operation,
        error_code=str(error.get("code") or ""),
        error_message=str(error.get("message") or ""),
        job_id=str(properties.get("jobId") or ""),
        output=body if operation.by_location and status == SUCCEEDED else {},
    )
