"""The deliveries that wait in this process, and whoever works on one. What is in the journal is the truth."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import datetime

from .deliveries import Delivery


class Line:
    """Deliveries wait here for a worker, the oldest first; one that is to be tried again waits for its time.

    Args:
        most: how many may wait.
        now: the host's time.
    """

    def __init__(self, most: int, now: Callable[[], datetime]) -> None:
        self._most = most
        self._now = now
        self._waiting: dict[str, Delivery] = {}
        self._at_work: set[str] = set()
        self._stopped = False
        self._changed = threading.Condition()

    @property
    def stopped(self) -> bool:
        """Whether nothing more is handed out."""
        return self._stopped

    @property
    def waiting(self) -> int:
        """How many wait or are worked on."""
        with self._changed:
            return len(self._waiting) + len(self._at_work)

    @property
    def oldest(self) -> datetime | None:
        """When the oldest of those that wait came."""
        with self._changed:
            return min((one.received for one in self._waiting.values()), default=None)

    @property
    def full(self) -> bool:
        """Whether no more are taken."""
        with self._changed:
            return self._stopped or len(self._waiting) >= self._most

    def works_on(self, delivery: str) -> bool:
        """Say whether somebody works on it right now."""
        with self._changed:
            return delivery in self._at_work

    def put(self, deliveries: Iterable[Delivery]) -> None:
        """Let deliveries wait; one that waits already, or is worked on, is not put in twice."""
        with self._changed:
            for one in deliveries:
                if one.id not in self._at_work:
                    self._waiting.setdefault(one.id, one)
            self._changed.notify_all()

    def take(self, seconds: float) -> Delivery | None:
        """Return the oldest delivery that is due; ``None`` when none is within so many seconds, or at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._due() is not None, seconds)
            found = None if self._stopped else self._due()
            if found is not None:
                del self._waiting[found.id]
                self._at_work.add(found.id)
            return found

    def done(self, delivery: Delivery) -> None:
        """Say that nobody works on a delivery any more; one that is not settled waits again."""
        with self._changed:
            self._at_work.discard(delivery.id)
            if not delivery.settled:
                self._waiting[delivery.id] = delivery
            self._changed.notify_all()

    def stop(self) -> None:
        """Hand nothing out any more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def take_breath(self, seconds: float) -> None:
        """Wait for so long, or until nothing is handed out any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped, seconds)

    def rest(self, seconds: float) -> bool:
        """Wait until nothing waits or is worked on; ``False`` when it takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._at_work, seconds)

    def _due(self) -> Delivery | None:
        now = self._now()
        due = [one for one in self._waiting.values() if one.due is None or one.due <= now]
        return min(due, key=lambda one: one.received, default=None)
