"""Measure what the journal costs a run. Prints a Markdown table.

usage: python benchmarks/journal.py [STEPS] [URL]

One step of a run is what the engine writes and reads for a change: the intent, the look at the lease right before it is
sent, what Azure answered, the outcome, the run's new position, and its records twice. It is measured in a file on the
disk that holds temporary files (TMPDIR chooses another), in turn with writing as many bytes as often to a plain file
and having the disk confirm each; the ratio to that tells more than the time. URL is a table, such as one of Azurite's:
http://127.0.0.1:10002/devstoreaccount1/journal. Then runs are listed from a file of 100,000.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

from measure import machine

from remediate.journal.model import CLOSED, Held, Journal, Run
from remediate.journal.sqlite import SqliteJournal
from remediate.journal.stores import open_journal

STEPS, LISTINGS, RUNS = 200, 50, 100_000
WRITES = 4
"""Writes of a step; the look at the lease, and the records, are reads."""
AT = datetime(2026, 3, 2, 3, 0, tzinfo=timezone.utc)
VM = "/subscriptions/s/resourceGroups/rg-web/providers/Microsoft.Compute/virtualMachines/web-01"
CHANGE = {"change": {"summary": "x" * 600, "body": {"properties": {"level": "ReadOnly", "notes": "n" * 300}}}}
TARGET = "under 2 ms"


def run(name: str, status: str = "open") -> Run:
    steps = tuple(f"step {number}" for number in range(8))
    return Run(name, "https://management.azure.com", VM, "Code", {}, steps, AT, status=status)


def leased(journal: Journal) -> Held:
    held = journal.acquire(VM, "benchmark", AT, 300, lambda _owner: True)
    if held is None:
        raise SystemExit("the lease is not to be had")
    return held


def step(journal: Journal, one: Run, held: Held) -> None:
    journal.append(one.id, "intent", AT, CHANGE, held)
    journal.check(held)
    journal.append(one.id, "accepted", AT, {"operation": {"url": "https://" + "x" * 300}}, held)
    journal.append(one.id, "outcome", AT, {"result": "applied", "detail": "confirmed by reading it back"}, held)
    one.position = (one.position + 1) % len(one.steps)
    journal.save(one, held)
    for _ in range(2):
        journal.records(one.id)


def plain(file: int) -> None:
    for _ in range(WRITES):
        os.write(file, b"x" * 1200)
        os.fdatasync(file)


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def spent(journal: Journal, steps: int, folder: Path) -> tuple[list[float], list[float]]:
    """Seconds of each step of runs of five steps, and of as many plain writes in turn with them."""
    held = leased(journal)
    file = os.open(folder / "plain", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    measured: list[float] = []
    baseline: list[float] = []
    try:
        for number in range(steps):
            if number % 5 == 0:
                one = run(f"{time.time_ns()}")
                journal.create(one, held)
            measured.append(timed(lambda one=one: step(journal, one, held)))  # type: ignore[misc]
            baseline.append(timed(lambda: plain(file)))
    finally:
        os.close(file)
    return measured, baseline


def filled(path: Path) -> SqliteJournal:
    """A journal of 100,000 runs that are over."""
    journal = SqliteJournal(path)
    journal.create(run("first", CLOSED), leased(journal))
    journal._db.execute(  # noqa: SLF001
        "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        " INSERT INTO runs SELECT 'run-' || i, i, vm || (i % 500), status,"
        " replace(data, '\"first\"', '\"run-' || i || '\"'), started FROM n, runs",
        (RUNS,),
    )
    return journal


def rows(name: str, measured: list[float], baseline: list[float], target: str = "") -> str:
    median, base = statistics.median(measured) * 1000, statistics.median(baseline) * 1000
    return f"| {name} | {min(measured) * 1000:.2f} ms | {median:.2f} ms | {median / base:.1f} | {target} |"


def table(folder: Path, steps: int, url: str) -> Iterator[str]:
    yield "| | min | median | ratio to plain writes | target |"
    yield "|---|---:|---:|---:|---|"
    journal: Journal = SqliteJournal(folder / "journal.db")
    measured, baseline = spent(journal, steps, folder)
    journal.close()
    yield rows(f"{WRITES} plain writes, each confirmed", baseline, baseline)
    yield rows("a step, SQLite", measured, baseline, TARGET)
    if url:
        journal = open_journal(url)
        yield rows("a step, Azure Table", *spent(journal, steps, folder))
        journal.close()
    many = filled(folder / "many.db")
    listings = {
        f"the newest 20 of {RUNS:,} runs": lambda: many.runs(20),
        f"the open ones of {RUNS:,} runs": many.open_runs,
        f"one of {RUNS:,} runs by a beginning of its id": lambda: many.run("run-77777"),
    }
    for name, call in listings.items():
        yield rows(name, [timed(call) for _ in range(LISTINGS)], baseline)
    many.close()


def main() -> None:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else STEPS
    url = sys.argv[2] if len(sys.argv) > 2 else ""
    with tempfile.TemporaryDirectory() as folder:
        print(f"{machine()}; {steps} steps\n")
        for line in table(Path(folder), steps, url):
            print(line)


if __name__ == "__main__":
    main()
