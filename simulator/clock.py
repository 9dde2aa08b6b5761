"""The simulator's time: it stands still unless somebody moves it."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

START = datetime(2026, 3, 2, 3, 0, 0, tzinfo=timezone.utc)


class VirtualClock:
    """A clock that is advanced by hand and runs what falls due on the way.

    Callbacks run in order of their time, ties in order of scheduling, with ``now`` at their own time.
    """

    def __init__(self, start: datetime = START) -> None:
        self._now = start
        self._due: list[tuple[datetime, int, Callable[[], None]]] = []
        self._scheduled = 0
        self.ran = 0
        """How many callbacks have run."""

    @property
    def now(self) -> datetime:
        """The current simulated time (UTC)."""
        return self._now

    def call_later(self, delay: timedelta, callback: Callable[[], None]) -> None:
        """Run ``callback`` when ``delay`` has passed on this clock."""
        self._scheduled += 1
        heapq.heappush(self._due, (self._now + delay, self._scheduled, callback))

    def forget(self) -> None:
        """Drop everything that is scheduled."""
        self._due.clear()

    def advance(self, delta: timedelta) -> datetime:
        """Move time forward by ``delta``, run all that falls due, and return the new time.

        Raises:
            ValueError: when ``delta`` is negative; simulated time never runs backwards.
        """
        if delta < timedelta(0):
            raise ValueError("simulated time cannot run backwards")
        target = self._now + delta
        while self._due and self._due[0][0] <= target:
            when, _, callback = heapq.heappop(self._due)
            self._now = max(self._now, when)
            self.ran += 1
            callback()
        self._now = target
        return target


def iso(moment: datetime) -> str:
    """Return a time as Azure writes it: ISO 8601, UTC, seven decimals, ``Z``."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


def duration(text: str) -> timedelta:
    """Return the length of an ISO 8601 duration in days, hours, minutes and seconds, e.g. ``PT6H`` or ``P1DT30M``.

    Raises:
        ValueError: when ``text`` is anything else (years, months and negative durations included).
    """
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        raise ValueError(f"{text!r} is not an ISO 8601 duration such as PT6H, PT90M or P1DT2H")
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
