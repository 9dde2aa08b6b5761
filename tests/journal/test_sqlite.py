"""The journal in SQLite: what happens to it on a real disk, among real processes."""

from __future__ import annotations

import itertools
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from arm.errors import RemediationError
from remediate.journal.model import CLOSED
from remediate.journal.schema import SCHEMA_VERSION
from remediate.journal.sqlite import JournalError, SqliteJournal

from .runs import AT, VM, held, never, run

ROOT = Path(__file__).parents[2]
NUMBERS = itertools.count()


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "journal.db"


def child(code: str, *arguments: object) -> subprocess.Popen:
    """Another process that runs this with ``path`` set, and does ``go()`` when we say so."""
    head = """
        import sys
        from pathlib import Path
        from remediate.journal.sqlite import SqliteJournal
        path = Path(sys.argv[1])
        from tests.journal.runs import AT, VM, held, never, run
        def go():
            print("ready", flush=True)
            sys.stdin.readline()
    """
    script = textwrap.dedent(head) + textwrap.dedent(code)
    command = [sys.executable, "-c", script, *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def together(children: list[subprocess.Popen]) -> list[str]:
    """Let all of them go at once; what they said when they had ended well."""
    said = []
    for each in children:
        each.stdout.readline()
    for each in children:
        each.stdin.write("\n")
        each.stdin.flush()
    for each in children:
        out, err = each.communicate(timeout=60)
        assert each.returncode == 0, err
        said.append(out)
    return said


def opened(path: Path, use) -> object:
    journal = SqliteJournal(path)
    try:
        return use(journal)
    finally:
        journal.close()


def test_the_folder_of_a_journal_is_made(tmp_path):
    path = tmp_path / "a" / "b" / "journal.db"
    opened(path, lambda journal: journal.create(run(), held(journal)))
    assert opened(path, lambda journal: journal.run("run-1")) == run()


def test_a_journal_of_a_newer_version_is_not_touched(file):
    opened(file, lambda journal: journal.create(run(), held(journal)))
    found: list[str] = []
    opened(file, lambda journal: found.extend(one.id for one in journal.runs(10)))
    assert found == [run().id]
    database = sqlite3.connect(file)
    database.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    database.close()
    before = file.read_bytes()
    with pytest.raises(JournalError, match=f"newer version .schema {SCHEMA_VERSION + 1}") as caught:
        SqliteJournal(file)
    assert "Upgrade" in caught.value.next_step
    assert file.read_bytes() == before


def test_an_empty_file_becomes_a_journal(file):
    file.touch()
    opened(file, lambda journal: journal.create(run(), held(journal)))
    found: list[str] = []
    opened(file, lambda journal: found.extend(one.id for one in journal.runs(10)))
    assert found == [run().id]


def test_a_file_that_is_no_journal_is_left_as_it_is(file):
    file.write_text("dear diary, " * 100)
    with pytest.raises(JournalError, match="cannot be used: file is not a database") as caught:
        SqliteJournal(file)
    assert "--state" in caught.value.next_step
    assert file.read_text().startswith("dear diary")


def test_a_database_of_something_else_is_not_taken_for_a_journal(file):
    database = sqlite3.connect(file)
    database.executescript("CREATE TABLE runs (x); INSERT INTO runs VALUES (1);")
    database.close()
    with pytest.raises(JournalError, match="already exists"):
        SqliteJournal(file)
    database = sqlite3.connect(file)
    assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("runs",)]
    database.close()


@pytest.mark.parametrize("place", ["a folder", "below a file", "below a link to nowhere"])
def test_a_place_where_no_journal_can_be_says_so(tmp_path, place):
    if place == "a folder":
        path = tmp_path
    elif place == "below a file":
        (tmp_path / "file").touch()
        path = tmp_path / "file" / "journal.db"
    else:
        (tmp_path / "link").symlink_to(tmp_path / "nowhere")
        path = tmp_path / "link" / "journal.db"
    with pytest.raises(JournalError, match="cannot be used") as caught:
        SqliteJournal(path)
    assert "Nothing is changed without a journal" in caught.value.next_step
    assert isinstance(caught.value, RemediationError)


