"""Stopped for good at any boundary, a run is finished by whoever comes after, as if nothing had happened."""

from __future__ import annotations

import pytest

from arm.writes import OPERATIONS
from remediate.engine import boundaries
from remediate.engine.boundaries import BEFORE_SEND, BOUNDARIES, PROBING, RECOVERING

from .cases import CASES
from .figures import covered, twice
from .harness import recorded, stopped_at

SHARDS = 4
NAMES = [one.name for one in BOUNDARIES]
PARTS = [pytest.param(case, shard, id=f"{case.name} {shard + 1}") for case in CASES for shard in range(SHARDS)]


@pytest.mark.unjudged("the same exchanges as without a stop, which are judged below, many hundred times over")
@pytest.mark.parametrize(("case", "shard"), PARTS)
def test_a_run_that_is_stopped_at_a_boundary_ends_as_without_the_stop(case, shard):
    for point in recorded(case)[0].reached[shard::SHARDS]:
        assert stopped_at(case, point.number) == [], point


@pytest.mark.unjudged("the same exchanges as without a stop, which are judged below, many hundred times over")
@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES if not case.otherwise])
def test_a_run_whose_second_program_is_stopped_too_ends_as_without_the_stops(case):
    for first, second in twice(case):
        assert stopped_at(case, first.number, second.number) == [], (first, second)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in CASES])
def test_no_write_leaves_but_right_after_the_boundary_before_a_send(case):
    programs, _, writes = recorded(case)
    assert [last for _, last in programs.sent] == [BEFORE_SEND] * len(writes)
    assert set(programs.answered) <= {"after send", PROBING, "between attempts", "before outcome"}


def test_every_boundary_of_the_table_is_one_that_programs_are_stopped_at():
    assert sorted(covered()) == sorted(NAMES)


def test_every_kind_of_write_is_stopped_at_every_boundary_around_its_send():
    around = {"after intent", "before send", "after send", "after reply", "after accepted", "before outcome"}
    stopped = {(point.operation, point.name) for case in CASES for point in recorded(case)[0].reached}
    missing = {(operation, name) for operation in OPERATIONS for name in around} - stopped
    assert {one for one in missing if one[1] != "after intent"} == set()


def test_the_table_has_every_boundary_once_and_says_what_is_so_there():
    constants = {value for name, value in vars(boundaries).items() if name.isupper() and isinstance(value, str)}
    assert sorted(NAMES) == sorted(constants)
    assert all(one.there.endswith(".") for one in BOUNDARIES)
    assert RECOVERING in NAMES
