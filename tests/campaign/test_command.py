"""``remediate simulate campaign``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from remediate.campaign import tally
from remediate.campaign.tally import Broken, Tally, campaign
from remediate.cli.app import status_of

from ..docs.test_schemas import validated

FEW = ("simulate", "campaign", "--seeds", "3", "--workers", "1", "--scenario", "rp-collection-limit")


def test_the_text_tells_what_was_played_and_found(capsys):
    assert status_of([*FEW, "--from", "5"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("3 histories (seeds 5 to 7) of 1 scenarios")
    assert "\n  violations      0\n" in told


def test_the_json_is_as_its_schema_says(capsys):
    assert status_of([*FEW, "-o", "json"]) == 0
    told = validated(json.loads(capsys.readouterr().out), "remediate.campaign/1")
    assert (told["first_seed"], told["seeds"], told["scenarios"]) == (0, 3, {"rp-collection-limit": 3})
    assert told["requests"] > told["writes"] > 0
    assert told["violations"] == []


def test_every_event_is_printed_when_asked_for(capsys):
    assert status_of([*FEW, "-v"]) == 0
    told = capsys.readouterr().out
    events = int(told.split("events")[1].split()[0].replace(",", ""))
    assert sum(1 for line in told.splitlines() if line[:6].isdecimal() and line[7:11] == "2026") == events


def test_a_violation_is_shown_with_its_seed_and_its_last_events_and_is_the_exit_status(capsys, monkeypatch):
    found = Tally(9, 1, violations=[Broken(9, "healthy", "locks_are_as_found", "a lock is away", 3, ("one", "two"))])
    monkeypatch.setattr(tally, "played", lambda *_: found)
    assert status_of(["simulate", "campaign", "--seeds", "1", "--from", "9"]) == 1
    told = capsys.readouterr().out
    assert "seed 9 (healthy), event 3: locks_are_as_found\n  a lock is away\n  | one\n  | two\n" in told
    assert status_of(["simulate", "campaign", "--seeds", "1", "--from", "9", "-o", "json"]) == 1
    told = validated(json.loads(capsys.readouterr().out), "remediate.campaign/1")
    assert [(one["seed"], one["last"]) for one in told["violations"]] == [(9, ["one", "two"])]


def test_an_unknown_scenario_is_a_usage_error(capsys):
    assert status_of(["simulate", "campaign", "--scenario", "rp-collection-limits"]) == 2
    assert "did you mean rp-collection-limit" in capsys.readouterr().err


def test_a_long_campaign_says_on_stderr_how_far_it_is(capsys, monkeypatch):
    monkeypatch.setattr(tally, "SHOWN", tally.CHUNK)
    words = ("simulate", "campaign", "--seeds", "24", "--workers", "2", "--scenario", "healthy", "-o", "json")
    assert status_of([*words]) == 0
    told = capsys.readouterr()
    assert [line.split(",")[0] for line in told.err.splitlines()] == ["8 of 24 histories", "16 of 24 histories"]
    assert json.loads(told.out)["seeds"] == 24


def test_several_processes_find_what_one_finds():
    alone, together = campaign(40, 20, workers=1), campaign(40, 20, workers=2)
    alone.took = together.took = 0
    assert alone.to_json() == together.to_json()


def test_every_kind_of_fault_and_every_happening_is_on_the_page():
    from remediate.campaign.happenings import ALL
    from remediate.campaign.weather import KINDS

    page = (Path(__file__).resolve().parents[2] / "docs" / "campaign.md").read_text(encoding="utf-8")
    missing = [name for name in KINDS if f"`{name}`" not in page]
    missing += [act.__name__ for _, act, _ in ALL if act.__name__.replace("_", " ") not in page]
    assert missing == []


@pytest.mark.parametrize("group", ["ALWAYS", "ON_WRITE", "ON_REPORT", "AT_REST"])
def test_every_invariant_is_on_the_page(group):
    from remediate.campaign import invariants

    page = (Path(__file__).resolve().parents[2] / "docs" / "campaign.md").read_text(encoding="utf-8")
    assert [one.__name__ for one in getattr(invariants, group) if f"`{one.__name__}`" not in page] == []
