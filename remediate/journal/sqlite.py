"""The journal in SQLite: write-ahead log, full synchronisation, one file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from arm.errors import RemediationError
from arm.ids import normal

from .model import OPEN, Duty, Record, Run

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE runs (id TEXT PRIMARY KEY, number INTEGER NOT NULL, vm TEXT NOT NULL, status TEXT NOT NULL,
                   data TEXT NOT NULL);
CREATE INDEX runs_by_number ON runs (number);
CREATE INDEX runs_by_vm ON runs (vm, number);
CREATE INDEX runs_by_status ON runs (status, vm);
CREATE TABLE records (run TEXT NOT NULL, sequence INTEGER NOT NULL, kind TEXT NOT NULL, at TEXT NOT NULL,
                      data TEXT NOT NULL, PRIMARY KEY (run, sequence)) WITHOUT ROWID;
CREATE TABLE duties (run TEXT NOT NULL, lock TEXT NOT NULL, lock_id TEXT NOT NULL, body TEXT NOT NULL,
                     repaid INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (run, lock)) WITHOUT ROWID;
CREATE TABLE leases (vm TEXT PRIMARY KEY, owner TEXT NOT NULL, expires TEXT NOT NULL) WITHOUT ROWID;
"""


class JournalError(RemediationError):
    """The journal cannot be opened, read or written. Without it nothing is changed."""

    code = "Journal"
    exit_code = 2


