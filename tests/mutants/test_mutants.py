"""The checkers are proved: with any one measure of safety removed, the tests that watch over it go red."""

from __future__ import annotations

import pytest

from guards.review import GUARDS

from .kill import survives
from .table import MUTANTS


@pytest.mark.parametrize("name", MUTANTS)
def test_a_measure_that_is_removed_is_missed(name):
    assert survives(MUTANTS[name]) == []


def test_every_guard_has_a_mutant():
    assert {f"no guard {guard.__name__}" for guard in GUARDS} <= set(MUTANTS)


def test_every_mutant_has_a_killer_and_says_what_it_removes():
    assert all(one.killers and one.removes.endswith(".") for one in MUTANTS.values())
