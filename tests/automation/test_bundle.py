"""What Azure Automation imports: complete, pinned, small enough, and the same bytes each time."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from arm.errors import UsageError
from remediate.deploy.bundle import EARLIEST, LEFT_OUT, MOST_BYTES, ROOMS, Builder, locked, main, read_folder
from remediate.deploy.wheels import MOST_PER_SAVE, Wheel, groups, in_order

from .conftest import ROOT


@pytest.fixture
def manifest(bundle: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    return found


def test_the_manifest_tells_every_file_with_size_and_hash(bundle, manifest):
    told = {one["file"]: one for kind in ("packages", "runbooks", "single", "template") for one in manifest[kind]}
    files = read_folder(bundle)
    assert {*told} == {*files} - {"manifest.json"}
    for name, one in told.items():
        assert (one["bytes"], one["sha256"]) == (len(files[name]), hashlib.sha256(files[name]).hexdigest())


def test_the_manifest_is_what_its_schema_says(manifest):
    schema = json.loads((ROOT / "docs" / "schemas" / "remediate.bundle-1.schema.json").read_text(encoding="utf-8"))
    assert [error.message for error in Draft202012Validator(schema).iter_errors(manifest)] == []


def test_it_stays_under_the_limits_of_a_runtime_environment(manifest):
    assert manifest["package_bytes"] == sum(one["bytes"] for one in manifest["packages"]) < MOST_BYTES / 5
    assert all(len(group) <= MOST_PER_SAVE for group in manifest["groups"])
    assert [name for group in manifest["groups"] for name in group] == [one["name"] for one in manifest["packages"]]
    assert all(one["bytes"] < 1024 * 1024 for kind in ("runbooks", "single") for one in manifest[kind])


def test_every_package_comes_after_those_it_needs_and_none_is_missing(bundle, manifest):
    wheels = {one.name: one for one in map(Wheel.of, (bundle / "packages").glob("*.whl"))}
    done: set[str] = set()
    for name in (one["name"] for one in manifest["packages"]):
        missing = {need for need in wheels[name].needs if need not in done}
        assert missing <= {*LEFT_OUT} | CONDITIONAL, f"{name} needs {missing}"
        done.add(name)
    assert manifest["packages"][-1]["name"] == "azure-backup-remediation"


CONDITIONAL = {"colorama", "async-timeout", "exceptiongroup", "pywin32"}
"""Named only for another system or an older Python."""


def test_every_wheel_fits_python_3_10_on_linux(manifest):
    for one in manifest["packages"]:
        assert re.search(
            r"-(py3|py2\.py3)-none-any\.whl$|-(cp310-cp310|cp3\d-abi3)-.*manylinux.*x86_64\.whl$", one["file"]
        )


def test_no_file_of_it_names_a_package_index(bundle):
    texts = [
        path for path in bundle.rglob("*") if path.suffix in (".json", ".py", ".ps1") and "single" not in path.parts
    ]
    texts.append(ROOT / "azure-automation" / "packages.txt")
    for path in texts:
        assert not re.search(r"pypi|index-url|simple/|files\.pythonhosted", path.read_text(encoding="utf-8")), path


def test_the_same_checkout_gives_the_same_bytes_wherever_it_is(bundle, tmp_path):
    checkout = tmp_path / "checkout"
    for room in (*ROOMS, "simulator", "azure-automation"):
        shutil.copytree(ROOT / room, checkout / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, checkout / name)
    moved = tmp_path / "elsewhere" / "and" / "deeper"
    shutil.copytree(checkout, moved)
    for path in moved.rglob("*.py"):
        os.utime(path, (1, 1))
    found = []
    for number, root in enumerate((checkout, moved)):
        out = tmp_path / str(number) / "azure-automation"
        Builder(root, out, EARLIEST).build(bundle / "packages")
        found.append((read_folder(out), next(out.parent.glob("*.zip")).read_bytes()))
    assert found[0] == found[1]


def test_files_carry_the_time_they_are_told(bundle, tmp_path):
    out = tmp_path / "azure-automation"
    Builder(ROOT, out, 1_767_225_600).build(bundle / "packages")
    with zipfile.ZipFile(next(tmp_path.glob("*.zip"))) as archive:
        assert {one.date_time for one in archive.infolist()} == {(2026, 1, 1, 0, 0, 0)}


def test_a_wheel_with_another_hash_than_the_lock_has_is_refused(bundle, tmp_path):
    name = next((bundle / "packages").glob("certifi-*.whl")).name
    for path in (bundle / "packages").glob("*.whl"):
        data = path.read_bytes()
        (tmp_path / path.name).write_bytes(data + b"x" if path.name == name else data)
    with pytest.raises(UsageError, match="no wheel of certifi with the hash"):
        list(locked(ROOT / "azure-automation" / "packages.txt", tmp_path))


def test_a_folder_that_is_no_bundle_is_not_replaced(bundle, tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear", encoding="utf-8")
    assert main(["--out", str(tmp_path / "mine"), "--wheels", str(bundle / "packages")]) == 2
    assert "is no bundle" in capsys.readouterr().err
    assert (tmp_path / "mine" / "letter.txt").exists()


def test_packages_that_need_each_other_are_in_the_order_of_their_names():
    wheels = [Wheel(name, "1", Path(name), needs) for name, needs in (("b", ("a",)), ("a", ("b",)), ("c", ()))]
    assert [one.name for one in in_order(wheels)] == ["c", "a", "b"]


def test_groups_hold_no_more_than_can_be_saved_at_a_time():
    wheels = [Wheel(f"p{number:02}", "1", Path("x"), ()) for number in range(23)]
    assert [len(group) for group in groups(wheels)] == [10, 10, 3]


def test_the_runbooks_have_no_logic_of_their_own():
    for path in (ROOT / "azure-automation").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) < 25
        assert "main(sys.argv)" in text
