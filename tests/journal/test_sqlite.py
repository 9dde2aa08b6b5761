"""The journal in SQLite: what happens to it on a real disk, among real processes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from arm.errors import RemediationError
from remediate.journal.model import CLOSED
from remediate.journal.sqlite import SCHEMA_VERSION, JournalError, SqliteJournal

from .runs import AT, VM, run

ROOT = Path(__file__).parents[2]


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
    opened(path, lambda journal: journal.create(run()))
    assert opened(path, lambda journal: journal.run("run-1")) == run()


def test_a_journal_of_a_newer_version_is_not_touched(file):
    opened(file, lambda journal: journal.create(run()))
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
    opened(file, lambda journal: journal.create(run()))
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
    journal.create(run())
    (pages,) = journal._db.execute("PRAGMA page_count").fetchone()
    journal._db.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(JournalError, match="full"):
        journal.append("run-1", "kind", AT, {"text": "x" * 100_000})
    assert journal.records("run-1") == []
    assert journal.run("run-1") == run()
    journal._db.execute("PRAGMA max_page_count=1000000")
    journal.append("run-1", "kind", AT, {"text": "x" * 100_000})
    assert len(journal.records("run-1")) == 1
    journal.close()


def test_a_file_that_must_not_grow_any_more_is_an_error_and_no_loss(file):
    opened(file, lambda journal: journal.create(run()))
    found: list[str] = []
    opened(file, lambda journal: found.extend(one.id for one in journal.runs(10)))
    assert found == [run().id]
    limited = child(
        """
        import resource
        journal = SqliteJournal(path)
        go()
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        from datetime import datetime, timezone
        from remediate.journal.sqlite import JournalError
        try:
            journal.append("run-1", "kind", datetime.now(timezone.utc), {"text": "x" * 500_000})
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
    journal.create(run())
    journal._db.execute("UPDATE runs SET data = ?", (data,))
    with pytest.raises(JournalError, match="damaged"):
        journal.run("run-1")
    journal.close()


@pytest.mark.parametrize("column", ["at", "data"])
def test_a_damaged_record_is_told_and_no_crash(file, column):
    journal = SqliteJournal(file)
    journal.append("run-1", "kind", AT, {})
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
    journal.create(run())
    assert not journal.acquire(VM, "b", AT, 60, lambda _owner: False)
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
    opened(file, lambda journal: journal.create(run()))
    found: list[str] = []
    opened(file, lambda journal: found.extend(one.id for one in journal.runs(10)))
    assert found == [run().id]
    code = """
        from datetime import datetime, timezone
        journal = SqliteJournal(path)
        go()
        for number in range(40):
            journal.append("run-1", sys.argv[2], datetime(2026, 3, 2, tzinfo=timezone.utc), {"n": number})
        journal.close()
    """
    together([child(code, file, name) for name in ("one", "two")])
    records = opened(file, lambda journal: journal.records("run-1"))
    assert [record.sequence for record in records] == list(range(1, 81))
    for name in ("one", "two"):
        assert [record.data["n"] for record in records if record.kind == name] == list(range(40))


def test_two_processes_that_want_a_vm_at_the_same_moment_do_not_both_get_it(file):
    code = """
        from datetime import datetime, timezone
        journal = SqliteJournal(path)
        now = datetime(2026, 3, 2, tzinfo=timezone.utc)
        go()
        taken = [str(n) for n in range(20) if journal.acquire(f"/vm/{n}", sys.argv[2], now, 60, lambda _: False)]
        print(*taken)
        journal.close()
    """
    one, two = (said.split() for said in together([child(code, file, name) for name in ("one", "two")]))
    assert sorted([*one, *two], key=int) == [str(number) for number in range(20)]


def test_what_a_killed_process_was_told_is_written_is_written(file):
    opened(file, lambda journal: journal.create(run()))
    found: list[str] = []
    opened(file, lambda journal: found.extend(one.id for one in journal.runs(10)))
    assert found == [run().id]
    code = """
        from datetime import datetime, timezone
        journal = SqliteJournal(path)
        number = 0
        while True:
            number += 1
            journal.append("run-1", "kind", datetime(2026, 3, 2, tzinfo=timezone.utc), {"n": number})
            print(number, flush=True)
    """
    writer = child(code, file)
    told = [int(writer.stdout.readline()) for _ in range(25)]
    writer.kill()
    rest, _ = writer.communicate(timeout=60)
    told += [int(line) for line in rest.splitlines(keepends=True) if line.endswith("\n")]
    found = [record.data["n"] for record in opened(file, lambda journal: journal.records("run-1"))]
    assert found[: len(told)] == told
    assert len(found) <= len(told) + 1


def test_a_hundred_thousand_runs_are_listed(file):
    journal = SqliteJournal(file)
    journal.create(run("first", status=CLOSED))
    journal._db.execute(
        "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
        " INSERT INTO runs SELECT 'run-' || i, i, vm, status, replace(data, '\"first\"', '\"run-' || i || '\"')"
        " FROM n, runs"
    )
    journal.create(run("last"))
    assert [one.id for one in journal.runs(3)] == ["last", "run-100000", "run-99999"]
    assert [one.id for one in journal.open_runs()] == ["last"]
    assert len(journal.runs(200_000, VM)) == 100_001
    assert journal.run("run-4242").id == "run-4242", "by its whole id, though others begin like it"
    journal.close()
