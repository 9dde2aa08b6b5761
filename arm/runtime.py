"""Time, sleep and ids, as one object, so that tests and drills bring their own."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone


def _nothing(_name: str) -> None:
    """Go on."""


def boot_seconds() -> float:
    """Return the seconds since the machine was started, those that it has slept included."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True)
class Runtime:
    """What the machine gives us besides the network.

    Attributes:
        now: the host's time (UTC). Used for leases and for the time spent waiting, never compared with Azure's times.
        sleep: waits for so many seconds.
        new_id: a fresh unique identifier.
        reach: told the name of each place at which the program may stop for good. Nothing happens there,
            but for a job of Azure Automation whose time is over: it parks its run.
        monotonic: seconds of a clock that never goes back and goes on while the machine sleeps, where the system has
            such a one; how long ago a lease was looked at is measured with it.
        at_once: several reads are made at the same time, each in a thread; where a history has to be repeatable, one
            after the other.
    """

    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    new_id: Callable[[], str]
    reach: Callable[[str], None] = _nothing
    monotonic: Callable[[], float] = boot_seconds
    at_once: bool = True


def system_runtime() -> Runtime:
    """Return the real clock, the real sleep and random ids."""
    return Runtime(
        now=lambda: datetime.now(timezone.utc),
        sleep=time.sleep,
        new_id=lambda: uuid.uuid4().hex,
    )
