from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from arm.runtime import Runtime, system_runtime
from remediate.journal.model import Journal
from remediate.journal.stores import open_journal

from ..azurite import azurite

TABLES = itertools.count(1)
STORES = ("sqlite", "table")
"""Every store keeps the same contract; a new one is added here."""


def awake() -> Runtime:
    """The runtime of a store that does not wait between its attempts."""
    real = system_runtime()
    return Runtime(now=real.now, sleep=lambda _seconds: None, new_id=real.new_id)


@pytest.fixture(scope="session")
def account(tmp_path_factory) -> Iterator[str]:
    """URL of a storage account's table service: Azurite's."""
    with azurite(tmp_path_factory.mktemp("azurite")) as url:
        yield url


@pytest.fixture
def table(account) -> str:
    """URL of a table that is not there yet."""
    return f"{account}/journal{next(TABLES)}"


@pytest.fixture(params=STORES)
def state(request, tmp_path) -> str:
    """A place for a journal where none is yet, in every kind of store."""
    return request.getfixturevalue("table") if request.param == "table" else str(tmp_path / "journal.db")


@pytest.fixture
def reopen(state) -> Iterator[Callable[[], Journal]]:
    """Opens the same store once more, as another process would."""
    with ExitStack() as stack:

        def opened() -> Journal:
            journal = open_journal(state, runtime=awake())
            stack.callback(journal.close)
            return journal

        yield opened


@pytest.fixture
def journal(reopen) -> Journal:
    return reopen()
