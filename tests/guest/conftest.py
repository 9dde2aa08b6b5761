from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from .guestroot import LAYOUTS, GuestRoot, reason_against_disks, reason_not_to


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[Callable[..., GuestRoot]]:
    """Make throw-away roots: ``guest()``, ``guest("redhat")``."""
    if reason_not_to():
        pytest.skip(reason_not_to())
    numbers = itertools.count(1)

    def make(layout: str = "debian", size: str = "48m") -> GuestRoot:
        folder = tmp_path / f"root{next(numbers)}"
        folder.mkdir()
        return stack.enter_context(GuestRoot(folder, layout, size))

    with ExitStack() as stack:
        yield make


@pytest.fixture(params=LAYOUTS)
def root(request: pytest.FixtureRequest, guest: Callable[..., GuestRoot]) -> GuestRoot:
    """A throw-away root, once of every layout."""
    return guest(request.param)


@pytest.fixture
def disks() -> None:
    """Skip where there are no loop devices."""
    if reason_against_disks():
        pytest.skip(reason_against_disks())
