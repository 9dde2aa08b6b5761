"""Alerts over HTTP: who may deliver, what is taken, and what becomes of it."""

from __future__ import annotations

import json
import re
import socket
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families

from guards import Consent
from remediate.engine.chains import runbook_of
from remediate.engine.memory import freeze
from remediate.journal.model import Run
from remediate.serve.app import House
from remediate.serve.auth import Gate, Nobody
from remediate.serve.deliveries import Delivery
from remediate.serve.settings import PLAN

from ..alerts.samples import OURS, SHAPES, built_in, common, log_v2
from .conftest import SECRET, WITH_SECRET, Served


def raw(served: Served, request: bytes, *, finish: bool = False) -> bytes:
    """Send bytes as they are, and return everything that is answered."""
    parts = urlsplit(served.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as line:
        line.sendall(request)
        if finish:
            line.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while chunk := line.recv(65536):
                answer += chunk
        except ConnectionResetError:
            pass
        return answer


HEAD = (
    f"POST /alerts HTTP/1.1\r\nHost: x\r\nX-Remediate-Secret: {SECRET}\r\nContent-Type: application/json\r\n".encode()
)


@pytest.mark.parametrize("name", ["built-in", "log-v2", "metric", "graph-job", "envelope"])
def test_an_alert_is_answered_at_once_and_repaired_by_a_worker(drill, served, name):
    world = drill()
    here = served(world)
    found = here.dealt_with(SHAPES[name](OURS))
    (outcome,) = found["alerts"]
    assert (outcome["result"], outcome["error"], outcome["job"]) == ("taken", OURS.code, OURS.job)
    (run,) = found["runs"]
    assert run["id"] == outcome["run"]
    assert world.writes != []


def test_a_parked_run_is_gone_on_with_until_it_is_fixed(drill, served):
    world = drill()
    here = served(world, wait=0.0)
    first = here.dealt_with(built_in())
    assert (first["status"], first["alerts"][0]["verdict"]) == ("waiting", "Pending")

    def fixed() -> bool:
        world.pass_time(timedelta(minutes=10))
        return here.get(first["url"]).json()["runs"][0]["verdict"] == "Fixed"

    here.until(fixed)
    assert here.get(first["url"]).json()["status"] == "done"
    assert here.get(f"/runs/{first['runs'][0]['id']}").json()["runs"][0]["verdict"] == "Fixed"


def test_in_plan_mode_nothing_is_sent_and_the_plan_is_shown(drill, served):
    world = drill()
    here = served(world, PLAN)
    found = here.dealt_with(built_in())
    assert (found["mode"], found["alerts"][0]["verdict"], found["runs"]) == ("plan", "Planned", [])
    assert world.writes == []


def test_the_same_bytes_are_taken_once_and_another_alert_about_the_same_backup_begins_nothing(drill, served):
    world = drill()
    here = served(world, workers=2)
    first = here.deliver(built_in())
    spaced = here.deliver(json.dumps(built_in(), indent=4).encode())
    assert (first.status_code, spaced.status_code) == (202, 202)
    assert first.headers["Location"] == spaced.headers["Location"]
    other = here.dealt_with(log_v2())
    assert other["id"] not in first.headers["Location"]
    assert other["alerts"][0]["result"] == "duplicate"
    assert here.deliver(built_in()).headers["Location"] == first.headers["Location"]
    assert len(world.journal().runs(10)) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Remediate-Secret": ""},
        {"X-Remediate-Secret": SECRET[:-1]},
        {"X-Remediate-Secret": SECRET + " x"},
        {"X-Remediate-Secret": "\u00e4".encode("latin-1")},
    ],
)
@pytest.mark.parametrize("path", ["/alerts", "/runs/" + "0" * 32])
def test_whoever_does_not_say_who_it_is_is_told_nothing(drill, served, headers, path):
    world = drill()
    here = served(world)
    method = "POST" if path == "/alerts" else "GET"
    answer = here.call(method, path, headers=headers, json=built_in() if method == "POST" else None)
    assert answer.status_code == 401
    assert answer.json()["code"] == "denied"
    assert "X-Remediate-Secret" in answer.headers["WWW-Authenticate"]
    assert here.server.line.waiting == 0
    assert SECRET not in repr(here.events)


def test_the_body_of_somebody_unknown_is_not_even_read(drill, served):
    here = served(drill())
    head = b"POST /alerts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 400000\r\n\r\n"
    assert raw(here, head).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    ("payload", "status", "code"),
    [
        (b"", 400, "malformed"),
        (b'{"schemaId": "azureMonitorCommonAl', 400, "malformed"),
        (b"\xff\xfe\xfa", 400, "malformed"),
        (b"[" * 100_000, 400, "malformed"),
        (json.dumps(common("Azure Backup", OURS, {"category": "Jobs"})).encode(), 400, "unusable"),
        (json.dumps(built_in(OURS)).replace("virtualMachines/web-01", "virtualMachines/../x").encode(), 400, "forged"),
        (b" " * 524_288, 413, "too-large"),
    ],
)
def test_what_is_no_alert_is_refused_and_not_kept(drill, served, payload, status, code):
    world = drill()
    here = served(world)
    answer = here.deliver(payload)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert here.server.line.waiting == 0
    assert not any("/" in one["path"] and "subscriptions/" in one["path"] for one in world.simulator.requests)


