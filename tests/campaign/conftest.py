from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .test_invariants import Forge


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    """A history that nobody plays, with its court."""
    found = Forge(tmp_path)
    yield found
    found.court.books.close()
    found.world.close()
