from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from .drill import Drill

pytest_plugins = ["tests.judges.plugin"]


@pytest.fixture
def drill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Drill]]:
    """Start a drill: ``drill("rp-collection-limit")``."""
    for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "REMEDIATE_ARM_ENDPOINT", "REMEDIATE_CA", "REMEDIATE_STATE"):
        monkeypatch.delenv(name, raising=False)
    with ExitStack() as stack:
        yield lambda scenario="rp-collection-limit", seed=0: Drill(scenario, tmp_path, stack, seed)
