"""What is durable in the journal's file, read past the software's own reader: the court trusts nothing else."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Entry:
    """A record of a run."""

    kind: str
    data: Mapping[str, Any]


class Books:
    """The journal's file. It may be read from any thread, one at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None

    def _rows(self, query: str, *given: object) -> list[tuple[Any, ...]]:
        if self._db is None:
            if not self._path.exists():
                return []
            self._db = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        return self._db.execute(query, given).fetchall()

    def runs(self) -> list[Mapping[str, Any]]:
        """Return every run as it is written, in the order of their beginning."""
        return [json.loads(data) for (data,) in self._rows("SELECT data FROM runs ORDER BY number")]

    def open_runs(self) -> list[str]:
        """Return the ids of the runs that are open."""
        return [run for (run,) in self._rows("SELECT id FROM runs WHERE status = 'open' ORDER BY number")]

    def unpaid_runs(self) -> list[str]:
        """Return the ids of the runs that are open, and of those that are over and still owe something."""
        owing = self._rows("SELECT DISTINCT run FROM duties WHERE repaid = 0 ORDER BY run")
        return list(dict.fromkeys([*self.open_runs(), *(run for (run,) in owing)]))

    def entries(self, run: str) -> list[Entry]:
        """Return the records of a run, in order."""
        rows = self._rows("SELECT kind, data FROM records WHERE run = ? ORDER BY sequence", run)
        return [Entry(kind, json.loads(data)) for kind, data in rows]

    def owed(self) -> list[str]:
        """Return the targets of all duties that are not paid."""
        return [target for (target,) in self._rows("SELECT lock_id FROM duties WHERE repaid = 0 ORDER BY lock_id")]

    def leases(self) -> list[tuple[str, str]]:
        """Return owner and end of every lease that somebody has."""
        return [(owner, expires) for owner, expires in self._rows("SELECT owner, expires FROM leases") if owner]

    def everything(self) -> bytes:
        """Return the bytes of the file, and of what is beside it."""
        return b"".join(one.read_bytes() for one in sorted(self._path.parent.glob(f"{self._path.name}*")))

    def close(self) -> None:
        """Close the file."""
        if self._db is not None:
            self._db.close()
