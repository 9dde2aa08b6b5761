"""One step of a deployment: a write as data, and how it is carried out. There is no other way to write here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from arm.errors import Ambiguous, NotSent, Rejected, WriteError
from arm.operations import FAILED, IN_PROGRESS, accepted, poll
from arm.retry import parse_retry_after
from arm.session import Session
from arm.writes import WriteOperation, send_one

from .compare import shown

TRIES = 6
PAUSE = 10.0
"""Seconds between two looks, and before something is sent again that certainly had no effect."""
LONGEST = 900.0
"""Seconds after which a step that Azure has not finished is given up."""
AT_ONCE = 10
"""Packages that are imported at a time."""
IN_TIME = 60.0
"""Seconds within which a request leaves."""
_LATER = ("principalnotfound", "roledefinitiondoesnotexist", "parentresourcenotfound", "runbooknotfound")
"""Refusals that pass: Azure has not yet told all its parts of what was made a moment ago."""


class DeployFailed(WriteError):
    """A step of a deployment did not come to its end. What was done before it stays; the command may be run again."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "Read the message, then run the command again; it goes on where it stopped.")


@dataclass(frozen=True)
class Step:
    """One write.

    Attributes:
        verb: create, change, upload, publish, generate, delete.
        kind: the type of the resource.
        target: its id.
        operation: the write.
        body: what is sent.
        before: what differs, as it is.
        after: the same, as it is wanted.
        done: looks in Azure whether it is so.
        note: why, where that is not plain.
        meanwhile: others of its kind may be sent before Azure has finished it.
    """

    verb: str
    kind: str
    target: str
    operation: WriteOperation = field(repr=False)
    body: Mapping[str, Any] = field(repr=False)
    before: Any = field(repr=False)
    after: Any = field(repr=False)
    done: Callable[[], bool] = field(repr=False)
    note: str = ""
    meanwhile: bool = False

    @property
    def permissions(self) -> tuple[str, ...]:
        """RBAC actions that the step needs."""
        return self.operation.permissions

    def to_json(self) -> dict[str, Any]:
        """Return the step for people and programs; passwords are not in it."""
        return {
            "verb": self.verb,
            "type": self.kind,
            "target": self.target,
            "before": shown(self.before),
            "after": shown(self.after),
            "permissions": list(self.permissions),
            "note": self.note,
        }


class Carrier:
    """Carries steps out, each until Azure shows its effect.

    Args:
        session: where to.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._begun: list[Step] = []

    def carry_out(self, step: Step) -> None:
        """Send a step and wait for it; for one that has others of its kind beside it, :meth:`settle` waits.

        Raises:
            DeployFailed: it failed, or does not end.
            Rejected: Azure refuses it.
            AzureError: Azure cannot be asked.
        """
        if not step.meanwhile or len(self._begun) >= AT_ONCE:
            self.settle()
        if self._sent(step):
            self._begun.append(step)
        if not step.meanwhile:
            self.settle()

    def _sent(self, step: Step) -> bool:
        """Send a step, more than once only where it had no effect; say whether its effect is still to be waited for."""
        doubtful, left = False, TRIES
        while True:
            left -= 1
            try:
                self._follow(step)
            except (NotSent, Rejected, Ambiguous) as error:
                doubtful = doubtful or isinstance(error, Ambiguous)
                if not left or not _may_pass(error, doubtful=doubtful):
                    raise
                hint = error.retry_after if isinstance(error, NotSent) else None
                self.session.runtime.sleep(PAUSE if hint is None else hint)
                if doubtful and step.done():  # looked up before it is sent again; a step is the same however often
                    return False
            else:
                return True

    def settle(self) -> None:
        """Wait for what was begun.

        Raises:
            DeployFailed: one failed, or does not end.
            AzureError: Azure cannot be asked.
        """
        while self._begun:
            self._wait(self._begun.pop(0))

    def _follow(self, step: Step) -> None:
        runtime = self.session.runtime
        until = runtime.monotonic() + IN_TIME
        answer = send_one(self.session, step.operation, step.target, dict(step.body), until=until)
        operation = accepted(answer.headers) if answer.status in (201, 202) else None
        end = runtime.monotonic() + LONGEST
        while operation is not None:
            state = poll(self.session, operation)
            if state.status == FAILED:
                raise DeployFailed(f"{step.target}: {state.error_code}: {state.error_message}")
            if state.status != IN_PROGRESS:
                return
            if runtime.monotonic() > end:
                raise DeployFailed(f"{step.target}: Azure has not finished after {LONGEST / 60:.0f} minutes")
            hint = parse_retry_after(answer.headers.get("Retry-After"))
            runtime.sleep(min(hint if hint is not None else PAUSE, state.operation.interval))

    def _wait(self, step: Step) -> None:
        runtime = self.session.runtime
        end = runtime.monotonic() + LONGEST
        while not step.done():
            if runtime.monotonic() > end:
                raise DeployFailed(f"{step.target} was taken, and after {LONGEST / 60:.0f} minutes is still not there")
            runtime.sleep(PAUSE)


def _may_pass(error: WriteError, *, doubtful: bool) -> bool:
    """Say whether the same may be sent again; a refusal may come of an earlier sending that had its effect."""
    return not isinstance(error, Rejected) or doubtful or error.azure_code.lower() in _LATER
