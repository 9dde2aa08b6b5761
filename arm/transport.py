"""The last gate before the socket.

Every request to Azure, ours or the SDK's, passes :class:`GuardedTransport`. A read passes. A write passes once, only
when the engine has issued a permit for exactly that method and path; so neither an SDK retry, nor a redirect, nor a
provider registration, nor a mistake elsewhere can write. What is on the deny list never passes.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from math import inf
from typing import Any
from urllib.parse import urlsplit

from azure.core.pipeline.transport import HttpTransport

from .errors import NotSent, WriteBlocked
from .ids import normal
from .runtime import boot_seconds

READ_POSTS = tuple(
    re.compile(pattern)
    for pattern in (
        r"/providers/microsoft\.resourcegraph/resources",
        r"/subscriptions/[^/]+/providers/microsoft\.recoveryservices/locations/[^/]+/backupstatus",
    )
)
"""POST requests that only read, by path in lower case."""

_VAULT = r"^/subscriptions/[^/]+/resourcegroups/[^/]+/providers/microsoft\.recoveryservices/vaults/[^/]+"
_ITEM = _VAULT + r"/backupfabrics/[^/]+/protectioncontainers/[^/]+/protecteditems/[^/]+"
DENY_LIST: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("DELETE", re.compile(_VAULT + "$"), "deleting a Recovery Services vault"),
    ("DELETE", re.compile(_ITEM + "$"), "deleting a protected item with its backup data"),
    ("DELETE", re.compile(_ITEM + r"/recoverypoints(/|$)"), "deleting recovery points in a vault"),
    ("DELETE", re.compile(_VAULT + r"/backupfabrics/[^/]+/protectioncontainers/[^/]+$"), "unregistering a container"),
    ("DELETE", re.compile(_VAULT + r"/backuppolicies/"), "deleting a backup policy"),
    ("DELETE", re.compile(_VAULT + r"/backupresourceguardproxies/"), "taking a Resource Guard off a vault"),
    ("POST", re.compile(_VAULT + r"/backupresourceguardproxies/[^/]+/unlockdelete$"), "unlocking a Resource Guard"),
    ("PUT", re.compile(_VAULT + "$"), "changing a vault's soft delete or immutability"),
    ("PATCH", re.compile(_VAULT + "$"), "changing a vault's soft delete or immutability"),
    ("PUT", re.compile(_VAULT + r"/backupconfig/"), "changing a vault's soft delete"),
    ("PATCH", re.compile(_VAULT + r"/backupconfig/"), "changing a vault's soft delete"),
    ("DELETE", re.compile(r"^/subscriptions/[^/]+(/resourcegroups/[^/]+)?$"), "deleting a group or subscription"),
    ("DELETE", re.compile(r"/providers/microsoft\.compute/virtualmachines/[^/]+$"), "deleting a virtual machine"),
    ("DELETE", re.compile(r"/providers/microsoft\.compute/(disks|snapshots)/[^/]+$"), "deleting a disk or snapshot"),
)
"""What this software never sends, whatever it is told: method, path in lower case, what it would be."""


def denied(method: str, path: str) -> str | None:
    """Return what the deny list calls this request, or ``None`` when it is not on it."""
    path = normal(path)
    if method.upper() not in ("GET", "HEAD") and not {".", ".."}.isdisjoint(path.split("/")):
        return "a write to a path that climbs"  # somebody on the way may resolve it to another resource
    for denied_method, pattern, what in DENY_LIST:
        if method.upper() == denied_method and pattern.search(path):
            return what
    return None


def is_read(method: str, path: str) -> bool:
    """Say whether a request only reads."""
    if method.upper() in ("GET", "HEAD"):
        return True
    return method.upper() == "POST" and any(pattern.fullmatch(normal(path)) for pattern in READ_POSTS)


class GuardedTransport(HttpTransport[Any, Any]):
    """An azure-core transport that refuses what was not allowed, counts, and notes Azure's clock.

    Args:
        inner: the transport that really sends.
        read_only: refuse every write, permits or not (dry run, plan, diagnose).
        monotonic: the clock that permits end by, in seconds.
    """

    def __init__(
        self, inner: HttpTransport[Any, Any], *, read_only: bool, monotonic: Callable[[], float] = boot_seconds
    ) -> None:
        self._inner = inner
        self._monotonic = monotonic
        self.read_only = read_only
        self.reads = 0
        self.writes = 0
        self.azure_time: datetime | None = None
        self._permit: tuple[str, str] | None = None
        self._until = 0.0
        self._renewable = False
        self._lock = threading.Lock()

    def __enter__(self) -> GuardedTransport:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        """Open the inner transport."""
        self._inner.open()

    def close(self) -> None:
        """Leave the inner transport open: it is shared by all clients of a session."""

    def shutdown(self) -> None:
        """Close the inner transport, at the end of the session."""
        self._inner.close()

    def sleep(self, duration: float) -> None:
        """Refuse: no SDK component may wait here; the engine owns all waiting."""
        raise WriteBlocked(
            f"an SDK policy tried to wait {duration:g} s inside a request", "Report this: retries belong to the engine."
        )

    @contextmanager
    def permit(self, method: str, path: str, until: float = inf) -> Iterator[None]:
        """Allow one sending of exactly this write while the block runs, and one more if Azure refuses the token.

        Args:
            method: HTTP method.
            path: path of the URL.
            until: moment of the monotonic clock after which it is too late: a process that was suspended since the
                permission was given (SIGSTOP, a paused machine) must not send what may be somebody else's to send now.
        """
        with self._lock:
            self._permit, self._renewable, self._until = (method.upper(), normal(path)), True, until
        try:
            yield
        finally:
            with self._lock:
                self._permit = None

    def send(self, request: Any, **kwargs: Any) -> Any:
        """Send a request that is allowed.

        Raises:
            WriteBlocked: on the deny list, in read-only mode, or without a permit.
            NotSent: the permit has ended.
        """
        method, path = request.method.upper(), urlsplit(request.url).path
        what = denied(method, path)
        if what is not None:
            raise WriteBlocked(f"{what} is on the deny list: {method} {path}", "No option lifts this.")
        if is_read(method, path):
            with self._lock:
                self.reads += 1
            response = self._inner.send(request, **kwargs)
        else:
            permit = self._take_permit(method, path)
            response = self._inner.send(request, **kwargs)
            if response.status_code == 401:  # refused before any effect: the policy may renew the token and send again
                with self._lock:
                    self._permit, self._renewable = permit if self._renewable else None, False
        self._note_time(response.headers.get("Date"))
        return response

    def _take_permit(self, method: str, path: str) -> tuple[str, str]:
        wanted = (method, normal(path))
        with self._lock:
            if self.read_only:
                raise WriteBlocked(
                    f"read-only: {method} {path} was not sent", "Run without --dry-run to change things."
                )
            if self._permit != wanted:
                raise WriteBlocked(
                    f"no permit for {method} {path}", "Report this: something tried to write outside the plan."
                )
            self._permit = None
            late = self._monotonic() - self._until
            if late > 0:
                raise NotSent(
                    f"{method} {path} was not sent: the program was held up for {late:.0f} s too long",
                    "Resume; whether this process may still work on the VM is looked up first.",
                )
            self.writes += 1
        return wanted

    def _note_time(self, date: str | None) -> None:
        if not date:
            return
        try:
            moment = parsedate_to_datetime(date)
        except ValueError:
            return
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)
        with self._lock:
            if self.azure_time is None or moment > self.azure_time:
                self.azure_time = moment
