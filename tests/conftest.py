from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from .drill import Drill

pytest_plugins = ["tests.judges.plugin"]
settings.register_profile("no wall clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no wall clock")


@pytest.fixture
def drill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Drill]]:
    """Start a drill: ``drill("rp-collection-limit")``."""
    for name in (
        "IDENTITY_ENDPOINT",
        "IDENTITY_HEADER",
        "REMEDIATE_ARM_ENDPOINT",
        "REMEDIATE_CA",
        "REMEDIATE_STATE",
        "REMEDIATE_CONFIG",
    ):
        monkeypatch.delenv(name, raising=False)
    numbers = itertools.count(1)

    def start(scenario: str = "rp-collection-limit", seed: int = 0) -> Drill:
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        return Drill(scenario, folder, stack, seed)

    with ExitStack() as stack:
        yield start
