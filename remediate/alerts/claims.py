"""Who deals with a failed backup: of all deliveries by all doors, exactly one, also when it is killed meanwhile.

A claim is a lease of the journal on the backup job. It is taken by one atomic write in the store, so that it holds over
threads, processes and hosts; one whose process has died on this host is free at once, any other after its time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from arm.runtime import Runtime

from ..engine.lease import abandoned, owner_name
from ..journal.model import Journal

BEING_TAKEN = timedelta(minutes=30)
"""After so long a delivery that was never heard of again (killed on another host) does not count any more."""
DEALT_WITH = timedelta(days=30)
"""So long the service keeps a job, and longer than any alert is taken."""
AGAIN = timedelta(hours=1)
"""After so long a repair that was refused for a reason that may pass is asked for again."""
NO_TIME = timedelta(0)
_MOST_REMEMBERED = 10_000


class Claims:
    """Claims of one intake, in one journal.

    Args:
        journal: opens the journal.
        runtime: time and ids.
    """

    def __init__(self, journal: Callable[[], Journal], runtime: Runtime) -> None:
        self._journal = journal
        self._runtime = runtime
        self._owner = owner_name(runtime.new_id())
        self._known: OrderedDict[str, datetime] = OrderedDict()

    def known(self, key: str) -> bool:
        """Say whether this process has found a failed backup dealt with lately; nobody is asked."""
        until = self._known.get(key)
        return until is not None and self._runtime.now() < until

    def take(self, keys: Sequence[str]) -> bool:
        """Claim a failed backup; ``False`` when another delivery has it, or had it.

        Args:
            keys: ids of the jobs it goes by; all are taken, or none.

        Raises:
            JournalError: the journal cannot be used.
        """
        for number, key in enumerate(keys):
            if not self._hold(key, BEING_TAKEN):
                self.remember([key], BEING_TAKEN)
                self.keep(keys[:number], NO_TIME)
                return False
        return True

    def keep(self, keys: Sequence[str], span: timedelta) -> None:
        """Let claims stand for so long; for no time, they are free again."""
        for key in keys:
            self._hold(key, span, final=True)
        self.remember(keys, span)

    def _hold(self, key: str, span: timedelta, *, final: bool = False) -> bool:
        owner = f"dealt with/{self._owner}" if final else self._owner

        def gone(other: str) -> bool:
            return (final and other == self._owner) or abandoned(other)

        held = self._journal().acquire(key, owner, self._runtime.now(), span.total_seconds(), gone)
        return bool(held)

    def remember(self, keys: Sequence[str], span: timedelta) -> None:
        """Let this process answer for so long by itself that failed backups are dealt with."""
        for key in keys:
            self._known[key] = self._runtime.now() + span
            self._known.move_to_end(key)
        while len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)
