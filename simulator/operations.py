"""Long-running operations: accepted now, finished on the virtual clock, polled by URL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from .clock import iso
from .wire import ArmError, Json

if TYPE_CHECKING:
    from .world import World

POLL = timedelta(seconds=60)
"""How far one poll of an operation in progress moves the clock."""


@dataclass(frozen=True)
class Forced:
    """The end a fault gives to an operation: ``status`` (``InProgress``: none), with an error when it failed."""

    status: str
    error: Json | None = None


@dataclass
class Operation:
    """One accepted operation.

    ``finish`` runs when the operation falls due, and returns the final output (or ``None``), or a ``timedelta``: it
    goes on, and ``finish`` is asked again after that; an :class:`ArmError` from it makes the operation fail with that
    code and message. ``token`` is the opaque parameter of its poll URL. ``forced`` is set by faults: what happens
    instead of ``finish``; ``abort`` then puts back what was marked when the operation was accepted.
    """

    id: str
    kind: str
    started: datetime
    finish: Callable[[], Any]
    status: str = "InProgress"
    ended: datetime | None = None
    output: Any = None
    error: Json | None = None
    properties: Json = field(default_factory=dict)
    token: str = ""
    forced: Forced | None = None
    abort: Callable[[], None] | None = None


class Operations:
    """All operations of a world, by id.

    ``polls_move_clock``: looking at what is in progress lets time pass; a client that lets it pass itself turns it off.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.by_id: dict[str, Operation] = {}
        self.polls_move_clock = True

    def start(
        self,
        kind: str,
        duration: timedelta,
        finish: Callable[[], Any],
        *,
        properties: Json | None = None,
        abort: Callable[[], None] | None = None,
    ) -> Operation:
        """Accept an operation that finishes after ``duration`` of simulated time."""
        operation = Operation(
            self._world.guid(),
            kind,
            self._world.clock.now,
            finish,
            properties=dict(properties or {}),
            token=f"{self._world.random.getrandbits(128):032x}",
            abort=abort,
        )
        self.by_id[operation.id.lower()] = operation
        self._world.clock.call_later(duration, lambda: self._finish(operation))
        return operation

    def running(self, operation_id: str | None) -> Operation | None:
        """Return the operation when it exists and has not ended."""
        operation = self.by_id.get((operation_id or "").lower())
        return operation if operation is not None and operation.status == "InProgress" else None

    def _finish(self, operation: Operation) -> None:
        if operation.status != "InProgress":
            return
        if operation.forced is not None:
            operation.status, operation.error = operation.forced.status, operation.forced.error
            if operation.status != "InProgress":
                operation.ended = self._world.clock.now
                if operation.abort is not None:
                    operation.abort()
            return
        try:
            output = operation.finish()
        except ArmError as error:
            self.end(operation, "Failed", {"code": error.code, "message": error.message})
            return
        if isinstance(output, timedelta):
            self._world.clock.call_later(output, lambda: self._finish(operation))
            return
        operation.output = output
        self.end(operation, "Succeeded")

    def give_up(self, operation: Operation) -> None:
        """End an operation that a fault keeps from ending, as Azure does at last: it failed, and changed nothing."""
        if operation.forced is not None and operation.status == "InProgress":
            operation.forced = Forced("Failed", {"code": "OperationTimedOut", "message": "The operation timed out."})
            self._finish(operation)

    def end(self, operation: Operation, status: str, error: Json | None = None) -> None:
        """End an operation that is in progress, now."""
        if operation.status == "InProgress":
            operation.status, operation.error, operation.ended = status, error, self._world.clock.now

    def pass_time(self, span: timedelta) -> None:
        """Let time pass because a client has looked at something in progress."""
        if self.polls_move_clock:
            self._world.clock.advance(span)

    def poll(self, operation_id: str) -> Operation:
        """Return a copy of the operation as it is now; one in progress then moves the clock on by :data:`POLL`.

        So a client that polls sees long operations end after a few polls, and no real time passes.

        Raises:
            ArmError: 404 when there is no such operation.
        """
        operation = self.by_id.get(operation_id.lower())
        if operation is None:
            raise ArmError(404, "NotFound", f"The operation '{operation_id}' was not found.")
        seen = replace(operation)
        if operation.status == "InProgress":
            self.pass_time(POLL)
        return seen


def status_body(operation: Operation) -> Json:
    """Return the body of a status poll, as ARM writes it."""
    body: Json = {"name": operation.id, "status": operation.status, "startTime": iso(operation.started)}
    if operation.ended is not None:
        body["endTime"] = iso(operation.ended)
    if operation.error is not None:
        body["error"] = operation.error
    return body
