"""Killed or interrupted anywhere, the journal is one from which the run goes on, and nothing is written twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from remediate.engine.model import Verdict

from ..drill import CODE
from ..engine.test_faults import finish_from

PLACES = {
    "while the facts are read": ("GET", "restorePointCollections/", "timeout_before", 0),
    "before the lock's removal takes effect": ("DELETE", "/locks/", "timeout_before", 0),
    "after the lock's removal has taken effect": ("DELETE", "/locks/", "timeout_after", 0),
    "before the first backup is started": ("POST", "/backup$", "timeout_before", 0),
    "after the first backup was started": ("POST", "/backup$", "timeout_after", 0),
    "while the operation is polled": ("GET", "operationsStatus|backupOperations", "timeout_before", 0),
    "while the job is watched": ("GET", "backupJobs/", "timeout_before", 1),
}
START = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # where the tests run in the background, it is ignored
from remediate.cli import main
main()
"""


def stop_there(world, place: str, how: int) -> int:
    """Run the real command in a process of its own, stop it when it is at that place, and return its status."""
    method, path, kind, skip = PLACES[place]
    world.fault(kind, method=method, path=path, skip=skip, seconds=60)
    reached = threading.Event()
    handle = world.simulator.handle

    def watching(request):
        response = handle(request)
        if any(one["fault"] == kind for one in world.simulator.requests):
            reached.set()
        return response

    world.simulator.handle = watching
    environment = {**os.environ, "REMEDIATE_STATE": str(world.state), "REMEDIATE_ARM_ENDPOINT": world.endpoint}
    command = [sys.executable, "-c", START, CODE, "--vm", "web-01", "--yes"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert reached.wait(60), process.communicate()
        process.send_signal(how)
        _, err = process.communicate(timeout=60)
    assert b"Traceback" not in err
    world.simulator.handle = handle
    world.simulator.faults.active.clear()
    return process.returncode


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM], ids=lambda one: one.name)
@pytest.mark.parametrize("place", PLACES)
def test_a_stopped_run_goes_on_and_writes_nothing_twice(drill, place, how):
    world = drill()
    status = stop_there(world, place, how)
    if how is signal.SIGINT:
        assert status == 130
    runs = world.journal().open_runs()
    report = world.resume(runs[0].id) if runs else world.repair()
    report = finish_from(world, report)
    assert report.stand.verdict is Verdict.FIXED, report.stand
    assert [effect.split()[0] for effect in world.effects] == ["DELETE", "POST", "POST"]
    assert world.journal().open_runs() == []
