"""The tables of the SQLite journal, version by version."""

from __future__ import annotations

import json
import sqlite3
from contextlib import suppress

_VERSION_1 = """
CREATE TABLE runs (id TEXT PRIMARY KEY, number INTEGER NOT NULL, vm TEXT NOT NULL, status TEXT NOT NULL,
                   data TEXT NOT NULL);
CREATE INDEX runs_by_number ON runs (number);
CREATE INDEX runs_by_vm ON runs (vm, number);
CREATE INDEX runs_by_status ON runs (status, vm);
CREATE TABLE records (run TEXT NOT NULL, sequence INTEGER NOT NULL, kind TEXT NOT NULL, at TEXT NOT NULL,
                      data TEXT NOT NULL, PRIMARY KEY (run, sequence)) WITHOUT ROWID;
CREATE TABLE duties (run TEXT NOT NULL, lock TEXT NOT NULL, lock_id TEXT NOT NULL, body TEXT NOT NULL,
                     repaid INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (run, lock)) WITHOUT ROWID;
CREATE TABLE leases (vm TEXT PRIMARY KEY, owner TEXT NOT NULL, expires TEXT NOT NULL) WITHOUT ROWID
"""
_VERSION_2 = """
ALTER TABLE leases ADD COLUMN fence INTEGER NOT NULL DEFAULT 1;
ALTER TABLE runs ADD COLUMN started TEXT NOT NULL DEFAULT '';
CREATE INDEX runs_by_start ON runs (status, started);
CREATE INDEX duties_owed ON duties (repaid, run);
CREATE TABLE marks (topic TEXT NOT NULL, key TEXT NOT NULL, at TEXT NOT NULL, data TEXT NOT NULL,
                    PRIMARY KEY (topic, key)) WITHOUT ROWID
"""
_STEPS = (_VERSION_1, _VERSION_2)
SCHEMA_VERSION = len(_STEPS)


def upgrade(database: sqlite3.Connection, version: int) -> None:
    """Bring a journal from a version to :data:`SCHEMA_VERSION`, inside the caller's transaction.

    Args:
        database: the file.
        version: what it is now; 0 is an empty file.
    """
    for number, step in enumerate(_STEPS, start=1):
        if number <= version:
            continue
        for statement in step.split(";\n"):
            database.execute(statement)
        if number == 2:
            _note_starts(database)
        database.execute(f"PRAGMA user_version={number}")


def _note_starts(database: sqlite3.Connection) -> None:
    """Write the start of each run beside it; a run that cannot be read keeps none, and is never pruned."""
    starts = []
    for run, data in database.execute("SELECT id, data FROM runs"):
        with suppress(ValueError, KeyError, TypeError):
            starts.append((str(json.loads(data)["started_at"]), run))
    database.executemany("UPDATE runs SET started = ? WHERE id = ?", starts)
