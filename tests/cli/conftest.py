from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from remediate.cli.app import status_of

from ..drill import Drill


@dataclass
class Said:
    """What a command printed, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def remediate(capsys, monkeypatch) -> Callable[..., Said]:
    """Run the command line in this process: ``remediate(world, "runs")``; waiting moves the simulated clock."""

    def call(world: Drill | None, *arguments: str) -> Said:
        words = list(arguments)
        if world is not None:
            monkeypatch.setattr("remediate.cli.door.system_runtime", lambda: world.runtime)
            monkeypatch.setenv("REMEDIATE_ARM_ENDPOINT", world.endpoint)
            monkeypatch.setenv("REMEDIATE_STATE", str(world.state))
        capsys.readouterr()
        status = status_of(words)
        said = capsys.readouterr()
        return Said(status, said.out, said.err)

    return call
