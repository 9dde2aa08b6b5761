from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import requests

from simulator import Simulator, serve
from simulator.frontend import parse

SUB = "22222222-2222-4222-8222-222222222222"
READY = [
    "schema", "endpoint", "ca", "token_url", "tenant", "subscription", "resource_group", "vm", "vault",
    "backup_resource_group", "locks", "collections", "code",
]  # fmt: skip


def test_the_ready_line_says_where_everything_is(server, collection):
    ready = json.loads(server.ready_line())
    assert list(ready) == READY
    assert ready["schema"] == "simulator.ready/1"
    assert ready["token_url"] == f"{ready['endpoint']}/msi/token"
    assert (ready["resource_group"], ready["vm"], ready["vault"]) == ("rg-web", "web-01", "vault-weu")
    assert ready["backup_resource_group"] == "AzureBackupRG_westeurope_1"
    assert ready["collections"] == [collection.id]
    assert len(ready["locks"]) == 1
    assert (ready["code"], ready["ca"]) == ("UserErrorRpCollectionLimitReached", None)


@pytest.mark.unjudged("nobody may delete a subscription")
def test_one_connection_carries_many_requests(server):
    connection = http.client.HTTPConnection("127.0.0.1", int(server.endpoint.rpartition(":")[2]), timeout=10)
    target = f"/subscriptions/{SUB}?api-version=1"
    bearer = {"Authorization": "Bearer x"}
    ports = set()
    for method, status in (("GET", 200), ("DELETE", 405), ("GET", 200)):
        connection.request(method, target, headers=bearer)
        answer = connection.getresponse()
        answer.read()
        ports.add(connection.sock.getsockname()[1])
        assert (answer.version, answer.status) == (11, status)
    connection.close()
    assert len(ports) == 1


def test_an_answer_without_content_has_no_body_and_head_has_none_either(server, http):
    group = f"{server.endpoint}/subscriptions/{SUB}/resourceGroups/rg-web?api-version=1"
    answer = http.head(group, timeout=10)
    assert (answer.status_code, answer.content) == (204, b"")
    assert "Content-Length" not in answer.headers
    assert http.get(group, timeout=10).headers["Content-Length"]


def test_urls_in_answers_carry_the_host_the_client_used(server, http, vm_path):
    port = server.endpoint.rpartition(":")[2]
    answer = http.post(f"http://localhost:{port}{vm_path}/restart?api-version=1", timeout=10)
    assert answer.headers["Location"].startswith(f"http://localhost:{port}/subscriptions/")


def test_the_date_of_an_answer_is_simulated_and_stands_once(server, http):
    answer = http.get(f"{server.endpoint}/subscriptions/{SUB}?api-version=1", timeout=10)
    assert answer.raw.headers.getlist("Date") == ["Mon, 02 Mar 2026 03:00:00 GMT"]


def test_a_body_in_chunks_is_understood(server, http, vm, vm_path):
    parts = iter([b'{"tags": {"a"', b': "b"}}'])
    target = f"{server.endpoint}{vm_path}?api-version=1"
    assert http.patch(target, data=parts, headers={"Content-Type": "application/json"}, timeout=10).status_code == 200
    assert vm.tags == {"a": "b"}
    assert http.get(target, timeout=10).status_code == 200


@pytest.mark.parametrize("header", ["Content-Length: many", "Transfer-Encoding: chunked"])
def test_a_body_whose_length_makes_no_sense_is_answered_400(server, header):
    with socket.create_connection(("127.0.0.1", int(server.endpoint.rpartition(":")[2])), timeout=10) as raw:
        raw.sendall(f"PUT / HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\nmany\r\n".encode())
        assert raw.recv(100).startswith(b"HTTP/1.1 400")


def test_many_clients_at_once_are_answered_one_after_the_other(server, sim):
    def work():
        with requests.Session() as session:
            session.trust_env = False
            session.headers["Authorization"] = "Bearer x"
            for _ in range(10):
                assert (
                    session.get(f"{server.endpoint}/subscriptions/{SUB}?api-version=1", timeout=30).status_code == 200
                )

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry["n"] for entry in sim.requests] == list(range(1, 81))


def test_closing_does_not_wait_for_idle_clients(sim):
    server = serve(sim)
    idle = socket.create_connection(("127.0.0.1", int(server.endpoint.rpartition(":")[2])), timeout=10)
    with requests.Session() as session:
        session.trust_env = False
        session.get(f"{server.endpoint}/_sim/", timeout=10)
        server.close()
    assert idle.recv(1) == b""
    idle.close()
    server.close()
    assert threading.active_count() == 1 or not any(thread.name == "simulator" for thread in threading.enumerate())


