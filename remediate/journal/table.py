"""The journal in an Azure table: shared by hosts and by Azure Automation jobs, and off the machine.

All of a VM is one partition: its lease, its runs, their records and debts. So every write for a run is one transaction
that also changes the row of the lease, and fails as a whole when that row is not as this process has last seen it
(ETag): who has lost the lease writes nothing. It renews the lease, too. How long a lease is good for is told by the
table service's own clock.

What finds runs over all VMs is in a partition of its own, written before a run is made, and cleared after it has ended.
A row of it that leads to no run, or an "open" one to a run that has ended, means nothing and is removed by whoever
comes across it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from arm.facts.times import iso
from arm.ids import normal

from . import old_rows
from .keys import INDEX, LEASE, Place, digest, id_key, is_safe, partition_of, topic_of
from .model import CLOSED, OPEN, Duty, Held, JournalError, LeaseLost, Mark, Record, Run, lease_lost
from .rows import PAUSES, RK, Operation, Outdated, Row, Rows, Seen, Unknown, insert, merge, packed, put, unpacked

STRAY_SECONDS = 86400.0
"""A row of the index without a run is what a process that was stopped has left, when it is so old."""


class TableJournal:
    """A journal in one Azure table. Give it to one thread.

    Args:
        rows: the table.
        new_id: a fresh unique identifier.
    """

    off_machine = True

    def __init__(self, rows: Rows, new_id: Callable[[], str]) -> None:
        self._rows = rows
        self._new_id = new_id
        self._leases: dict[str, Seen] = {}
        self._places: dict[str, Place] = {}
        self._announced: set[str] = set()
        self._sequences: dict[tuple[str, Held], int] = {}
        self._stamp = 0

    # Leases

    def acquire(
        self,
        vm_id: str,
        owner: str,
        now: datetime,  # noqa: ARG002  # the service's clock counts
        seconds: float,
        abandoned: Callable[[str], bool],
    ) -> Held | None:
        """Take or renew the lease on a VM; ``None`` when another owner holds it and has not abandoned it."""
        partition, nonce, problem = partition_of(vm_id), self._new_id(), ""
        for pause in (0.0, *PAUSES):
            self._rows.rest(pause)
            seen = self._rows.get(partition, LEASE)
            row: Row = seen.row if seen is not None else {"Owner": "", "Fence": 0, "Nonce": "", "Stamp": "0"}
            other, fence = str(row["Owner"]), int(row["Fence"])
            if seen is not None and row["Nonce"] == nonce:  # it was written; only the answer was lost
                self._leases[partition] = seen
                return Held(vm_id, owner, fence)
            if seen is not None and other not in ("", owner) and seen.age < row["Seconds"] and not abandoned(other):
                return None
            fence += other != owner
            wanted = {RK: LEASE, "Vm": vm_id, "Owner": owner, "Fence": fence, "Seconds": float(seconds), "Nonce": nonce}
            write = insert({**wanted, "Stamp": "0"}) if seen is None else merge(wanted, seen.etag)
            try:
                (etag,) = self._rows.change(partition, [write])
            except (Outdated, Unknown) as error:
                problem = str(error)
                continue
            self._leases[partition] = Seen({**row, **wanted}, etag, 0.0)
            return Held(vm_id, owner, fence)
        raise self._rows.unreachable(problem)

    def check(self, held: Held) -> None:
        """Raise ``LeaseLost`` when somebody else has taken the lease since."""
        self._lease(held, afresh=True)

    def release(self, held: Held) -> None:
        """Give the lease back; its row stays, so that fences only grow."""
        with suppress(LeaseLost):
            self._under(held, lambda _lease, _again: [], {"Owner": ""})
            self._leases.pop(partition_of(held.vm_id), None)

    def _lease(self, held: Held, *, afresh: bool) -> Seen:
        """Return the row of a lease.

        Args:
            held: the lease.
            afresh: read it now; else what this process has written last will do: if that has changed, nothing that is
                based on it is written.

        Raises:
            LeaseLost: somebody else has taken it since.
        """
        partition = partition_of(held.vm_id)
        seen = None if afresh else self._leases.get(partition)
        if seen is None:
            seen = self._rows.get(partition, LEASE)
        if seen is None or (seen.row["Owner"], seen.row["Fence"]) != (held.owner, held.fence):
            self._leases.pop(partition, None)
            raise lease_lost()
        self._leases[partition] = seen
        return seen

    def _under(
        self,
        held: Held,
        operations: Callable[[Seen, bool], Sequence[Operation]],
        lease_row: Mapping[str, Any] | None = None,
    ) -> None:
        """Write under a lease, together with its row, once.

        Args:
            held: the lease.
            operations: what to write; called with the lease, and whether what was known before may be old.
            lease_row: what else to change in the row of the lease.

        Raises:
            LeaseLost: somebody else has taken it; nothing was written.
        """
        partition, nonce, problem, again = partition_of(held.vm_id), self._new_id(), "", False
        for pause in (0.0, *PAUSES):
            self._rows.rest(pause)
            lease = self._lease(held, afresh=again)
            if lease.row["Nonce"] == nonce:  # it was written; only the answer was lost
                return
            changed = {**(lease_row or {}), RK: LEASE, "Nonce": nonce}
            try:
                etag, *_ = self._rows.change(partition, [merge(changed, lease.etag), *operations(lease, again)])
            except (Outdated, Unknown) as error:
                problem, again = str(error), True
                continue
            self._leases[partition] = Seen({**lease.row, **changed}, etag, 0.0)
            return
        raise self._rows.unreachable(problem)

    # Runs

    def create(self, run: Run, held: Held) -> None:
        """Add a run: first to the index, then, under the lease, itself."""
        lease, key = self._lease(held, afresh=True), {"Run": run.id, "Partition": partition_of(held.vm_id)}
        self._stamp = max(int(self._rows.time.timestamp() * 1_000_000), self._stamp + 1, int(lease.row["Stamp"]) + 1)
        place = Place(run.id, key["Partition"], self._stamp)
        row = {**key, "Stamp": str(place.stamp), "Started": iso(run.started_at), "Nonce": self._new_id()}
        self._announce(place, row)
        try:
            made = insert({RK: place.run, **_run_row(run)})
            self._under(held, lambda _lease, _again: [made], {"Stamp": str(place.stamp)})
        except LeaseLost:
            old_rows.forget(self._rows, place)
            raise
        self._places[run.id] = place
        self._announced.add(run.id)

    def _announce(self, place: Place, row: Row) -> None:
        keys = (id_key(place.run_id), place.newest, place.open)

        def once() -> None:
            try:
                self._rows.change(INDEX, [insert({**row, RK: key}) for key in keys])
            except Outdated as error:
                there = self._rows.get(INDEX, keys[0])
                if there is None or there.row["Nonce"] != row["Nonce"]:
                    step = "Report this: the ids of runs are unique."
                    raise JournalError(f"there is already a run {place.run_id!r}", step) from error

        self._rows.surely(once)

    def save(self, run: Run, held: Held) -> None:
        """Write a run's current state; an open run is announced before, and one that has ended is struck off after."""
        place = self._place(run.id)
        if place is None:
            self.check(held)
            return
        if run.status == OPEN and run.id not in self._announced:
            row = {RK: place.open, "Run": run.id, "Partition": place.partition, "Stamp": str(place.stamp)}
            self._rows.put(INDEX, row)
            self._announced.add(run.id)
        self._under(held, lambda _lease, _again: [put({RK: place.run, **_run_row(run)})])
        if run.status == CLOSED:
            self._announced.discard(run.id)
            self._rows.drop(INDEX, place.open)

    def run(self, run_id: str) -> Run | None:
        """Return a run by its id, or by a beginning of it that only one has."""
        if not run_id:
            return None
        place = self._place(run_id)
        exact = self._run_at(place) if place is not None else None
        if exact is not None or not is_safe(run_id):
            return exact
        rows = self._rows.query(INDEX, f"id!{run_id}", f"id!{run_id}~")
        found = [run for seen in rows if (run := self._run_at(_place(seen.row))) is not None]
        return found[0] if len(found) == 1 else None

    def runs(self, limit: int, vm_id: str = "") -> Sequence[Run]:
        """Return the newest runs first; those of one VM when given."""
        if vm_id:
            rows = self._rows.query(partition_of(vm_id), "run!", "run!~", limit=limit)
            return [self._read(seen) for seen in rows]
        found: list[Run] = []
        begin = "new!"
        while len(found) < limit:
            rows = self._rows.query(INDEX, begin, "new!~", limit=limit - len(found))
            found += [run for seen in rows if (run := self._run_at(_place(seen.row))) is not None]
            if not rows:
                break
            begin = f"{rows[-1].row[RK]}!"
        return found

    def open_runs(self, vm_id: str = "") -> Sequence[Run]:
        """Return the runs without a final verdict, oldest first; those of one VM when given."""
        if vm_id:
            rows = self._rows.query(partition_of(vm_id), "run!", "run!~", f"Status eq '{OPEN}'")
            return [self._read(seen) for seen in reversed(rows)]
        found = []
        for seen in self._rows.query(INDEX, "open!", "open!~"):
            run = self._run_at(_place(seen.row))
            if run is not None and run.status == OPEN:
                found.append(run)
            elif run is not None or seen.age > STRAY_SECONDS:
                self._rows.drop(INDEX, seen.row[RK])
        return found

    def _place(self, run_id: str) -> Place | None:
        if run_id not in self._places:
            seen = self._rows.get(INDEX, id_key(run_id))
            if seen is None:
                return None
            self._places[run_id] = _place(seen.row)
        return self._places[run_id]

    def _run_at(self, place: Place) -> Run | None:
        seen = self._rows.get(place.partition, place.run)
        return self._read(seen) if seen is not None else None

    def _read(self, seen: Seen) -> Run:
        with self._rows.readable():
            return Run.from_json(unpacked(seen.row))

    # Records and debts

    def append(self, run_id: str, kind: str, at: datetime, data: Mapping[str, Any], held: Held) -> None:
        """Add a record."""
        place = self._place(run_id)
        if place is None:
            raise JournalError(f"there is no run {run_id!r} to note this for", "Report this.")
        row = {"Kind": kind, "At": at.isoformat(), **packed(data)}

        def operations(_lease: Seen, again: bool) -> list[Operation]:  # noqa: FBT001
            last = self._sequences.get((run_id, held))
            if last is None or again:
                rows = self._rows.query(place.partition, place.records, f"{place.records}~", select=[RK])
                last = int(str(rows[-1].row[RK])[-8:]) if rows else 0
            self._sequences[run_id, held] = last
            return [insert({RK: place.record(last + 1), **row})]

        self._under(held, operations)
        self._sequences[run_id, held] += 1

    def records(self, run_id: str) -> Sequence[Record]:
        """Return a run's records in order."""
        place = self._place(run_id)
        if place is None:
            return []
        rows = self._rows.query(place.partition, place.records, f"{place.records}~")
        with self._rows.readable():
            return [_record(run_id, seen.row) for seen in rows]

    def add_duty(self, duty: Duty, held: Held) -> None:
        """Record a debt; one that is there already stays as it is, one that was repaid stands again."""
        place = self._place(duty.run_id)
        if place is None:
            raise JournalError(f"there is no run {duty.run_id!r} that could owe this", "Report this.")
        row = {RK: place.duty(duty.target), "Target": duty.target, "Repaid": False, **packed(dict(duty.body))}

        def operations(_lease: Seen, _again: bool) -> list[Operation]:  # noqa: FBT001
            there = self._rows.get(place.partition, row[RK])
            return [] if there is not None and not there.row["Repaid"] else [put(row)]

        self._under(held, operations)

    def duties(self, run_id: str) -> Sequence[Duty]:
        """Return the unpaid debts of a run."""
        place = self._place(run_id)
        if place is None:
            return []
        rows = self._rows.query(place.partition, place.duties, f"{place.duties}~", "Repaid eq false")
        with self._rows.readable():
            found = [Duty(run_id, seen.row["Target"], unpacked(seen.row)) for seen in rows]
        return sorted(found, key=lambda duty: normal(duty.target))

    def repaid(self, duty: Duty, held: Held) -> None:
        """Strike a debt off."""
        place = self._place(duty.run_id)

        def operations(_lease: Seen, _again: bool) -> list[Operation]:  # noqa: FBT001
            there = self._rows.get(place.partition, place.duty(duty.target)) if place is not None else None
            return [merge({RK: there.row[RK], "Repaid": True}, there.etag)] if there is not None else []

        self._under(held, operations)

    # Marks, and what is old

    def mark(self, mark: Mark) -> None:
        """Set a mark; one of the same topic and key is replaced."""
        row = {RK: digest(mark.key), "Key": mark.key, "At": mark.at.isoformat(), **packed(dict(mark.data))}
        self._rows.put(topic_of(mark.topic), row)

    def marks(self, topic: str, since: datetime | None = None) -> Sequence[Mark]:
        """Return the marks of a topic, by key; only those of ``since`` or later when given."""
        rows = self._rows.query(topic_of(topic), "0", "~")
        with self._rows.readable():
            found = [
                Mark(topic, seen.row["Key"], datetime.fromisoformat(seen.row["At"]), unpacked(seen.row))
                for seen in rows
            ]
        return sorted((one for one in found if since is None or one.at >= since), key=lambda one: one.key)

    def unmark(self, topic: str, key: str) -> None:
        """Remove a mark, if it is there."""
        self._rows.drop(topic_of(topic), digest(key))

    def prune(self, before: datetime) -> int:
        """Remove the runs that are over and began earlier, with their records and paid debts; leases long free, too."""
        return old_rows.prune(self._rows, before)

    def close(self) -> None:
        """Close the connections."""
        self._rows.close()


def _run_row(run: Run) -> dict[str, Any]:
    return {"Status": run.status, **packed(run.to_json())}


def _place(row: Row) -> Place:
    return Place(str(row["Run"]), str(row["Partition"]), int(row["Stamp"]))


def _record(run_id: str, row: Row) -> Record:
    return Record(run_id, int(row[RK][-8:]), row["Kind"], datetime.fromisoformat(row["At"]), unpacked(row))
