"""A job parks well before its time is over, and when it is told to stop; what is on loan is given back first."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest

from arm.runtime import Runtime, system_runtime
from remediate.automation.deadline import GOES_ON_AFTER, Deadline, told_to_stop
from remediate.engine.boundaries import (
    AFTER_NEXT_STEP,
    AFTER_REPAID,
    BEFORE_INTENT,
    BEFORE_REPAYING,
    BEFORE_SEND,
    BOUNDARIES,
    POLLING,
    VERIFYING,
)
from remediate.engine.execute import Parked

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=timezone.utc)
PARKS = {BEFORE_INTENT, POLLING, VERIFYING}


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def deadline(clock: Clock) -> Iterator[Deadline]:
    deadline = Deadline(clock, 100, lambda: NOW)
    yield deadline
    deadline.close()


@pytest.fixture
def runtime(deadline: Deadline) -> Runtime:
    return deadline.on(system_runtime())


def test_nothing_is_parked_as_long_as_there_is_time(runtime):
    for boundary in BOUNDARIES:
        runtime.reach(boundary.name)
    runtime.sleep(0)


def test_a_wait_that_would_last_longer_than_the_job_parks_at_once(runtime, clock):
    clock.seconds = 90
    with pytest.raises(Parked, match="the job's time is over") as parked:
        runtime.sleep(11)
    assert parked.value.until == NOW + GOES_ON_AFTER


@pytest.mark.parametrize("boundary", BOUNDARIES, ids=lambda one: one.name)
def test_after_the_deadline_a_run_parks_only_where_nothing_is_half_done(runtime, clock, boundary):
    clock.seconds = 101
    if boundary.name in PARKS:
        with pytest.raises(Parked):
            runtime.reach(boundary.name)
    else:
        runtime.reach(boundary.name)


def test_what_is_on_loan_is_given_back_after_the_deadline(runtime, deadline):
    deadline.stop()
    runtime.reach(BEFORE_REPAYING)
    for boundary in (BEFORE_INTENT, BEFORE_SEND, POLLING):
        runtime.reach(boundary)
    runtime.sleep(0.001)
    runtime.reach(AFTER_REPAID)
    with pytest.raises(Parked, match="told to stop"):
        runtime.reach(BEFORE_INTENT)


def test_a_repayment_that_fails_does_not_lift_the_deadline_from_what_comes_next(runtime, deadline):
    runtime.reach(BEFORE_REPAYING)
    deadline.stop()
    runtime.reach(AFTER_NEXT_STEP)
    with pytest.raises(Parked):
        runtime.reach(POLLING)


def test_being_told_to_stop_ends_a_wait_of_any_length(runtime, deadline):
    deadline.stop()
    assert deadline.left == 0
    with pytest.raises(Parked, match="the job was told to stop"):
        runtime.sleep(50)


def test_the_signal_ends_a_wait_and_is_given_back_afterwards(clock):
    deadline = Deadline(clock, 1_000, lambda: NOW)
    before = signal.getsignal(signal.SIGTERM)
    with told_to_stop(deadline):
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Parked):
            deadline.on(system_runtime()).sleep(900)
    assert signal.getsignal(signal.SIGTERM) is before
    deadline.close()


def test_time_is_told_by_azure_once_it_is_known(deadline):
    later = NOW + timedelta(hours=1)
    deadline.now = lambda: later
    assert deadline.parked().until == later + GOES_ON_AFTER
