"""No job outlives its time: a run parks well before Azure Automation stops the job, or when the job is told to stop."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from types import FrameType

from arm.runtime import Runtime

from ..engine.boundaries import (
    AFTER_NEXT_STEP,
    AFTER_REPAID,
    BEFORE_INTENT,
    BEFORE_REPAYING,
    BEFORE_VERDICT,
    POLLING,
    VERIFYING,
)
from ..engine.execute import Parked

GOES_ON_AFTER = timedelta(minutes=5)
_PARKS_AT = (BEFORE_INTENT, POLLING, VERIFYING)
"""Boundaries at which nothing is half done: what is sent is noted, and the next change is not begun."""
_PAID = (AFTER_REPAID, AFTER_NEXT_STEP, VERIFYING, BEFORE_VERDICT)


class Deadline:
    """When this job has to end, and whether it has been told to end earlier.

    What a run gives back (a lock on loan) is still given back after the deadline: that is what makes stopping safe.

    Args:
        monotonic: seconds that never go back.
        seconds: how long the job may take.
        now: what time it is; Azure's, as soon as a session knows it.
    """

    def __init__(self, monotonic: Callable[[], float], seconds: float, now: Callable[[], datetime]) -> None:
        self._monotonic = monotonic
        self._end = monotonic() + seconds
        self._stopped = False
        self._repaying = False
        self._reader, self._writer = os.pipe()
        self.now = now

    @property
    def left(self) -> float:
        """Seconds that are left; none when the job has been told to stop."""
        return 0.0 if self._stopped else max(0.0, self._end - self._monotonic())

    @property
    def reason(self) -> str:
        """Why nothing more is begun."""
        return "the job was told to stop" if self._stopped else "the job's time is over"

    def stop(self) -> None:
        """End as soon as nothing is half done. It may be called from a signal handler."""
        self._stopped = True
        with suppress(OSError):
            os.write(self._writer, b".")

    def close(self) -> None:
        """Give back what the operating system holds for it."""
        os.close(self._reader)
        os.close(self._writer)

    def parked(self) -> Parked:
        """Return what makes a run park."""
        return Parked(f"{self.reason}; the next job goes on", self.now() + GOES_ON_AFTER)

    def on(self, runtime: Runtime) -> Runtime:
        """Return a runtime that keeps to the deadline: in its waits, and where the program may stop."""
        return replace(runtime, sleep=self._sleep, reach=self._reach)

    def _sleep(self, seconds: float) -> None:
        if self._repaying:
            select.select([], [], [], seconds)
            return
        if seconds > self.left or select.select([self._reader], [], [], seconds)[0]:
            raise self.parked()

    def _reach(self, boundary: str) -> None:
        if boundary == BEFORE_REPAYING:
            self._repaying = True
        elif boundary in _PAID:
            self._repaying = False
        if boundary in _PARKS_AT and not self._repaying and not self.left:
            raise self.parked()


@contextmanager
def told_to_stop(deadline: Deadline) -> Iterator[None]:
    """Let SIGTERM park what is going on instead of killing it. Only the main thread can be told."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_number: int, _frame: FrameType | None) -> None:
        deadline.stop()

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
