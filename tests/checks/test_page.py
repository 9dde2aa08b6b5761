"""The checks as data, and their page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from arm.facts.collect import VmFacts
from arm.facts.permissions import READS
from remediate.render.checks import checks_page
from runbooks.checks import CHECKS, Where
from runbooks.checks.sections import sections

from ..runbooks.test_source_rows import knowledge

ROOT = Path(__file__).resolve().parents[2]
NEW = {"CHK-DISK-SUPPORT", "CHK-POLICY-DENY", "CHK-ROOT-SPACE", "CHK-TIME-SYNC", "CHK-ASYNC-MOVE"}
"""Those that only the newer documents ask for."""
OF_ERRORS = {
    *("CHK-FILESYSTEMS", "CHK-VMBACKUP-CONF", "CHK-SELINUX", "CHK-SCRIPTS"),
    *("CHK-MACHINEKEYS", "CHK-STRONG-CRYPTO", "CHK-VCREDIST", "CHK-BITLOCKER"),
}
"""Those that only the causes of errors inside the VM ask for."""


def test_the_page_is_current():
    assert (ROOT / "docs" / "checks.md").read_text(encoding="utf-8") == checks_page(), "run 'make docs'"


def test_there_are_33_checks_of_the_source_documents_5_of_newer_ones_and_8_of_errors_inside_the_vm():
    ids = [check.id for check in CHECKS]
    assert len(set(ids)) == len(ids) == 33 + len(NEW) + len(OF_ERRORS)
    assert set(ids) >= NEW | OF_ERRORS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_a_check_says_what_is_expected_why_and_where_that_is_documented(check):
    assert all((check.title, check.expected, check.why, check.source))
    assert check.why.endswith(".")
    assert "—" not in f"{check.title}{check.expected}{check.why}{check.source}{check.inside}"
    assert {"facts": set(check.facts) - set(READS)} == {"facts": set()}
    assert all(hasattr(VmFacts, name) for name in check.facts)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
def test_what_the_guest_has_to_tell_says_how_to_look(check):
    assert bool(check.inside) is (check.where is not Where.ARM)
    assert not (check.fleet and check.where is Where.GUEST)


def test_every_section_of_the_source_documents_has_its_checks_and_every_check_of_them_a_section():
    ids = {check.id for check in CHECKS}
    answered = {name for section in sections() for name in section.checks}
    assert all(section.checks for section in sections())
    assert answered == ids - NEW - OF_ERRORS
    assert [(one.document, one.line) for one in sections()] == sorted((one.document, one.line) for one in sections())


def test_the_sections_are_those_of_the_knowledge():
    path = knowledge() / "coverage.json"
    if not path.is_file():
        pytest.skip(f"no {path.name} at {path.parent} (KNOWLEDGE names another place)")
    told = json.loads(path.read_text(encoding="utf-8"))["non_errors"]
    assert len(told) == 75
    own = {(one.document, one.line): one.checks for one in sections()}
    assert {(one["seed"][:3], one["line"]): tuple(one["checks"]) for one in told} == own