def test_on_a_full_disk_a_write_fails_with_that_reason_and_what_was_written_stays(file):
    journal = SqliteJournal(file)
    journal.create(run(), held(journal))
    (pages,) = journal._db.execute("PRAGMA page_count").fetchone()
    journal._db.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(JournalError, match="full"):
        journal.append("run-1", "kind", AT, {"text": "x" * 100_000}, held(journal))
    assert journal.records("run-1") == []
    assert journal.run("run-1") == run()
    journal._db.execute("PRAGMA max_page_count=1000000")
    journal.append("run-1", "kind", AT, {"text": "x" * 100_000}, held(journal))
    assert len(journal.records("run-1")) == 1
    journal.close()


def test_a_file_that_must_not_grow_any_more_is_an_error_and_no_loss(file):
    opened(file, lambda journal: journal.create(run(), held(journal)))
    found: list[str] = []
    opened(file, lambda journal: found.extend(one.id for one in journal.runs(10)))
    assert found == [run().id]
    limited = child(
        """
        import resource
        journal = SqliteJournal(path)
        lease = held(journal)
        go()
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        from remediate.journal.sqlite import JournalError
        try:
            journal.append("run-1", "kind", AT, {"text": "x" * 500_000}, lease)
        except JournalError as error:
            print("told:", error.message)
        print(len(journal.records("run-1")))
        """,
        file,
    )
    (said,) = together([limited])
    assert "told:" in said
    assert said.split()[-1] == "0"
    assert opened(file, lambda journal: journal.run("run-1")) == run()


def test_a_closed_journal_says_that_it_cannot_be_used(file):
    journal = SqliteJournal(file)
    journal.close()
    with pytest.raises(JournalError, match="cannot be used"):
        journal.runs(1)


@pytest.mark.parametrize("data", ["", "null", "[]", "{", '{"id": "run-1"}', '{"id": 1, "started_at": null}'])
def test_a_damaged_run_is_told_and_no_crash(file, data):
    journal = SqliteJournal(file)
    journal.create(run(), held(journal))
    journal._db.execute("UPDATE runs SET data = ?", (data,))
    with pytest.raises(JournalError, match="damaged"):
        journal.run("run-1")
    journal.close()


@pytest.mark.parametrize("column", ["at", "data"])
def test_a_damaged_record_is_told_and_no_crash(file, column):
    journal = SqliteJournal(file)
    journal.append("run-1", "kind", AT, {}, held(journal))
    journal._db.execute(f"UPDATE records SET {column} = 'x'")
    with pytest.raises(JournalError, match="damaged"):
        journal.records("run-1")
    journal.close()


def test_an_error_in_the_middle_of_a_write_leaves_the_journal_usable(file):
    journal = SqliteJournal(file)

    def interrupted(_owner: str) -> bool:
        raise KeyboardInterrupt

    assert journal.acquire(VM, "a", AT, 60, interrupted)
    with pytest.raises(KeyboardInterrupt):
        journal.acquire(VM, "b", AT, 60, interrupted)
    journal.create(run(), held(journal, owner="a"))
    assert not journal.acquire(VM, "b", AT, 60, never)
    journal.close()


def test_many_processes_can_open_a_new_journal_at_the_same_moment(file):
    code = """
        go()
        journal = SqliteJournal(path)
        print(journal.runs(1))
        journal.close()
    """
    for attempt in range(3):
        path = file.with_name(f"journal-{attempt}.db")
        assert together([child(code, path) for _ in range(6)]) == ["[]\n"] * 6


def test_two_processes_write_to_one_run_and_no_record_is_lost_or_numbered_twice(file):
    opened(file, lambda journal: journal.create(run(), held(journal)))
    found: list[str] = []
    opened(file, lambda journal: found.extend(one.id for one in journal.runs(10)))
    assert found == [run().id]
    code = """
        journal = SqliteJournal(path)
        lease = held(journal)
        go()
        for number in range(40):
            journal.append("run-1", sys.argv[2], AT, {"n": number}, lease)
        journal.close()
    """
    together([child(code, file, name) for name in ("one", "two")])
    records = opened(file, lambda journal: journal.records("run-1"))
    assert [record.sequence for record in records] == list(range(1, 81))
    for name in ("one", "two"):
        assert [record.data["n"] for record in records if record.kind == name] == list(range(40))


