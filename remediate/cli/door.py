"""From options to a :class:`~remediate.remediation.Remediation`, against Azure or a simulator in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arm.clouds import cloud
from arm.credentials import LoopbackCredential
from arm.errors import UsageError
from arm.facts.graph import VmReference, find_vm
from arm.runtime import Runtime, system_runtime
from arm.session import Session

from .log import Log, Progress

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

    from simulator import Simulator

    from ..config import Config
    from ..journal.model import Journal
    from ..notify.people import People
    from ..notify.settings import NotifySettings
    from ..remediation import Remediation
    from ..report import Report

MOST_VIRTUAL_WAITS = 50
"""How often a drill lets simulated time pass for a parked run before it gives up."""


@dataclass(frozen=True)
class Options:
    """The options that say which Azure, and how to talk about it."""

    cloud: str = "public"
    arm_endpoint: str | None = None
    ca: str | None = None
    simulate: str | None = None
    wait: float = 600.0
    verbose: bool = False
    log_json: bool = False
    state: str | None = None
    config: str | None = None

    @classmethod
    def of(cls, given: dict[str, Any]) -> Options:
        """Take these options out of what click parsed."""
        return cls(**{name: given.pop(name) for name in cls.__dataclass_fields__ if name in given})


def journal_path(state: str | None) -> Path:
    """Return where the journal's file is: as given, else in the user's state directory."""
    if state:
        path = Path(state)
        return path / "journal.db" if path.is_dir() else path
    import platformdirs

    return Path(platformdirs.user_state_dir("azure-backup-remediation")) / "journal.db"


def open_journal(
    state: str | None, credential: TokenCredential | None = None, runtime: Runtime | None = None
) -> Journal:
    """Open the journal.

    Args:
        state: a file's path, or the URL of an Azure table; default a file in the user's state directory.
        credential: signs in where it is a table; default as azure-identity finds one.
        runtime: time, sleep and ids.

    Raises:
        UsageError: it is a URL of something else.
        JournalError: it cannot be used.
    """
    from ..journal.stores import is_table
    from ..journal.stores import open_journal as open_store

    return open_store(state if state and is_table(state) else journal_path(state), credential, runtime)


class Door:
    """What a command works with."""

    def __init__(
        self,
        remediation: Remediation,
        progress: Progress,
        simulator: Simulator | None,
        drill_vm: str = "",
        *,
        config: Config,
        people: People,
    ) -> None:
        self.remediation = remediation
        self.progress = progress
        self.config = config
        self.people = people
        self._simulator = simulator
        self._drill_vm = drill_vm

    def vm(self, name: str | None, resource_group: str, subscription: str) -> VmReference:
        """Find the VM that the options mean; in a drill without ``--vm`` it is the scenario's.

        Raises:
            UsageError: none, several, or no name at all.
        """
        name = name or self._drill_vm
        if not name:
            raise UsageError("no virtual machine was named", "Give --vm NAME or --vm ID.")
        return find_vm(self.remediation.session, name, resource_group=resource_group, subscription=subscription)

    def finish(self, report: Report) -> Report:
        """In a drill, let simulated time pass until a parked run has a verdict; else return the report as it is."""
        if self._simulator is None:
            return report
        from ..accepted import Accepted
        from ..engine.model import Event, Verdict

        for _ in range(MOST_VIRTUAL_WAITS):
            stand, run = report.stand, report.run
            if stand.verdict is not Verdict.PENDING or stand.until is None or run is None:
                break
            span = max(timedelta(0), stand.until - self.remediation.session.azure_now())
            self._simulator.advance(span)
            self.remediation.tell(Event("clock", f"simulated time passes until {stand.until:%Y-%m-%d %H:%M} UTC"))
            resumed = self.remediation.resume(run.id, accepted=Accepted(), now=True)
            report = _with_findings(resumed, report)
        return report


def _with_findings(report: Report, earlier: Report) -> Report:
    from dataclasses import replace

    return replace(report, diagnosis=report.diagnosis or earlier.diagnosis)


@contextmanager
def open_door(options: Options, *, read_only: bool, plans: bool = True) -> Iterator[Door]:
    """Open session and journal, and close them.

    Args:
        options: which Azure.
        read_only: the transport refuses every write.
        plans: changes are planned or made; then the configuration has to be right.

    Raises:
        ConfigError: it is not.
    """
    with ExitStack() as stack:
        progress = Progress(Log(verbose=options.verbose, as_json=options.log_json))
        stack.enter_context(progress.live())
        runtime, endpoint, simulator, state = system_runtime(), options.arm_endpoint, None, options.state
        credential, drill_vm = None, ""
        if options.simulate is not None:
            simulator, server = _simulated(stack, options.simulate)
            endpoint, drill_vm = server.endpoint, str(server.ready["vm"])
            runtime, credential = _virtual(runtime, simulator), LoopbackCredential()
            state = state or _scratch(stack)

        def journal() -> Journal:
            opened = open_journal(state, None if simulator is not None else session.credential, runtime)
            stack.callback(opened.close)
            return opened

        def known() -> bool:
            return (state is not None and "://" in state) or journal_path(state).exists()

        session = Session(
            cloud=cloud(options.cloud),
            endpoint=endpoint,
            ca=_ca(options.ca),
            read_only=read_only,
            credential=credential,
            runtime=runtime,
        )
        stack.callback(session.close)
        session.sign_in()  # the engine is imported while the token is on its way
        from ..config import Config, load_config
        from ..notify.people import People
        from ..remediation import Remediation

        config = load_config(options.config) if plans or not read_only else Config()
        kept_in = "" if state is not None and "://" in state else f"the journal {journal_path(state)}"
        machine = Remediation(
            session, journal, tell=progress, wait=options.wait, limits=config.limits, known=known, kept_in=kept_in
        )
        silent = read_only or simulator is not None
        people = People(lambda: _settings(config), machine, progress, silent=silent)
        yield Door(machine, progress, simulator, drill_vm, config=config, people=people)


def _settings(config: Config) -> NotifySettings:
    from ..notify.settings import NotifySettings

    return NotifySettings.here(configured=config.notify)


def _ca(path: str | None) -> str | None:
    if path and not Path(path).is_file():
        raise UsageError(f"there is no certificate file {path!r}", "Check --ca.")
    return path or None


def _simulated(stack: ExitStack, scenario: str) -> tuple[Simulator, Any]:
    import simulator as product

    try:
        simulator = product.Simulator(scenario)
    except product.UnknownScenario as error:
        raise UsageError(str(error), "'remediate simulate list' shows them.", error.closest) from error
    server = stack.enter_context(product.serve(simulator))
    return simulator, server


def _virtual(runtime: Runtime, simulator: Simulator) -> Runtime:
    """Return a runtime that lets simulated time pass instead of waiting."""

    def sleep(seconds: float) -> None:
        simulator.advance(timedelta(seconds=seconds))

    return Runtime(now=runtime.now, sleep=sleep, new_id=runtime.new_id)


def _scratch(stack: ExitStack) -> str:
    import tempfile

    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="remediate-drill-"))
    return str(Path(folder) / "journal.db")