def test_what_asks_for_no_repair_is_answered_without_a_queue(drill, served):
    here = served(drill())
    answer = here.deliver(common("Azure Backup", OURS, {}, monitorCondition="Resolved"))
    assert (answer.status_code, answer.json()["status"]) == (200, "ignored")
    assert answer.json()["alerts"][0]["why"] == "resolved"
    assert here.get(answer.json()["url"]).status_code == 404


def test_a_body_without_a_length_is_cut_off_at_the_limit(drill, served):
    here = served(drill())
    chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    answer = raw(here, HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * 9)
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/jsonp"])
def test_another_content_type_is_refused(drill, served, kind):
    assert served(drill()).deliver(built_in(), headers={"Content-Type": kind}).status_code == 415


def test_a_compressed_body_is_refused(drill, served):
    assert served(drill()).deliver(b"\x1f\x8b", headers={"Content-Encoding": "gzip"}).status_code == 415


def test_a_body_that_does_not_come_is_not_waited_for(drill, served):
    here = served(drill(), bounds={"reading": 0.3})
    assert raw(here, HEAD + b"Content-Length: 100\r\n\r\n{").startswith(b"HTTP/1.1 408 ")


def test_a_body_that_is_cut_off_is_no_delivery(drill, served):
    here = served(drill())
    raw(here, HEAD + b"Content-Length: 100\r\n\r\n{", finish=True)
    assert here.get("/healthz").status_code == 200
    assert here.server.line.waiting == 0


@pytest.mark.parametrize("begun", [b"", b"POST /al", HEAD])
def test_a_client_that_never_ends_its_request_is_cut_off(drill, served, begun):
    here = served(drill(), bounds={"request": 0.3})
    assert raw(here, begun) == b""


def test_a_header_that_never_ends_is_refused(drill, served):
    here = served(drill())
    assert raw(here, HEAD + b"X-Long: " + b"x" * 20_000).startswith(b"HTTP/1.1 400 ")


def test_one_connection_carries_one_request(drill, served):
    here = served(drill())
    ask = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    assert raw(here, ask + ask).count(b"HTTP/1.1 200 OK") == 1


def test_more_than_may_wait_is_answered_with_later(drill, served):
    here = served(drill(), bounds={"queue": 0})
    answer = here.deliver(built_in())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")


def test_a_delivery_that_azure_could_not_be_asked_for_is_tried_again(drill, served):
    world = drill()
    world.fault("deny", path="/backupJobs/", times=None)
    here = served(world)
    answer = here.deliver(built_in())

    def tried() -> bool:
        return here.get(answer.headers["Location"]).json()["attempts"] == 1

    here.until(tried)
    waiting = here.get(answer.headers["Location"]).json()
    assert (waiting["status"], waiting["alerts"][0]["result"]) == ("waiting", "error")
    world.simulator.faults.active.clear()
    world.pass_time(timedelta(minutes=2))
    assert here.server.line.rest(60)
    found = here.get(answer.headers["Location"]).json()
    assert (found["attempts"], [one["result"] for one in found["alerts"]]) == (2, ["taken"])


def test_health_is_told_to_everybody_and_names_nothing(drill, served):
    here = served(drill())
    assert here.server.watch.first_look(60)
    for path, keys in (("/healthz", {"status"}), ("/readyz", {"ready", "mode", "frozen", "journal", "azure"})):
        answer = here.get(path, headers={"X-Remediate-Secret": "none"})
        assert answer.status_code == 200
        assert set(answer.json()) == keys
    assert here.get("/readyz").json() == {
        "ready": True,
        "mode": "repair",
        "frozen": False,
        "journal": "ok",
        "azure": "ok",
    }


def test_it_is_not_ready_while_azure_cannot_be_read_and_says_that_it_is_frozen(drill, served):
    world = drill()
    world.fault("deny", path="/subscriptions$", times=None)
    freeze(world.journal(), "maintenance", "somebody", world.runtime.now())
    here = served(world)
    assert here.server.watch.first_look(60)
    answer = here.get("/readyz")
    assert answer.status_code == 503
    assert (answer.json()["azure"], answer.json()["frozen"]) == ("Forbidden", True)


