"""What is deployed: the folder that ``make automation-bundle`` has made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arm.credentials import split_url
from arm.errors import UsageError

MANIFEST = "manifest.json"
SCHEMA = "remediate.bundle/1"
OURS = "azure-backup-remediation"


@dataclass(frozen=True)
class Package:
    """One wheel of the bundle."""

    name: str
    version: str
    file: str
    sha256: str


@dataclass(frozen=True)
class Material:
    """A bundle.

    Attributes:
        version: of our own package.
        packages: the wheels, in the order in which they need each other.
        runbooks: texts by the name of the runbook.
        template: the template.
    """

    version: str
    packages: tuple[Package, ...]
    runbooks: Mapping[str, str]
    template: Mapping[str, Any]

    @property
    def mark(self) -> str:
        """The version, and what tells these packages from others of the same version."""
        told = json.dumps([[one.name, one.sha256] for one in self.packages])
        return f"{self.version}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"

    def parameter(self, base: str) -> list[dict[str, str]]:
        """Return the template's parameter ``packages``.

        Args:
            base: address of the folder that has the wheels; a query (a shared access signature) is kept.

        Raises:
            UsageError: it is no https address.
        """
        parts = split_url(base)
        if parts is None or parts.scheme != "https" or parts.fragment:
            raise UsageError(
                "--packages-url is no https address", "Give the folder that the wheels of the bundle were put into."
            )
        query = f"?{parts.query}" if parts.query else ""
        home = f"https://{parts.netloc}{parts.path.rstrip('/')}"
        return [{"name": one.name, "uri": f"{home}/{one.file}{query}", "sha256": one.sha256} for one in self.packages]


def read_material(folder: Path, *, single: bool = False) -> Material:
    """Read a bundle; every file is held against the hash that the manifest has.

    Args:
        folder: where it is.
        single: take the runbooks that have our own package inside, and not our wheel.

    Raises:
        UsageError: it is no bundle, or a file is missing or another one.
    """
    manifest = _json(folder / MANIFEST)
    if manifest.get("schema") != SCHEMA:
        raise UsageError(f"{folder / MANIFEST} is not {SCHEMA}", "Make the bundle: make automation-bundle.")
    packages = tuple(
        Package(one["name"], one["version"], Path(one["file"]).name, one["sha256"])
        for one in manifest["packages"]
        if not (single and one["name"] == OURS)
    )
    texts = {Path(one["file"]).stem: _text(folder, one) for one in manifest["runbooks"]}
    if single:
        texts.update({Path(one["file"]).stem: _text(folder, one) for one in manifest["single"]})
    return Material(manifest["version"], packages, texts, _json(folder / "template.json"))


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or error
        raise UsageError(
            f"{path} cannot be read: {what}", "Make the bundle with 'make automation-bundle', or name it: --bundle."
        ) from error
    return found if isinstance(found, dict) else {}


def _text(folder: Path, entry: Mapping[str, Any]) -> str:
    path = folder / str(entry["file"])
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", "Make the bundle again.") from error
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise UsageError(f"{path} is not the file that {MANIFEST} names", "Make the bundle again.")
    return data.decode("utf-8")
