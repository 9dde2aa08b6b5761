"""Real processes over a real socket: killed at a boundary, or suspended there until somebody else has gone on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from remediate.engine.lease import LEASE_SECONDS

from ..drill import Drill
from .cases import CASES
from .harness import Case, Point, Programs, Work, differences, next_work, operate, recorded, staged

KILLED = ("lock on loan", "guest script")
CASE = {case.name: case for case in CASES}
SHARDS = 6
PARTS = [pytest.param(CASE[name], shard, id=f"{name} {shard + 1}") for name in KILLED for shard in range(SHARDS)]


def places(case: Case) -> list[Point]:
    """Every boundary of every kind of write of a case, once: where it is reached first."""
    first: dict[tuple[str, str], Point] = {}
    for point in recorded(case)[0].reached:
        first.setdefault((point.operation, point.name), point)
    return list(first.values())


def clock_of(world: Drill, seconds: float) -> Path:
    """The clock of a process of its own: how many seconds have passed since it was started."""
    clock = world.state.with_name("clock")
    clock.write_text(f"{seconds}", encoding="ascii")
    return clock


def start(world: Drill, case: Case, work: Work, stop: int, how: int) -> subprocess.Popen[bytes]:
    told = {"case": case.name, "endpoint": world.endpoint, "state": str(world.state), "vm": world.vm_id}
    told |= {"kind": work.kind, "run": work.run, "now": world.runtime.now().isoformat()}
    told["clock"] = str(clock_of(world, 0))
    command = [sys.executable, "-m", "tests.crash.child", json.dumps({**told, "stop": stop, "signal": how})]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def reach_by(world: Drill, case: Case, programs: Programs, point: Point, how: int) -> subprocess.Popen[bytes]:
    """Let programs go on until the one that will reach the point, and start that one as a process of its own."""
    starts = [number for number in recorded(case)[0].starts if number <= point.number]
    assert not operate(world, programs, len(starts) - 1)
    work = next_work(world, case)
    assert work is not None
    return start(world, case, work, point.number - starts[-1], how)


@pytest.mark.unjudged("the same exchanges as in test_boundaries, where they are judged")
@pytest.mark.parametrize(("case", "shard"), PARTS)
def test_a_process_that_is_killed_at_a_boundary_leaves_a_run_that_another_one_finishes(case, shard):
    for point in places(case)[shard::SHARDS]:
        with staged(case) as world:
            programs = Programs(world, case, sockets=True)
            with reach_by(world, case, programs, point, signal.SIGKILL) as process:
                out, err = process.communicate(timeout=120)
            assert process.returncode == -signal.SIGKILL, (point, out, err)
            operate(world, programs)
            assert differences(world, case, point) == [], point


SUSPENDED = ("after intent", "before send", "after send", "after reply", "before outcome", "before repaying")


@pytest.mark.parametrize("name", SUSPENDED)
def test_a_suspended_process_whose_lease_was_taken_over_sends_nothing_when_it_wakes(name):
    case = CASE["lock on loan"]
    point = next(one for one in places(case) if one.name == name)
    with staged(case) as world:
        programs = Programs(world, case, sockets=True)
        with reach_by(world, case, programs, point, signal.SIGSTOP) as process:
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
            world.pass_time(timedelta(seconds=LEASE_SECONDS + 1))
            operate(world, programs)
            before = list(world.writes)
            clock_of(world, LEASE_SECONDS + 1)
            process.send_signal(signal.SIGCONT)
            process.communicate(timeout=120)
        assert world.writes == before
        assert differences(world, case, point) == []
