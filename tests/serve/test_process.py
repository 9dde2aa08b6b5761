"""The server as a process of its own: what it has answered with 202 outlives it, and it ends when it is told to."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from remediate.serve.deliveries import left_over

from ..alerts.samples import OURS, built_in
from ..docs.test_schemas import validated
from ..drill import Drill
from .conftest import SECRET

LONG = 60
SERVE = (sys.executable, "-c", "from remediate.cli import main; main()", "serve")


@dataclass
class Process:
    child: subprocess.Popen[str]
    url: str

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            headers = {"X-Remediate-Secret": SECRET}
            return session.request(method, f"{self.url}{path}", headers=headers, timeout=LONG, **more)


@contextmanager
def process(world: Drill, folder: Path, *words: str, **environment: str) -> Iterator[Process]:
    secret = folder / "secret"
    secret.write_text(f"{SECRET}\n", encoding="utf-8")
    command = [*SERVE, "--port", "0", "--secret-file", str(secret)]
    command += ["--arm-endpoint", world.endpoint, "--state", str(world.state), "--wait", "0s", "--log-json", *words]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("REMEDIATE_", "IDENTITY_"))}
    log = (folder / "log").open("a", encoding="utf-8")
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=log, text=True, cwd=folder, env={**clean, **environment}
    )
    assert child.stdout is not None
    try:
        line = child.stdout.readline()
        assert line, (folder / "log").read_text(encoding="utf-8")
        yield Process(child, validated(json.loads(line), "remediate.serving/1")["url"])
    finally:
        if child.poll() is None:
            child.kill()
        child.wait(LONG)
        child.stdout.close()
        log.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    with ExitStack() as stack:
        yield lambda world, *words, **more: stack.enter_context(process(world, tmp_path, *words, **more))


def slow(world: Drill) -> None:
    """Let Azure answer nothing for a while, so that a worker is still at it."""
    world.fault("timeout_before", path="/backupJobs/", seconds=20, times=None)


def test_a_delivery_outlives_a_kill_right_after_its_202(drill, start):
    world = drill()
    slow(world)
    first = start(world, "--mode", "repair")
    answer = first.call("POST", "/alerts", json=built_in())
    first.child.send_signal(signal.SIGKILL)
    assert first.child.wait(LONG) == -signal.SIGKILL
    assert answer.status_code == 202
    assert [one.id for one in left_over(world.journal())] == [answer.json()["id"]]
    assert world.writes == []
    world.simulator.faults.active.clear()
    second = start(world, "--mode", "repair")
    found: dict[str, Any] = {}
    while found.get("attempts") != 1:
        found = second.call("GET", answer.headers["Location"]).json()
    assert [one["result"] for one in found["alerts"]] == ["taken"]
    assert [run.runbook for run in world.journal().runs(10)] == [OURS.code]
    again = second.call("POST", "/alerts", json=built_in())
    assert again.json()["id"] == answer.json()["id"]
    assert len(world.journal().runs(10)) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_0_when_it_is_told_to_and_takes_nothing_more(drill, start, number):
    world = drill()
    here = start(world)
    assert here.call("GET", "/healthz").status_code == 200
    here.child.send_signal(number)
    assert here.child.wait(LONG) == 0
    with pytest.raises(requests.ConnectionError):
        here.call("GET", "/healthz")


def test_a_repair_that_is_going_on_parks_when_the_server_ends_and_the_next_one_goes_on(drill, start):
    world = drill()
    here = start(world, "--mode", "repair", "--wait", "10m")
    answer = here.call("POST", "/alerts", json=built_in())
    while not world.writes:
        pass
    here.child.send_signal(signal.SIGTERM)
    assert here.child.wait(LONG) == 0
    (run,) = world.journal().runs(10)
    assert (run.status, run.verdict) == ("open", "Pending")
    assert run.reason.startswith("the job was told to stop") or run.next_check_at is not None
    after = start(world, "--mode", "repair")
    found = after.call("GET", answer.headers["Location"]).json()
    assert found["runs"] == [] or found["runs"][0]["id"] == run.id


def test_no_secret_is_in_the_log_or_on_the_command_line(drill, start, tmp_path: Path):
    world = drill()
    here = start(world, "--verbose", REMEDIATE_SLACK_URL="http://127.0.0.1:9/T000/B000/slack-secret")
    answer = here.call("POST", "/alerts", json=built_in())
    while here.call("GET", answer.headers["Location"]).json()["attempts"] != 1:
        pass
    command = Path(f"/proc/{here.child.pid}/cmdline")
    shown = command.read_text(encoding="utf-8") if command.exists() else ""
    here.child.send_signal(signal.SIGTERM)
    assert here.child.wait(LONG) == 0
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert "nobody was told through Slack: ConnectionError" in log
    for text in (log, shown, world.state.read_bytes().decode("latin-1")):
        assert SECRET not in text
        assert "slack-secret" not in text
    for line in log.splitlines():
        json.loads(line)
