"""A simulated Azure with an empty resource group, and a small bundle."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from remediate.deploy.choices import Choices
from remediate.deploy.deployment import Deployment
from remediate.deploy.material import Material, read_material
from remediate.deploy.removal import Removal
from remediate.deploy.steps import Carrier, Step
from remediate.deploy.target import find_place

from ..drill import Drill

ROOT = Path(__file__).resolve().parents[2]
GROUP = "rg-remediate"
PACKAGES = "https://packages.example/wheels?sv=1&sig=secret"


def write_bundle(folder: Path, version: str = "1.0", word: str = "one") -> Path:
    """Write what ``make automation-bundle`` would, but small."""
    (folder / "runbooks").mkdir(parents=True, exist_ok=True)
    home = ROOT / "azure-automation"
    scripts = []
    for path in sorted((*home.glob("*.py"), *home.glob("*.ps1"))):
        text = f"# {word}\n{path.read_text(encoding='utf-8')}"
        (folder / "runbooks" / path.name).write_text(text, encoding="utf-8", newline="\n")
        digest = hashlib.sha256(text.encode()).hexdigest()
        scripts.append({"file": f"runbooks/{path.name}", "bytes": len(text), "sha256": digest})
    names = {"azure-core": "1.41.0", "click": "8.5.1", "azure-backup-remediation": version}
    packages = [
        {
            "name": name,
            "version": number,
            "file": f"packages/{name.replace('-', '_')}-{number}-py3-none-any.whl",
            "sha256": hashlib.sha256(f"{name}{number}{word}".encode()).hexdigest(),
        }
        for name, number in names.items()
    ]
    manifest = {"schema": "remediate.bundle/1", "version": version, "packages": packages, "runbooks": scripts}
    (folder / "manifest.json").write_text(json.dumps({**manifest, "single": scripts}), encoding="utf-8")
    (folder / "template.json").write_text((home / "template.json").read_text(encoding="utf-8"), encoding="utf-8")
    return folder


@dataclass
class Site:
    """A resource group to deploy into."""

    drill: Drill
    folder: Path
    choices: Choices = field(
        default_factory=lambda: Choices(account="remediate", storage="remediatejournal", packages_url=PACKAGES)
    )

    @property
    def world(self) -> Any:
        return self.drill.simulator.world

    @property
    def group_id(self) -> str:
        found: str = self.world.resources.group_id(GROUP)
        return found

    @property
    def account_id(self) -> str:
        return f"{self.group_id}/providers/Microsoft.Automation/automationAccounts/{self.choices.account}"

    @property
    def storage_id(self) -> str:
        return f"{self.group_id}/providers/Microsoft.Storage/storageAccounts/{self.choices.storage}"

    @property
    def writes(self) -> list[dict[str, Any]]:
        return [one for one in self.drill.simulator.requests if one["write"]]

    def material(self) -> Material:
        return read_material(self.folder)

    def deployment(self, *, read_only: bool = False, **choices: Any) -> Deployment:
        session = self.drill.session(read_only=read_only)
        place = find_place(session, "", GROUP)
        return Deployment(session, place, self.material(), replace(self.choices, **choices))

    def plan(self, **choices: Any) -> list[Step]:
        return list(self.deployment(read_only=True, **choices).steps())

    def deploy(self, **choices: Any) -> list[Step]:
        deployment = self.deployment(**choices)
        return list(carried_out(deployment.session, deployment.steps()))

    def removal(self, *, read_only: bool = False, with_journal: bool = False) -> Removal:
        session = self.drill.session(read_only=read_only)
        return Removal(session, find_place(session, "", GROUP), self.choices, with_journal=with_journal)

    def undo(self, *, with_journal: bool = False) -> tuple[list[Step], list[str]]:
        removal = self.removal(with_journal=with_journal)
        return list(carried_out(removal.session, removal.steps())), removal.kept

    def item(self, path: str) -> Any:
        return self.world.automation.find(f"{self.account_id}/{path}".rstrip("/"))

    def everything(self) -> set[str]:
        """The ids of all that a deployment could make."""
        world = self.world
        roles = world.authorization.roles
        return {
            *world.automation.items,
            *world.monitor.items,
            *world.storage.items,
            *world.inventory.resources,
            *roles.assignments,
            *(guid for guid, role in roles.definitions.items() if role.custom),
            *world.resources.groups,
        }


def carried_out(session: Any, steps: Iterator[Step]) -> Iterator[Step]:
    carrier = Carrier(session)
    for step in steps:
        carrier.carry_out(step)
        yield step
    carrier.settle()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        drill = Drill("rp-collection-limit", tmp_path, stack)
        drill.simulator.world.resources.add_group(GROUP, "westeurope")
        drill.pass_time(timedelta(minutes=1))
        yield Site(drill, write_bundle(tmp_path / "bundle"))