def test_closing_lets_go_of_a_connection_that_a_fault_holds(sim):
    sim.handle(parse("POST", "/_sim/faults", [], b'{"kind": "timeout_before", "seconds": 600}', "http://x"))
    server = serve(sim)
    raw = socket.create_connection(("127.0.0.1", int(server.endpoint.rpartition(":")[2])), timeout=10)
    raw.sendall(f"GET /subscriptions/{SUB}?api-version=1 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    while not sim.requests:
        pass
    server.close()
    raw.close()
    assert sim.requests[0]["fault"] == "timeout_before"
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", int(server.endpoint.rpartition(":")[2])), timeout=10)


def test_a_taken_port_is_an_error(server, sim):
    with pytest.raises(OSError, match="in use"):
        serve(sim, int(server.endpoint.rpartition(":")[2]))


def test_latency_is_added_to_every_answer_without_holding_others_up(sim):
    from simulator.server import Server

    slept = []
    with Server(sim, latency=0.06, sleep=slept.append) as server, requests.Session() as session:
        session.trust_env = False
        for _ in range(3):
            session.get(f"{server.endpoint}/_sim/", timeout=10)
    assert slept == [0.06] * 3


def test_tls_is_good_for_localhost_and_its_address_with_the_given_authority(sim):
    with serve(sim, tls=True) as server:
        port = server.endpoint.rpartition(":")[2]
        assert server.endpoint.startswith("https://")
        folder = Path(server.ca).parent
        assert stat.S_IMODE((folder / "server.pem").stat().st_mode) == 0o600
        with requests.Session() as session:
            session.trust_env = False
            session.verify = server.ca
            for host in ("127.0.0.1", "localhost"):
                assert session.get(f"https://{host}:{port}/_sim/", timeout=10).status_code == 200
        with requests.Session() as session:
            session.trust_env = False
            with pytest.raises(requests.exceptions.SSLError):
                session.get(f"{server.endpoint}/_sim/", timeout=10)
    assert not folder.exists()


def test_a_client_that_speaks_no_tls_hurts_nobody(sim):
    with serve(sim, tls=True) as server:
        port = int(server.endpoint.rpartition(":")[2])
        plain = socket.create_connection(("127.0.0.1", port), timeout=10)
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        plain.recv(100)
        plain.close()
        silent = socket.create_connection(("127.0.0.1", port), timeout=10)
        context = ssl.create_default_context(cafile=server.ca)
        with context.wrap_socket(
            socket.create_connection(("127.0.0.1", port), timeout=10), server_hostname="localhost"
        ) as good:
            good.sendall(b"GET /_sim/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert good.recv(100).startswith(b"HTTP/1.1 200")
        silent.close()


def test_faults_reset_tls_connections_too(sim, vm_path):
    sim.handle(parse("POST", "/_sim/faults", [], b'{"kind": "reset_after"}', "http://x"))
    with serve(sim, tls=True) as server, requests.Session() as session:
        session.trust_env = False
        session.verify = server.ca
        with pytest.raises(requests.exceptions.ConnectionError):
            session.get(f"{server.endpoint}{vm_path}?api-version=1", headers={"Authorization": "Bearer x"}, timeout=10)


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_one_line_serves_and_ends_quietly_when_interrupted(kind):
    command = [sys.executable, "-m", "simulator", "--scenario", "healthy", "--vm", "db-01"]
    environment = {**os.environ, "PYTHONWARNINGS": "error", "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        ready = json.loads(process.stdout.readline())
        assert (ready["vm"], ready["code"], ready["locks"]) == ("db-01", None, [])
        with requests.Session() as session:
            session.trust_env = False
            assert session.get(f"{ready['endpoint']}/_sim/clock", timeout=10).status_code == 200
            process.send_signal(kind)
            assert process.communicate(timeout=30) == ("", "")
        assert process.returncode == 0


def test_the_command_refuses_an_unknown_scenario():
    command = [sys.executable, "-m", "simulator", "--scenario", "helthy"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean healthy?" in done.stderr


def test_importing_the_package_imports_nothing_else():
    code = "import sys, simulator; print(sorted(name for name in sys.modules if name.startswith('simulator')))"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "['simulator']"


def test_the_face_has_the_names_it_says():
    import simulator

    assert all(getattr(simulator, name) for name in simulator.__all__)
    assert set(simulator.__all__) <= set(dir(simulator))
    with pytest.raises(AttributeError, match="nothing"):
        _ = simulator.nothing
    assert simulator.Simulator is Simulator