def test_the_metrics_are_what_prometheus_reads(drill, served):
    here = served(drill())
    here.dealt_with(built_in())
    here.deliver(b"{}")
    answer = here.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    samples = {
        (one.name, *sorted(one.labels.values())): one.value
        for family in text_string_to_metric_families(answer.text)
        for one in family.samples
    }
    assert samples["remediate_deliveries_total", "queued"] == 1
    assert samples["remediate_alerts_total", "taken"] == 1
    assert samples["remediate_mode", "repair"] == 1
    assert samples["remediate_workers",] == 1
    assert samples["remediate_http_requests_total", "/alerts", "202"] == 1
    assert "web-01" not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("PUT", "/alerts", 405), ("GET", "/docs", 404)]
)
def test_what_is_not_offered_is_answered_as_a_problem(drill, served, method, path, status):
    answer = served(drill()).call(method, path)
    assert (answer.status_code, answer.json()["status"]) == (status, status)


@pytest.mark.parametrize("number", ["x", "0" * 31, "0" * 33, "..%2f..%2fetc", "%00" * 32])
def test_an_id_that_is_none_is_not_looked_up(drill, served, number):
    assert served(drill()).get(f"/runs/{number}").status_code == 404


def test_every_answer_is_closed_not_stored_and_does_not_name_the_server(drill, served):
    here = served(drill())
    for path in ("/healthz", "/nowhere", "/runs/" + "0" * 32, "/metrics", "/openapi.json"):
        headers = here.get(path).headers
        assert (headers["Connection"], headers["Cache-Control"]) == ("close", "no-store")
        assert not re.search("uvicorn|starlette", str(headers), re.IGNORECASE)


def test_a_delivery_is_forgotten_when_it_is_old(drill, served):
    world = drill()
    here = served(world)
    found = here.dealt_with(built_in())
    world.pass_time(timedelta(days=8))
    here.server.stop()
    again = served(world)
    assert again.server.watch.first_look(60)
    assert again.get(found["url"]).status_code == 404


def test_the_house_keeps_no_secret_in_what_it_shows(drill, served):
    here = served(drill())
    assert SECRET not in repr(House.__dataclass_fields__)
    assert WITH_SECRET["X-Remediate-Secret"] not in here.get("/openapi.json").text


def test_a_failed_backup_whose_alert_was_lost_is_found(drill, served):
    world = drill()
    here = served(world, sweep_hours=24)
    here.until(lambda: bool(world.journal().runs(10)))
    assert here.server.line.waiting == 0
    found = here.dealt_with(built_in())
    assert found["alerts"][0]["result"] == "duplicate"
    assert len(world.journal().runs(10)) == 1


def test_a_run_whose_process_has_ended_in_the_middle_is_gone_on_with(drill, served):
    world = drill()
    world.begun(
        Run(
            id="1" * 32,
            endpoint=world.endpoint,
            vm_id=world.vm_id,
            runbook=OURS.code,
            arguments={},
            steps=tuple(step.name for step in runbook_of(OURS.code, {}, world.journal).steps),
            started_at=world.runtime.now(),
            consent=Consent(yes=True),
        )
    )
    here = served(world)
    here.until(lambda: bool(world.journal().run("1" * 32).verdict))
    assert here.get("/runs/" + "1" * 32).json()["runs"][0]["runbook"] == OURS.code
    assert world.writes != []


def test_a_worker_outlives_what_nobody_expected(drill, served):
    world = drill()
    here = served(world)
    here.dealt_with(built_in())
    here.server.line.put([Delivery("f" * 32, world.runtime.now(), alerts=("no alert",))])  # as a newer version may
    here.until(lambda: "errors_total 1" in here.get("/metrics").text)
    assert "remediate_workers 1" in here.get("/metrics").text


def test_nothing_is_answered_with_202_when_the_journal_cannot_be_used(drill, served):
    world = drill()
    here = served(world)
    assert here.server.watch.first_look(60)
    world.state.write_bytes(b"no database" * 1000)
    answer = here.deliver(built_in())
    assert (answer.status_code, answer.json()["code"], answer.headers["Retry-After"]) == (503, "later", "30")
    assert here.server.line.waiting == 0
    assert here.get("/runs/" + "0" * 32).status_code == 503


def test_for_a_trial_every_program_of_this_machine_may_deliver(drill, served):
    here = served(drill(), PLAN, gate=Gate([Nobody()]))
    assert here.deliver(built_in(), headers={"X-Remediate-Secret": None}).status_code == 202
    assert here.get("/openapi.json").json()["components"]["securitySchemes"] == {}


def test_an_error_in_one_parked_run_does_not_keep_the_others_from_going_on(drill, served):
    world = drill()
    here = served(world, wait=0.0)
    first = here.dealt_with(built_in())
    assert first["status"] == "waiting"
    world.fault("deny", path="/virtualMachines/web-01$", times=None)
    world.pass_time(timedelta(hours=6))
    here.until(lambda: any(one.kind == "upkeep" for one in here.events))
    world.simulator.faults.active.clear()

    def fixed() -> bool:
        world.pass_time(timedelta(minutes=10))
        return here.get(first["url"]).json()["runs"][0]["verdict"] == "Fixed"

    here.until(fixed)
