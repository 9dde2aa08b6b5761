"""Removing from an Azure table what a journal does not need any more."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timedelta, timezone

from arm.facts.times import iso

from .keys import INDEX, LEASE, Place, id_key
from .model import CLOSED
from .rows import MOST_TOGETHER, PK, RK, Outdated, Rows, remove


def prune(rows: Rows, before: datetime) -> int:
    """Remove the runs that are over and began earlier, and leases that have been free for so long.

    It can be stopped at any time: what is left of a run is removed the next time, its row and debts last.

    Returns:
        How many runs were removed.
    """
    removed = 0
    for seen in rows.query(INDEX, "new!", "new!~", f"Started lt '{iso(before)}'"):
        place = Place(str(seen.row["Run"]), str(seen.row["Partition"]), int(seen.row["Stamp"]))
        run = rows.get(place.partition, place.run)
        owing = rows.query(place.partition, place.duties, f"{place.duties}~", "Repaid eq false", limit=1)
        if run is not None and (run.row["Status"] != CLOSED or owing):
            continue
        for begin in (place.records, place.duties):
            _remove_all(rows, place.partition, begin)
        rows.drop(place.partition, place.run)
        forget(rows, place)
        removed += run is not None
    _remove_leases(rows, before)
    return removed


def forget(rows: Rows, place: Place) -> None:
    """Remove a run from the index."""
    for key in (place.open, place.newest, id_key(place.run_id)):
        rows.drop(INDEX, key)


def _remove_all(rows: Rows, partition: str, begin: str) -> None:
    while found := rows.query(partition, begin, f"{begin}~", limit=MOST_TOGETHER, select=[PK, RK]):
        chosen = [remove({RK: seen.row[RK]}) for seen in found]
        with suppress(Outdated):  # another process is removing them, too
            rows.surely(lambda chosen=chosen: rows.change(partition, chosen))  # type: ignore[misc]


def _remove_leases(rows: Rows, before: datetime) -> None:
    day = before.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    for seen in rows.search(f"{RK} eq '{LEASE}' and Timestamp lt datetime'{day}'"):
        ended = rows.time - timedelta(seconds=seen.age) + timedelta(seconds=float(seen.row["Seconds"]))
        if ended < before:
            with suppress(Outdated):
                rows.surely(lambda seen=seen: rows.change(seen.row[PK], [remove({RK: LEASE}, seen.etag)]))  # type: ignore[misc]
