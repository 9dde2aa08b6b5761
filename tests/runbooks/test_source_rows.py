"""Every row of the five source documents that names an error is mapped to that error."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from runbooks import catalogue

ROOT = Path(__file__).resolve().parents[2]
ROWS = catalogue.source_rows()


def knowledge() -> Path:
    """The folder of the project's knowledge: ``KNOWLEDGE``, else ``shared/knowledge`` next to the repository."""
    return Path(os.environ.get("KNOWLEDGE") or ROOT.parent / "shared" / "knowledge")


def test_every_row_of_every_document_names_exactly_one_error():
    assert Counter(document for document, _ in ROWS) == catalogue.DOCUMENTS
    assert sum(catalogue.DOCUMENTS.values()) == len(ROWS) == 103
    assert all(len(ids) == 1 for ids in ROWS.values())


def test_the_rows_of_a_document_are_numbered_without_a_gap():
    for document, count in catalogue.DOCUMENTS.items():
        assert [number for one, number in ROWS if one == document] == list(range(1, count + 1))


def test_a_message_line_belongs_to_the_row_of_its_heading():
    for entry in catalogue.entries():
        headings = {(row.document, row.row) for row in entry.source_rows if row.kind != "message line"}
        assert {(row.document, row.row) for row in entry.source_rows} == headings


def test_forty_five_errors_are_named_by_the_documents():
    assert len({one for ids in ROWS.values() for one in ids}) == 45


def test_every_row_of_the_knowledge_is_mapped_to_the_same_error():
    path = knowledge() / "coverage.json"
    if not path.is_file():
        pytest.skip(f"no {path.name} at {path.parent} (KNOWLEDGE names another place)")
    told = json.loads(path.read_text(encoding="utf-8"))["errors"]
    own = {(row.document, row.row, row.line): entry.id for entry in catalogue.entries() for row in entry.source_rows}
    assert len(told) == 103
    assert {(one["seed"][:3], one["row"]) for one in told} == set(ROWS)
    assert [one for one in told if own.get((one["seed"][:3], one["row"], one["line"])) != one["id"]] == []
