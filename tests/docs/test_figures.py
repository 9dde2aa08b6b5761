"""The figures of the campaign on the page are those that the command has printed, and nothing was violated."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema

from remediate.campaign.tally import quick_scenarios

from ..campaign.figures import output, tables

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_output_is_of_the_documented_form():
    schema = json.loads((DOCS / "schemas" / "remediate.campaign-1.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(output())


def test_it_is_of_a_hundred_thousand_seeds_over_all_scenarios_without_a_violation():
    figures = output()
    assert (figures["first_seed"], figures["violations"]) == (0, [])
    assert figures["seeds"] >= 100_000
    assert set(figures["scenarios"]) == set(quick_scenarios())
    assert sum(figures["scenarios"].values()) == figures["seeds"]


def test_the_page_has_these_figures():
    page = (DOCS / "guarantees.md").read_text(encoding="utf-8")
    assert "\n".join(tables(output())) in page
