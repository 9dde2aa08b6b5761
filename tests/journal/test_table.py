"""The journal in an Azure table: what happens when the table does not answer, or has been left in the middle."""

from __future__ import annotations

import http.server
import itertools
import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError, ServiceResponseError
from azure.core.pipeline.transport import RequestsTransport
from azure.data.tables import TableClient, TableServiceClient

from arm.runtime import system_runtime
from remediate.journal.keys import INDEX, LEASE, Place, partition_of, topic_of
from remediate.journal.model import CLOSED, Duty, JournalError, LeaseLost, Mark
from remediate.journal.rows import RK, Rows, put, remove
from remediate.journal.stores import open_journal
from remediate.journal.table import TableJournal

from .runs import AT, OTHER, VM, held, never, run

NUMBERS = itertools.count()
LOCK = f"{VM}/providers/Microsoft.Authorization/locks/Keep"
KEY = TableServiceClient.from_connection_string("UseDevelopmentStorage=true").credential


class Line(RequestsTransport):
    """The line to the table: it breaks when it is told to, before or after the request has come through."""

    def __init__(self) -> None:
        super().__init__(connection_timeout=10, read_timeout=30, use_env_settings=False)
        self.sent: list[tuple[str, str]] = []
        self.breaks: Callable[[str, str], str] = lambda _method, _path: ""
        """Told method and URL; answers "before", "after" or nothing."""
        self.meanwhile: Callable[[], object] = lambda: None
        """What somebody else does before the next write gets there."""

    def send(self, request, **kwargs):
        self.sent.append((request.method, request.url))
        fault = self.breaks(request.method, request.url)
        if fault == "before":
            raise ServiceRequestError("no connection")
        if request.method != "GET":
            meanwhile, self.meanwhile = self.meanwhile, lambda: None
            meanwhile()
        response = super().send(request, **kwargs)
        if fault == "after":
            response.internal_response.close()
            raise ServiceResponseError("connection reset")
        return response


class Opened:
    """A journal in a table, on a line of its own."""

    def __init__(self, url: str) -> None:
        account, _, name = url.rpartition("/")
        self.line = Line()
        self.slept: list[float] = []
        client = TableClient(account, name, credential=KEY, retry_total=0, transport=self.line)
        self.rows = Rows(client, name, self.slept.append)
        self.journal = TableJournal(self.rows, lambda: f"nonce-{next(NUMBERS)}")

    def once(self, fault: str, method: str = "POST") -> None:
        """Break the line the next time."""
        left = [fault]

        def breaks(found: str, _url: str) -> str:
            return left.pop() if left and found == method else ""

        self.line.breaks = breaks


@pytest.fixture
def opened(account, table) -> Iterator[Callable[..., Opened]]:
    """Opens a journal: that of the test, or that of another name."""
    with ExitStack() as stack:

        def make(name: str = "") -> Opened:
            one = Opened(f"{account}/{name}" if name else table)
            stack.callback(one.journal.close)
            return one

        yield make


def everything(journal: TableJournal) -> list[object]:
    """All that a journal tells."""
    found = journal.runs(99)
    return [
        found,
        journal.open_runs(),
        journal.open_runs(VM),
        [[record.kind for record in journal.records(one.id)] for one in found],
        [journal.duties(one.id) for one in found],
        journal.marks("topic"),
    ]


WRITES: dict[str, Callable[[TableJournal], object]] = {
    "acquire": held,
    "create": lambda journal: journal.create(run("run-2"), held(journal)),
    "append": lambda journal: journal.append("run-1", "kind", AT, {}, held(journal)),
    "add_duty": lambda journal: journal.add_duty(Duty("run-1", LOCK, {"a": 1}), held(journal)),
    "repaid": lambda journal: journal.repaid(Duty("run-1", f"{LOCK}0", {}), held(journal)),
    "save": lambda journal: journal.save(run(position=3), held(journal)),
    "close a run": lambda journal: journal.save(run(status=CLOSED), held(journal)),
    "mark": lambda journal: journal.mark(Mark("topic", "key", AT, {"n": 1})),
    "unmark": lambda journal: journal.unmark("topic", "old"),
    "release": lambda journal: journal.release(held(journal)),
    "prune": lambda journal: journal.prune(AT + timedelta(days=1)),
}


