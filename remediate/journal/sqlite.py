"""The journal in SQLite: write-ahead log, full synchronisation, one file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from arm.facts.times import iso
from arm.ids import normal

from .model import CLOSED, OPEN, Duty, Held, JournalError, Mark, Record, Run, lease_lost
from .schema import SCHEMA_VERSION, upgrade

_LAST = "\U0010ffff"
__all__ = ["JournalError", "SqliteJournal"]


class SqliteJournal:
    """A journal in one SQLite file. Give it to one thread."""

    off_machine = False

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
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version < SCHEMA_VERSION:
            with self._transaction():  # a second process that opens it waits here, and finds the work done
                (version,) = self._db.execute("PRAGMA user_version").fetchone()
                upgrade(self._db, version)
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

    @contextmanager
    def _fenced(self, held: Held) -> Iterator[None]:
        """Write under a lease: nothing is written when somebody else has taken it."""
        with self._transaction():
            self._check(held)
            yield

    def _check(self, held: Held) -> None:
        row = self._db.execute("SELECT owner, fence FROM leases WHERE vm = ?", (normal(held.vm_id),)).fetchone()
        if row != (held.owner, held.fence):
            raise lease_lost()

    def create(self, run: Run, held: Held) -> None:
        """Add a run."""
        with self._fenced(held):
            self._db.execute(
                "INSERT INTO runs SELECT ?, COALESCE(MAX(number), 0) + 1, ?, ?, ?, ? FROM runs",
                (run.id, normal(run.vm_id), run.status, json.dumps(run.to_json()), iso(run.started_at)),
            )

    def save(self, run: Run, held: Held) -> None:
        """Write a run's current state."""
        with self._fenced(held):
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
        beginning = "WHERE id >= ? AND id <= ? AND substr(id, 1, ?) = ? LIMIT 2"
        found = exact or self._runs(beginning, (run_id, run_id + _LAST, len(run_id), run_id))
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

    def append(self, run_id: str, kind: str, at: datetime, data: Mapping[str, object], held: Held) -> None:
        """Add a record."""
        with self._fenced(held):
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

    def add_duty(self, duty: Duty, held: Held) -> None:
        """Record a debt; one that is there already stays as it is, one that was repaid stands again."""
        with self._fenced(held):
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

    def repaid(self, duty: Duty, held: Held) -> None:
        """Strike a debt off."""
        with self._fenced(held):
            self._db.execute(
                "UPDATE duties SET repaid = 1 WHERE run = ? AND lock = ?", (duty.run_id, normal(duty.target))
            )

    def acquire(
        self, vm_id: str, owner: str, now: datetime, seconds: float, abandoned: Callable[[str], bool]
    ) -> Held | None:
        """Take or renew the lease on a VM; ``None`` when another owner holds it and has not abandoned it."""
        with self._transaction():
            row = self._db.execute("SELECT owner, expires, fence FROM leases WHERE vm = ?", (normal(vm_id),)).fetchone()
            other, expires, fence = row or ("", now.isoformat(), 0)
            if other not in ("", owner) and datetime.fromisoformat(expires) > now and not abandoned(other):
                return None
            fence += other != owner
            self._db.execute(
                "INSERT OR REPLACE INTO leases (vm, owner, expires, fence) VALUES (?, ?, ?, ?)",
                (normal(vm_id), owner, (now + timedelta(seconds=seconds)).isoformat(), fence),
            )
            return Held(vm_id, owner, fence)

    def check(self, held: Held) -> None:
        """Raise ``LeaseLost`` when somebody else has taken the lease since."""
        with self._explained():
            self._check(held)

    def release(self, held: Held) -> None:
        """Give the lease back; its row stays, so that fences only grow."""
        with self._transaction():
            self._db.execute(
                "UPDATE leases SET owner = '' WHERE vm = ? AND owner = ? AND fence = ?",
                (normal(held.vm_id), held.owner, held.fence),
            )

    def prune(self, before: datetime) -> int:
        """Remove the runs that are over and began earlier, with their records and paid debts; leases long free, too."""
        with self._transaction():
            old = (
                "SELECT id FROM runs WHERE status = ? AND started < ? AND started != ''"
                " AND id NOT IN (SELECT run FROM duties WHERE repaid = 0)"
            )
            chosen = (CLOSED, iso(before))
            self._db.execute(f"DELETE FROM records WHERE run IN ({old})", chosen)  # noqa: S608
            self._db.execute(f"DELETE FROM duties WHERE run IN ({old})", chosen)  # noqa: S608
            removed = self._db.execute(f"DELETE FROM runs WHERE id IN ({old})", chosen).rowcount  # noqa: S608
            self._db.execute("DELETE FROM leases WHERE expires < ?", (before.isoformat(),))
            return removed

    def mark(self, mark: Mark) -> None:
        """Set a mark; one of the same topic and key is replaced."""
        with self._transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO marks (topic, key, at, data) VALUES (?, ?, ?, ?)",
                (mark.topic, mark.key, mark.at.isoformat(), json.dumps(mark.data)),
            )

    def marks(self, topic: str, since: datetime | None = None) -> Sequence[Mark]:
        """Return the marks of a topic, by key; only those of ``since`` or later when given."""
        with self._explained():
            rows = self._db.execute("SELECT key, at, data FROM marks WHERE topic = ? ORDER BY key", (topic,)).fetchall()
        with self._readable():
            found = [Mark(topic, key, datetime.fromisoformat(at), json.loads(data)) for key, at, data in rows]
        return [one for one in found if since is None or one.at >= since]

    def unmark(self, topic: str, key: str) -> None:
        """Remove a mark, if it is there."""
        with self._transaction():
            self._db.execute("DELETE FROM marks WHERE topic = ? AND key = ?", (topic, key))

    def close(self) -> None:
        """Close the file."""
        self._db.close()