def test_two_processes_that_want_a_vm_at_the_same_moment_do_not_both_get_it(file):
    code = """
        journal = SqliteJournal(path)
        go()
        taken = [str(n) for n in range(20) if journal.acquire(f"/vm/{n}", sys.argv[2], AT, 60, never)]
        print(*taken)
        journal.close()
    """
    one, two = (said.split() for said in together([child(code, file, name) for name in ("one", "two")]))
    assert sorted([*one, *two], key=int) == [str(number) for number in range(20)]


def test_what_a_killed_process_was_told_is_written_is_written(file):
    opened(file, lambda journal: journal.create(run(), held(journal)))
    found: list[str] = []
    opened(file, lambda journal: found.extend(one.id for one in journal.runs(10)))
    assert found == [run().id]
    code = """
        journal = SqliteJournal(path)
        number = 0
        while True:
            number += 1
            journal.append("run-1", "kind", AT, {"n": number}, held(journal))
            print(number, flush=True)
    """
    writer = child(code, file)
    told = [int(writer.stdout.readline()) for _ in range(25)]
    writer.kill()
    rest = writer.stdout.read()  # what is buffered here already, too
    writer.communicate(timeout=60)
    told += [int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    found = [record.data["n"] for record in opened(file, lambda journal: journal.records("run-1"))]
    assert found[: len(told)] == told
    assert len(found) <= len(told) + 1


def test_a_lease_ends_by_the_hosts_clock(file):
    journal = SqliteJournal(file)
    assert journal.acquire(VM, "a", AT, 60, never)
    assert not journal.acquire(VM, "b", AT + timedelta(seconds=59), 60, never)
    assert journal.acquire(VM, "a", AT + timedelta(seconds=50), 60, never)
    assert not journal.acquire(VM, "b", AT + timedelta(seconds=109), 60, never)
    assert journal.acquire(VM, "b", AT + timedelta(seconds=110), 60, never)
    assert not journal.acquire(VM, "a", AT + timedelta(seconds=111), 60, never)
    journal.close()


def test_leases_that_ended_long_ago_are_removed_with_the_runs(file):
    journal = SqliteJournal(file)
    lease = held(journal)
    journal.prune(AT)
    journal.check(lease)
    journal.prune(AT + timedelta(days=1))
    assert journal._db.execute("SELECT count(*) FROM leases").fetchone() == (0,)
    journal.close()


VERSION_1 = (Path(__file__).parent / "version-1.sql").read_text(encoding="utf-8")


def version_1(file: Path) -> None:
    """A journal as the first version left it: a run that is over, one that is open and owes a lock, a damaged one."""
    with closing(sqlite3.connect(file)) as database:
        database.executescript(VERSION_1)


def test_a_journal_of_the_first_version_keeps_all_that_is_in_it(file):
    version_1(file)
    with closing(SqliteJournal(file)) as journal:
        (one,) = journal.open_runs()
        assert (one.id, one.steps, one.started_at) == ("open", ("a", "b"), AT)
        assert journal.run("over").verdict == "Fixed"
        assert [record.kind for record in journal.records("open")] == ["intent", "accepted"]
        assert [record.data for record in journal.records("over")] == [{"verdict": "Fixed"}]
        (duty,) = journal.duties("open")
        assert duty.body["properties"] == {"level": "ReadOnly", "notes": "ü", "owners": [{"applicationId": "a"}]}
        assert journal.acquire(VM, "b", AT, 60, never) is None, "a lease stays with its owner"
        lease = journal.acquire(VM, "b", AT + timedelta(minutes=5), 60, never)
        assert lease.fence == 2
        journal.append("open", "outcome", AT, {}, lease)
        assert [record.sequence for record in journal.records("open")] == [1, 2, 3]
        assert journal.prune(AT) == 1
        assert journal.run("over") is None
        with pytest.raises(JournalError, match="damaged"):
            journal.run("damaged")


def test_an_old_journal_brought_up_to_date_is_like_a_new_one(tmp_path):
    version_1(tmp_path / "old.db")
    SqliteJournal(tmp_path / "old.db").close()
    SqliteJournal(tmp_path / "new.db").close()

    def shape(name: str) -> dict[str, list[tuple]]:
        with closing(sqlite3.connect(tmp_path / name)) as database:
            parts = database.execute("SELECT type, name FROM sqlite_master ORDER BY name").fetchall()
            return {
                f"{kind} {part}": database.execute(f"PRAGMA {kind}_info({part})").fetchall() for kind, part in parts
            } | {"version": database.execute("PRAGMA user_version").fetchall()}

    assert shape("old.db") == shape("new.db")


@pytest.mark.parametrize("statement", range(1, 9))
def test_a_process_killed_while_it_brings_a_journal_up_to_date_leaves_it_as_it_was(file, statement):
    version_1(file)
    before = sorted(_dump(file))
    killed = child(
        """
        import os, signal, sqlite3
        from remediate.journal.schema import upgrade
        database = sqlite3.connect(path, isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        left = [int(sys.argv[2])]
        def kill(_statement):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
        database.execute("BEGIN IMMEDIATE")
        database.set_trace_callback(kill)
        upgrade(database, 1)
        database.execute("COMMIT")
        """,
        file,
        statement,
    )
    killed.communicate(timeout=60)
    assert killed.returncode == -9
    assert sorted(_dump(file)) == before
    with closing(SqliteJournal(file)) as journal:
        assert [one.id for one in journal.open_runs()] == ["open"]


def _dump(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as database:
        return [f"version {database.execute('PRAGMA user_version').fetchone()[0]}", *database.iterdump()]


def test_many_processes_can_bring_a_journal_up_to_date_at_the_same_moment(file):
    version_1(file)
    code = """
        go()
        journal = SqliteJournal(path)
        print(len(journal.open_runs()))
        journal.close()
    """
    assert together([child(code, file) for _ in range(5)]) == ["1\n"] * 5


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> Iterator[SqliteJournal]:
    """A journal of 100,000 runs that are over, and one that is open."""
    journal = SqliteJournal(tmp_path_factory.mktemp("many") / "journal.db")
    journal.create(run("first", status=CLOSED), held(journal))
    journal._db.execute(
        "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
        " INSERT INTO runs SELECT 'run-' || i, i, vm || (i % 500), status,"
        " replace(data, '\"first\"', '\"run-' || i || '\"'), started FROM n, runs"
    )
    journal.create(run("last"), held(journal))
    yield journal
    journal.close()


def test_a_hundred_thousand_runs_are_listed(many):
    assert [one.id for one in many.runs(3)] == ["last", "run-100000", "run-99999"]
    assert [one.id for one in many.open_runs()] == ["last"]
    assert len(many.runs(200_000, f"{VM}7")) == 200
    assert many.run("run-4242").id == "run-4242", "by its whole id, though others begin like it"


CALLS = {
    "the newest runs": lambda journal: journal.runs(20),
    "the newest runs of a VM": lambda journal: journal.runs(20, f"{VM}7"),
    "open runs": lambda journal: journal.open_runs(),
    "open runs of a VM": lambda journal: journal.open_runs(VM),
    "a run": lambda journal: journal.run("run-4242"),
    "a run by its beginning": lambda journal: journal.run("run-9999"),
    "no run": lambda journal: journal.run("zzz"),
    "a new run": lambda journal: journal.create(run(f"x{next(NUMBERS)}", status=CLOSED), held(journal)),
    "a record": lambda journal: journal.append("last", "kind", AT, {}, held(journal)),
    "pruning with nothing to do": lambda journal: journal.prune(AT - timedelta(days=400)),
}


@pytest.mark.parametrize("call", CALLS)
def test_among_a_hundred_thousand_runs_nothing_is_searched_for_one_by_one(many, call):
    steps = itertools.count()
    many._db.set_progress_handler(lambda: next(steps) and 0, 1)
    try:
        CALLS[call](many)
    finally:
        many._db.set_progress_handler(None, 1)
        many._db.execute("DELETE FROM runs WHERE id >= 'x'")
    assert next(steps) < 3000, "steps of SQLite's machine; to look at every run takes 500,000"
