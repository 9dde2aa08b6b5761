"""Retries of reads: bounded, ``Retry-After`` honoured, one budget per session. Writes are never retried here."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from .errors import AzureError, Throttled
from .runtime import Runtime

T = TypeVar("T")

ATTEMPTS = 4
LONGEST_WAIT = 60.0
"""Seconds; a longer or absurd ``Retry-After`` is cut to this."""
BUDGET = 24
"""Retries that one session may spend over all its reads."""


class Transient(AzureError):
    """A read that is worth another try.

    Attributes:
        retry_after: seconds Azure asked to wait, or ``None``.
        final: the error to raise when the tries are used up.
    """

    def __init__(self, final: AzureError, retry_after: float | None = None) -> None:
        super().__init__(final.message, final.next_step)
        self.final = final
        self.retry_after = retry_after


def parse_retry_after(value: str | None) -> float | None:
    """Return the seconds of a ``Retry-After`` header, cut to what is sane; ``None`` when there is none.

    Azure sends seconds. A date, a negative number or nonsense counts as "no hint".

    >>> parse_retry_after("17"), parse_retry_after("99999999"), parse_retry_after("soon")
    (17.0, 60.0, None)
    """
    try:
        seconds = float(value) if value else None
    except ValueError:
        return None
    if seconds is None or not 0 <= seconds < float("inf"):
        return None
    return min(seconds, LONGEST_WAIT)


class RetryBudget:
    """Counts the retries of a session, so that a struggling Azure is not hammered."""

    def __init__(self, total: int = BUDGET) -> None:
        self.left = total

    def spend(self) -> bool:
        """Take one retry; ``False`` when none is left."""
        self.left -= 1
        return self.left >= 0


def retrying(read: Callable[[], T], runtime: Runtime, budget: RetryBudget) -> T:
    """Run a read, again when it was :class:`Transient`.

    Raises:
        AzureError: the last try's own error when tries or budget are used up.
    """
    try:
        return read()
    except Transient as error:
        first = error  # tenacity costs its import only when something went wrong
    from tenacity import (
        RetryCallState,
        Retrying,
        retry_if_exception_type,
        stop_after_attempt,
        wait_exponential,
    )

    pending: list[Transient] = [first]
    backoff = wait_exponential(multiplier=0.4, max=LONGEST_WAIT)

    def again() -> T:
        if pending:
            raise pending.pop()
        return read()

    def wait(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        hint = error.retry_after if isinstance(error, Transient) else None
        return hint or backoff(state)

    retry = Retrying(
        retry=retry_if_exception_type(Transient),
        stop=lambda state: stop_after_attempt(ATTEMPTS)(state) or not budget.spend(),
        wait=wait,
        sleep=runtime.sleep,
        reraise=True,
    )
    try:
        return retry(again)
    except Transient as error:
        raise error.final from error


def throttled(message: str) -> Throttled:
    """Return the error for a 429 that outlasted the retries."""
    return Throttled(message, "Azure is throttling this subscription; run again in a few minutes.")