class SqliteJournal:
    """A journal in one SQLite file. Give it to one thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=30, isolation_level=None)
        try:
            with self._explained():
                self._prefer_write_ahead_log()
                self._db.execute("PRAGMA synchronous=FULL")
                self._prepare()
        except JournalError:
            self._db.close()
            raise

    def _prefer_write_ahead_log(self) -> None:
        """Switch to the write-ahead log, unless another process has the file: then the next one to open it does.

        The setting stays in the file; without it everything is just as durable, only slower.
        """
        with suppress(sqlite3.OperationalError):
            self._db.execute("PRAGMA journal_mode=WAL")

    def _prepare(self) -> None:
        with self._transaction():
            (version,) = self._db.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in _SCHEMA.split(";\n"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        if version > SCHEMA_VERSION:
            raise JournalError(
                f"{self.path} was written by a newer version (schema {version}, this one knows {SCHEMA_VERSION})",
                "Upgrade azure-backup-remediation, or give another file with --state.",
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise JournalError(
                f"the journal {self.path} cannot be used: {error}",
                "Nothing is changed without a journal. Check the disk and the permissions, or give --state PATH.",
            ) from error

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, KeyError, TypeError) as error:
            raise JournalError(
                f"the journal {self.path} is damaged: {type(error).__name__} {error}",
                "Restore it from a copy, or give another file with --state; locks on loan are in the duties table.",
            ) from error

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._explained():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    def create(self, run: Run) -> None:
        """Add a run."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO runs SELECT ?, COALESCE(MAX(number), 0) + 1, ?, ?, ? FROM runs",
                (run.id, normal(run.vm_id), run.status, json.dumps(run.to_json())),
            )

    def save(self, run: Run) -> None:
        """Write a run's current state."""
        with self._transaction():
            self._db.execute(
                "UPDATE runs SET status = ?, data = ? WHERE id = ?", (run.status, json.dumps(run.to_json()), run.id)
            )

    def _runs(self, clause: str, parameters: Sequence[object]) -> list[Run]:
        with self._explained():
            rows = self._db.execute(f"SELECT data FROM runs {clause}", parameters).fetchall()  # noqa: S608
        with self._readable():
            return [Run.from_json(json.loads(data)) for (data,) in rows]

    def run(self, run_id: str) -> Run | None:
        """Return a run by its id, or by a beginning of it that only one has."""
        if not run_id:
            return None
        exact = self._runs("WHERE id = ?", (run_id,))
        found = exact or self._runs("WHERE substr(id, 1, ?) = ? LIMIT 2", (len(run_id), run_id))
        return found[0] if len(found) == 1 else None

    def runs(self, limit: int, vm_id: str = "") -> Sequence[Run]:
        """Return the newest runs first; those of one VM when given."""
        if vm_id:
            return self._runs("WHERE vm = ? ORDER BY number DESC LIMIT ?", (normal(vm_id), limit))
        return self._runs("ORDER BY number DESC LIMIT ?", (limit,))

    def open_runs(self, vm_id: str = "") -> Sequence[Run]:
        """Return the runs without a final verdict, oldest first; those of one VM when given."""
        if vm_id:
            return self._runs("WHERE status = ? AND vm = ? ORDER BY number", (OPEN, normal(vm_id)))
        return self._runs("WHERE status = ? ORDER BY number", (OPEN,))

    def append(self, run_id: str, kind: str, at: datetime, data: Mapping[str, object]) -> None:
        """Add a record."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO records SELECT ?, COALESCE(MAX(sequence), 0) + 1, ?, ?, ? FROM records WHERE run = ?",
                (run_id, kind, at.isoformat(), json.dumps(data), run_id),
            )

    def records(self, run_id: str) -> Sequence[Record]:
        """Return a run's records in order."""
        with self._explained():
            rows = self._db.execute(
                "SELECT sequence, kind, at, data FROM records WHERE run = ? ORDER BY sequence", (run_id,)
            ).fetchall()
        with self._readable():
            return [
                Record(run_id, sequence, kind, datetime.fromisoformat(at), json.loads(data))
                for sequence, kind, at, data in rows
            ]

    def add_duty(self, duty: Duty) -> None:
        """Record a debt; one that is there already stays as it is, one that was repaid stands again."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO duties (run, lock, lock_id, body) VALUES (?, ?, ?, ?) ON CONFLICT (run, lock) DO UPDATE"
                " SET lock_id = excluded.lock_id, body = excluded.body, repaid = 0 WHERE repaid = 1",
                (duty.run_id, normal(duty.target), duty.target, json.dumps(duty.body)),
            )

    def duties(self, run_id: str) -> Sequence[Duty]:
        """Return the unpaid debts of a run."""
        with self._explained():
            rows = self._db.execute(
                "SELECT lock_id, body FROM duties WHERE run = ? AND repaid = 0 ORDER BY lock", (run_id,)
            ).fetchall()
        with self._readable():
            return [Duty(run_id, lock_id, json.loads(body)) for lock_id, body in rows]

    def repaid(self, duty: Duty) -> None:
        """Strike a debt off."""
        with self._transaction():
            self._db.execute(
                "UPDATE duties SET repaid = 1 WHERE run = ? AND lock = ?", (duty.run_id, normal(duty.target))
            )

    def acquire(self, vm_id: str, owner: str, now: datetime, seconds: float, abandoned: Callable[[str], bool]) -> bool:
        """Take or renew the lease on a VM; ``False`` when another owner holds it and has not abandoned it."""
        expires = now + timedelta(seconds=seconds)
        with self._transaction():
            row = self._db.execute("SELECT owner, expires FROM leases WHERE vm = ?", (normal(vm_id),)).fetchone()
            held = row is not None and row[0] != owner and datetime.fromisoformat(row[1]) > now
            if held and not abandoned(row[0]):
                return False
            self._db.execute(
                "INSERT OR REPLACE INTO leases (vm, owner, expires) VALUES (?, ?, ?)",
                (normal(vm_id), owner, expires.isoformat()),
            )
            return True

    def release(self, vm_id: str, owner: str) -> None:
        """Give the lease back."""
        with self._transaction():
            self._db.execute("DELETE FROM leases WHERE vm = ? AND owner = ?", (normal(vm_id), owner))

    def close(self) -> None:
        """Close the file."""
        self._db.close()
