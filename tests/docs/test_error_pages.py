"""The pages of ``docs/errors`` are those that ``make docs`` makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from remediate.docs import pages, write
from runbooks.catalogue import entries

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "errors"
MADE = pages()


def test_every_error_has_a_page_and_nothing_else_has():
    assert (
        {path.name for path in FOLDER.iterdir()} == set(MADE) == {"README.md", *(f"{one.id}.md" for one in entries())}
    )


@pytest.mark.parametrize("name", MADE)
def test_a_page_is_current(name):
    assert (FOLDER / name).read_text(encoding="utf-8") == MADE[name], "run 'make docs'"


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.id)
def test_a_page_says_what_is_known_of_its_error(entry):
    page, index = MADE[f"{entry.id}.md"], MADE["README.md"]
    assert page.startswith(f"# {entry.id}\n")
    assert f"({entry.id}.md)" in index
    assert "—" not in page
    for heading in ("Messages in English", "Why it happens", "What Microsoft says to do", "Permissions", "Sources"):
        assert f"\n## {heading}\n" in page
    for row in entry.source_rows:
        assert f"| {row.document} ({row.language}) | {row.row} | {row.line} |" in page


def test_a_page_of_an_error_that_is_gone_is_removed(tmp_path):
    (tmp_path / "NoLongerKnown.md").write_text("# NoLongerKnown\n")
    write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(MADE)