def begun(journal: TableJournal) -> None:
    lease = held(journal)
    journal.create(run("run-0"), lease)
    journal.append("run-0", "kind", AT, {}, lease)
    journal.save(run("run-0", status=CLOSED), lease)
    journal.create(run(), lease)
    journal.append("run-1", "first", AT, {}, lease)
    journal.add_duty(Duty("run-1", f"{LOCK}0", {}), lease)
    journal.mark(Mark("topic", "old", AT, {}))


@pytest.mark.parametrize("fault", ["before", "after"])
@pytest.mark.parametrize("write", WRITES)
def test_a_write_whose_answer_is_lost_is_done_once(opened, write, fault):
    """Every request that writes is lost in turn; what comes of it is what comes of it without any loss."""
    plain = opened(f"plain{next(NUMBERS)}")
    begun(plain.journal)
    plain.line.sent.clear()
    WRITES[write](plain.journal)
    requests = sum(method != "GET" for method, _ in plain.line.sent)
    wanted = everything(plain.journal)
    for number in range(requests):
        one = opened(f"lossy{next(NUMBERS)}")
        begun(one.journal)
        count = itertools.count()

        def breaks(method: str, _url: str, number=number, count=count) -> str:
            return fault if method != "GET" and next(count) == number else ""

        one.line.breaks = breaks
        WRITES[write](one.journal)
        assert everything(one.journal) == wanted, f"request {number} lost"
        one.journal.check(held(one.journal))


def test_a_lease_whose_writing_was_answered_late_is_recognised_as_our_own(opened):
    one = opened()
    one.once("after")
    lease = held(one.journal)
    assert lease.fence == 1
    one.once("after")
    assert one.journal.acquire(VM, "test", AT, 300, never) == lease


def test_a_table_that_does_not_answer_is_asked_some_times_and_then_told_of(opened):
    one = opened()
    held(one.journal)
    one.line.sent.clear()
    one.line.breaks = lambda _method, _url: "before"
    for call in (lambda: one.journal.runs(1), lambda: held(one.journal), lambda: one.journal.unmark("a", "b")):
        one.slept.clear()
        with pytest.raises(JournalError, match="cannot be reached: no connection") as caught:
            call()
        assert "firewall" in caught.value.next_step
        assert one.slept == [0.2, 0.5, 1.0, 2.0, 4.0]


def test_a_write_under_a_lease_that_does_not_get_through_is_told_of(opened):
    one = opened()
    lease = held(one.journal)
    one.journal.create(run(), lease)
    one.line.breaks = lambda method, _url: "before" if method == "POST" else ""
    for call in (
        lambda: one.journal.append("run-1", "kind", AT, {}, lease),
        lambda: one.journal.acquire(VM, "test", AT, 60, never),
        lambda: one.journal.create(run("run-2"), lease),
    ):
        with pytest.raises(JournalError, match="cannot be reached"):
            call()
    one.line.breaks = lambda _method, _url: ""
    assert one.journal.records("run-1") == []
    assert one.journal.run("run-2") is None


def test_of_two_that_want_a_free_vm_at_the_same_moment_one_gets_it(opened):
    one, two = opened(), opened()
    held(two.journal, OTHER)
    one.line.meanwhile = lambda: two.journal.acquire(VM, "b", AT, 60, never)
    assert one.journal.acquire(VM, "a", AT, 60, never) is None
    assert two.journal.acquire(VM, "b", AT, 60, never).fence == 1


def test_a_lease_taken_between_the_look_and_the_write_stops_the_write(opened):
    one, two = opened(), opened()
    lease = one.journal.acquire(VM, "a", AT, 0, never)
    one.journal.create(run(), lease)
    one.line.meanwhile = lambda: two.journal.acquire(VM, "b", AT, 60, never)
    with pytest.raises(LeaseLost):
        one.journal.append("run-1", "kind", AT, {}, lease)
    assert two.journal.records("run-1") == []


def test_a_run_that_was_announced_by_who_then_lost_the_lease_is_forgotten(opened):
    one, two = opened(), opened()
    lease = one.journal.acquire(VM, "a", AT, 0, never)
    one.line.meanwhile = lambda: two.journal.acquire(VM, "b", AT, 60, never)
    with pytest.raises(LeaseLost):
        one.journal.create(run(), lease)
    assert everything(two.journal) == [[]] * 6
    assert two.rows.query(INDEX, "a", "~") == []


