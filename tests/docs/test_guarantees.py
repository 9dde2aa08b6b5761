"""Every guarantee has a test, and every test that the page names exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INTRODUCTION, *SECTIONS, FIGURES = re.split(
    r"^## ", (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8"), flags=re.MULTILINE
)
PROOF = re.compile(r"^  \[`(tests/[\w/]+\.py)::(test_\w+)`\]\((?:\.\./)(tests/[\w/]+\.py)\)$")


def defined_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_page_promises_something():
    assert len(SECTIONS) > 5
    assert "\n* " not in INTRODUCTION
    assert FIGURES.startswith("Figures\n")


@pytest.mark.parametrize("section", SECTIONS, ids=lambda text: text.split("\n")[0])
def test_every_guarantee_names_the_tests_that_prove_it_and_they_exist(section):
    guarantees = section.split("\n* ")[1:]
    assert guarantees
    for guarantee in guarantees:
        sentence, *proofs = guarantee.rstrip().split("\n")
        assert sentence.endswith("."), sentence
        assert proofs, f"nothing proves: {sentence}"
        for proof in proofs:
            found = PROOF.match(proof)
            assert found, proof
            file, name, link = found.groups()
            assert link == file
            assert name in defined_in(ROOT / file), f"{file} has no {name}"
