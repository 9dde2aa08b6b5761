from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from remediate.journal.model import Journal
from remediate.journal.sqlite import SqliteJournal

STORES: dict[str, Callable[[Path], Journal]] = {
    "sqlite": lambda folder: SqliteJournal(folder / "journal.db"),
}
"""Every store keeps the same contract; a new one is added here."""


@pytest.fixture(params=STORES)
def reopen(request, tmp_path) -> Iterator[Callable[[], Journal]]:
    """Opens the same store once more, as another process would."""
    with ExitStack() as stack:

        def opened() -> Journal:
            journal = STORES[request.param](tmp_path)
            stack.callback(journal.close)
            return journal

        yield opened


@pytest.fixture
def journal(reopen) -> Journal:
    return reopen()