@contextmanager
def stopped_before(one: Opened, number: int) -> Iterator[None]:
    """The process is stopped before its write with that number: nothing comes after it."""

    class Stopped(BaseException):
        pass

    count = itertools.count(1)

    def breaks(method: str, _url: str) -> str:
        if method != "GET" and next(count) >= number:
            raise Stopped
        return ""

    one.line.breaks = breaks
    with pytest.raises(Stopped):
        yield


def test_a_process_stopped_after_it_has_announced_a_run_leaves_nothing_that_is_seen(opened):
    one, two = opened(), opened()
    lease = held(one.journal)
    with stopped_before(one, 2):
        one.journal.create(run(), lease)
    journal = two.journal
    assert everything(journal) == [[]] * 6
    assert journal.run("run-1") is None
    journal.create(run("run-2"), held(journal))
    assert [found.id for found in journal.runs(1)] == ["run-2"], "what is not there does not count"
    assert len(two.rows.query(INDEX, "a", "~")) == 6, "it may be just about to be written"
    assert journal.prune(AT + timedelta(days=1)) == 0
    assert len(two.rows.query(INDEX, "a", "~")) == 3


def test_what_was_announced_a_day_ago_and_never_came_is_removed_by_whoever_looks(opened, monkeypatch):
    one = opened()
    lease = held(one.journal)
    with stopped_before(one, 2):
        one.journal.create(run(), lease)
    two = opened()
    assert two.journal.open_runs() == []
    assert len(two.rows.query(INDEX, "open!", "open!~")) == 1
    monkeypatch.setattr("remediate.journal.table.STRAY_SECONDS", -1.0)
    assert two.journal.open_runs() == []
    assert two.rows.query(INDEX, "open!", "open!~") == []


def test_a_process_stopped_before_it_has_struck_off_a_run_that_ended_leaves_it_ended(opened):
    one, two = opened(), opened()
    lease = held(one.journal)
    one.journal.create(run(), lease)
    with stopped_before(one, 2):
        one.journal.save(run(status=CLOSED), lease)
    assert len(two.rows.query(INDEX, "open!", "open!~")) == 1
    assert two.journal.open_runs() == two.journal.open_runs(VM) == []
    assert two.rows.query(INDEX, "open!", "open!~") == [], "whoever comes across it clears it up"
    assert two.journal.runs(9) == [run(status=CLOSED)]


@pytest.mark.parametrize("number", range(1, 5))
def test_pruning_stopped_at_any_request_is_finished_by_the_next(opened, number):
    one, two = opened(), opened()
    begun(one.journal)
    with stopped_before(one, number):
        one.journal.prune(AT + timedelta(days=1))
    assert two.journal.prune(AT + timedelta(days=1)) <= 1
    assert [found.id for found in two.journal.runs(9)] == ["run-1"]
    assert two.journal.run("run-0") is None
    assert len(two.rows.query(INDEX, "a", "~")) == 3
    assert two.rows.query(partition_of(VM), "record!run-0!", "record!run-0!~") == []


def test_two_that_prune_at_the_same_time_do_not_hinder_each_other(opened):
    one, two = opened(), opened()
    begun(one.journal)
    one.line.meanwhile = lambda: two.journal.prune(AT + timedelta(days=1))
    assert one.journal.prune(AT + timedelta(days=1)) == 1
    assert [found.id for found in one.journal.runs(9)] == ["run-1"]


def test_a_lease_that_was_taken_while_old_ones_are_removed_stays(opened):
    one, two = opened(), opened()
    one.journal.acquire(VM, "a", AT, 0, never)
    one.line.meanwhile = lambda: two.journal.acquire(VM, "b", AT, 300, never)
    assert one.journal.prune(AT + timedelta(days=9999)) == 0
    assert two.journal.acquire(VM, "c", AT, 300, never) is None


def test_a_lease_that_holds_for_long_is_not_removed_before_its_end(opened):
    one = opened()
    lease = one.journal.acquire(VM, "a", AT, timedelta(days=36_500).total_seconds(), never)
    one.journal.prune(AT + timedelta(days=9999))
    one.journal.check(lease)


def test_a_run_of_many_records_is_pruned_whole(opened):
    one = opened()
    lease = held(one.journal)
    one.journal.create(run(), lease)
    place = one.journal._place("run-1")
    for start in (1, 101, 201):
        one.rows.change(
            place.partition, [put({RK: place.record(number), "Kind": "k"}) for number in range(start, start + 100)]
        )
    one.journal.save(run(status=CLOSED), lease)
    assert one.journal.prune(AT + timedelta(days=1)) == 1
    assert one.rows.query(place.partition, "a", "~")[0].row[RK] == LEASE
    assert len(one.rows.query(place.partition, "a", "~")) == 1


