"""``resume`` and ``cancel`` on the command line, and a process that is told to end while a lock is on loan."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta

import pytest

from remediate.engine.model import Verdict

from ..drill import CODE, Drill
from ..engine.test_faults import finish_from
from ..engine.test_loans import SCENARIO, loaned, truth
from .test_stopped import START

JSON = ("-o", "json")


def on_loan(world: Drill, remediate) -> str:
    """Begin a run that takes the lock away, and return its id."""
    plan = remediate(world, CODE, "--vm", "web-01", "--dry-run", *JSON).json["plan"]
    run = remediate(world, CODE, "--vm", "web-01", "--approve", plan["digest"], *JSON).json["run"]
    assert truth(world)[0] == {}
    return run


def lost(world: Drill, remediate, monkeypatch) -> None:
    """Lose the machine with its journal, after a lock was taken on loan."""
    on_loan(world, remediate)
    world.state = world.state.with_name("another.db")
    world.pass_time(timedelta(hours=25))


def test_a_lock_of_a_lost_run_is_shown_and_asked_about_and_put_back(drill, remediate, monkeypatch):
    world = loaned(drill)
    lost(world, remediate, monkeypatch)
    shown = remediate(world, "resume", "--adopt", "--dry-run")
    assert shown.status == 0
    assert "put the CanNotDelete lock" in shown.out
    assert remediate(world, "resume", "--adopt").status == 4
    assert truth(world)[0] == {}
    ready = world.server.ready
    assert remediate(world, "resume", "--adopt", "--yes", "--subscription", ready["subscription"]).status == 0
    assert truth(world) == world.before
    assert "no run is parked here" in remediate(world, "resume", "--adopt", "--yes").out


@pytest.mark.parametrize(
    "words", [("--adopt", "some-run"), ("--dry-run",), ("--subscription", "s"), ("--approve", "d")]
)
def test_options_that_do_not_go_together_are_refused(drill, remediate, words):
    assert remediate(drill(), "resume", *words).status == 2


def test_a_sweep_goes_on_with_a_run_whose_process_has_ended_though_it_is_not_due(drill, remediate):
    world = drill()
    run = remediate(world, CODE, "--vm", "web-01", "--yes", *JSON).json["run"]
    (due,) = [one for one in world.journal().open_runs() if one.id == run]
    world.fault("status", status=503, method="GET", path="backupJobs", times=None)
    assert remediate(world, "resume", run, "--now").status == 6
    world.simulator.faults.active.clear()
    assert world.simulator.world.clock.now < due.next_check_at
    said = remediate(world, "resume", *JSON).json["reports"]
    assert [one["verdict"] for one in said] == ["Pending"]
    journal = world.journal().records(run)
    assert journal[-1].kind == "parked"


def test_an_error_in_one_run_does_not_keep_a_sweep_from_the_next(drill, remediate):
    world = drill()
    remediate(world, CODE, "--vm", "web-01", "--yes")
    world.fault("status", status=503, times=None)
    assert remediate(world, "resume", "--now").status == 6


def test_a_run_is_cancelled_and_its_lock_is_back(drill, remediate):
    world = loaned(drill)
    run = on_loan(world, remediate)
    said = remediate(world, "cancel", run[:12])
    assert said.status == 1
    assert "cancelled by the operator" in said.out
    assert truth(world) == world.before
    assert remediate(world, "cancel", "nothing").status == 2


@pytest.mark.parametrize(("how", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=str)
def test_a_process_that_is_told_to_end_gives_the_lock_back_first(drill, remediate, how, status):
    world = loaned(drill)
    digest = remediate(world, CODE, "--vm", "web-01", "--dry-run", *JSON).json["plan"]["digest"]
    world.fault("timeout_after", method="POST", path="/backup$", seconds=60)
    reached = threading.Event()
    handle = world.simulator.handle

    def watching(request):
        response = handle(request)
        if request.path.endswith("/backup"):
            reached.set()
        return response

    world.simulator.handle = watching
    environment = {**os.environ, "REMEDIATE_STATE": str(world.state), "REMEDIATE_ARM_ENDPOINT": world.endpoint}
    command = [sys.executable, "-c", START, CODE, "--vm", "web-01", "--approve", digest]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert reached.wait(60), process.communicate()
        process.send_signal(how)
        _, err = process.communicate(timeout=60)
    assert process.returncode == status, err
    assert b"Traceback" not in err
    assert truth(world) == world.before
    world.simulator.handle = handle
    (run,) = world.journal().open_runs()
    report = finish_from(world, world.resume(run.id))
    assert report.stand.verdict in (Verdict.FIXED, Verdict.NEEDS_APPROVAL)
    assert len([one for one in world.effects if one.endswith("/backup")]) <= 2


def test_the_scenario_of_these_tests_has_one_lock_on_loan(drill):
    assert len(drill(SCENARIO).simulator.world.authorization.locks) == 1
