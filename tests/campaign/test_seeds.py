"""A thousand histories of all scenarios, and those in which something was found once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from remediate.campaign.history import play
from remediate.campaign.tally import played, quick_scenarios

SEEDS, PART = 1000, 25
FOUND = json.loads(Path(__file__).with_name("seeds.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("first", range(0, SEEDS, PART))
def test_nothing_is_violated(first):
    tally = played(range(first, first + PART), quick_scenarios(), first)
    assert tally.seeds == PART
    assert [one.to_json() for one in tally.violations] == []


@pytest.mark.parametrize("found", FOUND, ids=[f"{one['scenarios'][0]}-{one['seed']}" for one in FOUND])
def test_what_was_found_once_does_not_come_again(found):
    assert play(found["seed"], tuple(found["scenarios"])).violations == ()