def test_a_run_that_is_opened_again_is_among_the_open_ones(opened):
    one, two = opened(), opened()
    lease = held(one.journal)
    one.journal.create(run(), lease)
    one.journal.save(run(status=CLOSED), lease)
    two.journal.save(run(), lease)
    assert two.journal.open_runs() == [run()]


def test_the_newest_of_many_runs_are_found_beyond_those_that_are_not_there(opened):
    one = opened()
    lease = held(one.journal)
    for number in range(5):
        one.journal.create(run(f"run-{number}"), lease)
    for name in ("run-4", "run-3"):
        place = one.journal._place(name)
        one.rows.change(place.partition, [remove({RK: place.run})])
    assert [found.id for found in one.journal.runs(2)] == ["run-2", "run-1"]
    assert [found.id for found in one.journal.runs(9)] == ["run-2", "run-1", "run-0"]


def test_a_journal_knows_no_run_that_nobody_has_begun(opened):
    one = opened()
    lease = held(one.journal)
    one.journal.save(run("none"), lease)
    one.journal.repaid(Duty("none", LOCK, {}), lease)
    for write in (
        lambda: one.journal.append("none", "kind", AT, {}, lease),
        lambda: one.journal.add_duty(Duty("none", LOCK, {}), lease),
    ):
        with pytest.raises(JournalError, match="there is no run 'none'"):
            write()
    one.journal.release(lease)
    with pytest.raises(LeaseLost):
        one.journal.save(run("none"), lease)


@pytest.mark.parametrize("run_id", ["", "a/b?c#d\\e", "x" * 200, "ü", "a'b", "a!b"])
def test_a_run_may_have_any_id(opened, run_id):
    one = opened()
    lease = held(one.journal)
    one.journal.create(run(run_id), lease)
    one.journal.append(run_id, "kind", AT, {}, lease)
    assert [found.id for found in opened().journal.runs(9)] == [run_id]
    assert len(opened().journal.records(run_id)) == 1
    assert opened().journal.run(run_id) == (run(run_id) if run_id else None)


@pytest.mark.parametrize("data", ["{", '{"id": "run-1"}', "[]", ""])
def test_a_damaged_run_is_told_and_no_crash(opened, data):
    one = opened()
    one.journal.create(run(), held(one.journal))
    place = one.journal._place("run-1")
    one.rows.put(place.partition, {RK: place.run, "Status": "open", "Data": data, "Data00": b"not packed"})
    for call in (lambda: one.journal.run("run-1"), lambda: one.journal.runs(1), lambda: one.journal.open_runs(VM)):
        with pytest.raises(JournalError, match="is damaged"):
            call()


def test_damaged_records_debts_and_marks_are_told_and_no_crash(opened):
    one = opened()
    lease = held(one.journal)
    one.journal.create(run(), lease)
    place = one.journal._place("run-1")
    one.rows.put(place.partition, {RK: place.record(1), "Kind": "k", "At": "never", "Data": "{}"})
    one.rows.put(place.partition, {RK: place.duty(LOCK), "Repaid": False, "Data": "{}"})
    one.rows.put(topic_of("topic"), {RK: "x", "Key": "key", "At": "never", "Data": "{}"})
    for call in (
        lambda: one.journal.records("run-1"),
        lambda: one.journal.duties("run-1"),
        lambda: one.journal.marks("topic"),
    ):
        with pytest.raises(JournalError, match="is damaged"):
            call()


def test_what_is_too_long_even_for_a_row_is_refused_before_anything_is_written(opened):
    one = opened()
    lease = held(one.journal)
    one.journal.create(run(), lease)
    noise = random.Random(1).randbytes(1_000_000).hex()
    with pytest.raises(JournalError, match="too many for a row"):
        one.journal.append("run-1", "kind", AT, {"text": noise}, lease)
    assert one.journal.records("run-1") == []


