"""The figures of the campaigns on the page are those that the command has printed, and nothing was violated."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from remediate.campaign.tally import quick_scenarios
from simulator import SCENARIOS

from ..campaign.figures import CAMPAIGN, LINUX, output, tables

DOCS = Path(__file__).resolve().parents[2] / "docs"
QUICK = frozenset(quick_scenarios())


@pytest.mark.parametrize("file", [CAMPAIGN, LINUX])
def test_the_output_is_of_the_documented_form(file):
    schema = json.loads((DOCS / "schemas" / "remediate.campaign-1.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(output(file))


@pytest.mark.parametrize(
    ("file", "seeds", "scenarios"), [(CAMPAIGN, 100_000, QUICK), (LINUX, 1_000, frozenset(SCENARIOS) - QUICK)]
)
def test_it_is_of_so_many_seeds_over_all_such_scenarios_without_a_violation(file, seeds, scenarios):
    figures = output(file)
    assert (figures["first_seed"], figures["violations"]) == (0, [])
    assert figures["seeds"] >= seeds
    assert set(figures["scenarios"]) == scenarios
    assert sum(figures["scenarios"].values()) == figures["seeds"]


def test_the_page_has_these_figures():
    page = (DOCS / "guarantees.md").read_text(encoding="utf-8")
    assert "\n".join(tables(output(CAMPAIGN), output(LINUX))) in page
