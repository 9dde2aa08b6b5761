"""Time, sleep and ids, as one object, so that tests and drills bring their own."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone


@dataclass(frozen=True)
class Runtime:
    """What the machine gives us besides the network.

    Attributes:
        now: the host's time (UTC). Used for leases and for the time spent waiting, never compared with Azure's times.
        sleep: waits for so many seconds.
        new_id: a fresh unique identifier.
    """

    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    new_id: Callable[[], str]


def system_runtime() -> Runtime:
    """Return the real clock, the real sleep and random ids."""
    return Runtime(
        now=lambda: datetime.now(timezone.utc),
        sleep=time.sleep,
        new_id=lambda: uuid.uuid4().hex,
    )