class Azure(http.server.BaseHTTPRequestHandler):
    """A table service that answers everything in one way."""

    making = (403, "AuthorizationPermissionMismatch")
    status, code, message = 403, "AuthorizationPermissionMismatch", "This request is not authorized."

    def do_GET(self) -> None:
        if self.path.endswith("/Tables"):
            self.status, self.code = self.making
        body = json.dumps({"odata.error": {"code": self.code, "message": {"lang": "en", "value": self.message}}})
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def answering() -> Iterator[Callable[[int, str], str]]:
    """Start a table service that has only this answer; its URL with a table's name."""
    with ExitStack() as stack:

        def start(status: int, code: str) -> str:
            handler = type("Answer", (Azure,), {"status": status, "code": code})
            server = stack.enter_context(http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler))
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}/devstoreaccount1/journal"

        yield start


TELLS = [
    (403, "AuthorizationPermissionMismatch", "Storage Table Data Contributor", 0),
    (401, "InvalidAuthenticationInfo", "Storage Table Data Contributor", 0),
    (400, "InvalidInput", "--state", 0),
    (503, "ServerBusy", "firewall", 5),
    (500, "OperationTimedOut", "firewall", 5),
    (409, "TableBeingDeleted", "firewall", 5),
]


@pytest.mark.parametrize(("status", "code", "step", "waits"), TELLS)
def test_what_the_service_refuses_is_told_with_what_to_do(answering, status, code, step, waits):
    one = Opened(answering(status, code))
    for call in (lambda: one.journal.run("run-1"), lambda: one.journal.mark(Mark("a", "b", AT, {}))):
        one.slept.clear()
        with pytest.raises(JournalError) as caught:
            call()
        assert step in caught.value.next_step
        assert len(one.slept) == waits
    one.journal.close()


def test_who_may_not_make_the_table_is_told_so(answering):
    one = Opened(answering(404, "TableNotFound"))
    with pytest.raises(JournalError) as caught:
        one.journal.mark(Mark("a", "b", AT, {}))
    assert "Storage Table Data Contributor" in caught.value.next_step
    one.journal.close()


class SignedOut:
    """A credential that has no token."""

    def get_token(self, *_scopes: str, **_: object) -> None:
        raise ClientAuthenticationError("DefaultAzureCredential failed to retrieve a token")


def test_who_is_not_signed_in_is_told_so():
    journal = open_journal("https://account.table.core.windows.net/journal", SignedOut())
    for call in (lambda: journal.runs(1), lambda: journal.mark(Mark("a", "b", AT, {}))):
        with pytest.raises(JournalError, match="failed to retrieve a token") as caught:
            call()
        assert "az login" in caught.value.next_step
    journal.close()


def test_a_table_that_cannot_be_made_is_told(opened):
    one = opened()
    one.line.breaks = lambda _method, url: "before" if url.endswith("/Tables") else ""
    with pytest.raises(JournalError, match="cannot be reached"):
        held(one.journal)


def test_without_a_table_there_is_nothing_to_read_and_the_first_write_makes_it(opened):
    one = opened()
    assert everything(one.journal) == [[]] * 6
    assert not any(method != "GET" for method, _ in one.line.sent)
    one.journal.mark(Mark("topic", "key", AT, {}))
    assert len(opened().journal.marks("topic")) == 1


def test_a_table_that_another_process_makes_at_the_same_moment_will_do(opened):
    one, two = opened(), opened()
    made = []

    def meanwhile(method: str, url: str) -> str:
        if url.endswith("/Tables") and not made:
            made.append(held(two.journal, OTHER))
        return ""

    one.line.breaks = meanwhile
    assert held(one.journal).fence == 1
    assert made


def test_a_service_without_a_clock_frees_no_lease(opened):
    one, two = opened(), opened()
    held(one.journal)
    real = RequestsTransport.send

    def no_date(request, **kwargs):
        response = real(two.line, request, **kwargs)
        response.headers.pop("Date", None)
        return response

    two.line.send = no_date
    assert two.journal.acquire(VM, "b", AT, 60, never) is None
    assert two.journal.acquire(VM, "b", AT, 60, lambda _owner: True).fence == 2


def test_a_place_orders_runs_by_their_beginning():
    one, two = Place("b", "vm-1", 5), Place("a", "vm-1", 6)
    assert two.run < one.run
    assert two.newest < one.newest
    assert one.open < two.open


def test_a_journal_waits_by_the_runtimes_sleep():
    slept: list[float] = []
    runtime = replace(system_runtime(), sleep=slept.append)
    journal = open_journal("http://127.0.0.1:1/devstoreaccount1/journal", runtime=runtime)
    with pytest.raises(JournalError, match="cannot be reached"):
        journal.runs(1)
    assert len(slept) == 5
    journal.close()
