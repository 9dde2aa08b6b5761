"""A script that is not in the wheel cannot run anywhere."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GUEST = ROOT / "actions" / "guest"


def test_every_script_part_and_manifest_is_in_the_package():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^"actions\.guest" = \[(.*?)\]', text, re.MULTILINE)
    assert found
    packaged = {path for glob in re.findall(r'"([^"]+)"', found[1]) for path in GUEST.glob(glob) if path.is_file()}
    there = {path for path in GUEST.rglob("*") if path.suffix in (".sh", ".ps1", ".json")}
    assert len(there) > 80
    assert there - packaged == set()
