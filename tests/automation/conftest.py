from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from arm.errors import UsageError
from remediate.deploy.bundle import EARLIEST, Builder
from simulator import Server, Simulator, serve

from ..azurite import _script as azurite_script
from ..azurite import azurite
from .sandbox import Sandbox, install, once, python_of_automation

ROOT = Path(__file__).resolve().parents[2]


class Account:
    """An Automation account's sandbox, and the Azure that is all of its network."""

    def __init__(self, sandbox: Sandbox, scenario: str, stack: ExitStack) -> None:
        self.sandbox = sandbox
        self._stack = stack
        self.simulator = Simulator(scenario)
        self.server: Server = sandbox.network.inside(lambda: serve(self.simulator))
        stack.callback(self.server.close)
        sandbox.environment = {
            "IDENTITY_ENDPOINT": str(self.server.ready["token_url"]),
            "IDENTITY_HEADER": "one-that-only-this-job-knows",
            "REMEDIATE_ARM_ENDPOINT": self.server.endpoint,
            "SANDBOX_HURRY": "1",
        }

    @property
    def vm_id(self) -> str:
        ready = self.server.ready
        group = f"/subscriptions/{ready['subscription']}/resourceGroups/{ready['resource_group']}"
        return f"{group}/providers/Microsoft.Compute/virtualMachines/{ready['vm']}"

    @property
    def writes(self) -> list[str]:
        return [f"{one['method']} {one['path']}" for one in self.simulator.requests if one["write"]]

    @property
    def backups(self) -> list[str]:
        return [one for one in self.writes if one.endswith("/backup")]

    def resumed(self) -> str:
        """Let the schedule start jobs until nothing is parked any more; return what the last one said."""
        for _ in range(6):
            self.simulator.advance(timedelta(hours=5))
            done = self.sandbox.run("remediate_resume")
            if done.shown_as != "Completed" or "Pending" not in done.out:
                break
        return done.out

    def keep_in_a_table(self) -> None:
        """Keep the journal in a table, which Azurite has, inside the sandbox's network."""
        azurite_script()  # skips the test where Azurite cannot be had, while there is a network to get it by
        url = self.sandbox.network.inside(lambda: self._stack.enter_context(azurite(self.sandbox.folder)))
        self.sandbox.set("REMEDIATE_STATE", f"{url}/journal")

    def let_it_repair(self) -> None:
        self.sandbox.set("REMEDIATE_MODE", "repair")
        self.sandbox.set("REMEDIATE_STATE", str(self.sandbox.folder / "journal.db"))


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle, made once in a test run."""

    def make(folder: Path) -> None:
        Builder(ROOT, folder / "azure-automation", EARLIEST).build(_wheels())

    try:
        with once(_shared(tmp_path_factory) / "bundle", make) as folder:
            return folder / "azure-automation"
    except UsageError as error:
        pytest.skip(f"the bundle cannot be made here: {error.message}")


@pytest.fixture(scope="session")
def automation_python(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean Python 3.10 with the bundle's packages and nothing else."""
    python = python_of_automation()
    if not python:
        pytest.skip("there is no Python 3.10 here, which is what Azure Automation has")
    with once(_shared(tmp_path_factory) / "sandbox", lambda folder: install(bundle, folder / "venv", python) and None):
        return _shared(tmp_path_factory) / "sandbox" / "venv" / "bin" / "python"


def _shared(factory: pytest.TempPathFactory) -> Path:
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def _wheels() -> Path | None:
    """Wheels that somebody has fetched before, to test without a network."""
    folder = os.environ.get("AUTOMATION_WHEELS", "")
    return Path(folder) if folder else None


@pytest.fixture
def sandbox(automation_python: Path, bundle: Path, tmp_path: Path) -> Iterator[Sandbox]:
    sandbox = Sandbox(automation_python, bundle / "runbooks", tmp_path)
    yield sandbox
    sandbox.close()


@pytest.fixture
def account(sandbox: Sandbox) -> Iterator[Callable[..., Account]]:
    """Make an account: ``account("rp-collection-limit")``."""
    with ExitStack() as stack:
        yield lambda scenario="rp-collection-limit": Account(sandbox, scenario, stack)
