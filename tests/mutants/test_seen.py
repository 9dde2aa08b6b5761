"""The campaign sees every measure that is removed: one recorded history for each shows it."""

from __future__ import annotations

import pytest

from .campaign import broken, recorded, sound
from .table import MUTANTS

SEEN = recorded()


def test_a_history_is_recorded_for_every_mutant_and_for_nothing_else():
    assert list(SEEN) == list(MUTANTS)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_history_is_sound_with_the_measure_and_broken_without_it(name):
    seen = SEEN[name]
    assert seen.seed is not None
    assert sound(seen.seed, seen.scenarios)
    assert broken(MUTANTS[name], seen.seed, seen.scenarios) == seen.invariant
