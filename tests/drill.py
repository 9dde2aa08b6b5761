"""A simulated Azure on a real socket, and the library pointed at it: what most tests use."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path

from azure.core.pipeline.transport import RequestsTransport

from arm.credentials import LoopbackCredential
from arm.facts.collect import VmFacts
from arm.facts.graph import VmReference, find_vm
from arm.runtime import Runtime
from arm.session import Session
from remediate.engine.model import Event
from remediate.journal.model import Run
from remediate.journal.sqlite import SqliteJournal
from remediate.remediation import Accepted, Remediation
from remediate.report import Report
from simulator import Simulator, serve
from simulator.faults import Fault

CODE = "UserErrorRpCollectionLimitReached"
YES = Accepted(yes=True)


class Drill:
    """One scenario, served, with a journal in a temporary folder. Sleeping moves the simulated clock."""

    def __init__(self, scenario: str, folder: Path, stack: ExitStack, seed: int = 0) -> None:
        self.simulator = Simulator(scenario, seed=seed)
        self.server = stack.enter_context(serve(self.simulator))
        self.stack = stack
        self.state = folder / "journal.db"
        self.sign_in = False
        """Use the managed identity of the environment instead of the placeholder."""
        self.slept: list[float] = []
        self.transport: Callable[[], RequestsTransport] | None = None
        self.events: list[Event] = []
        self._ids = itertools.count(1)
        self._host_time = datetime(2026, 3, 2, 3, 0, tzinfo=timezone.utc)

    @property
    def endpoint(self) -> str:
        return self.server.endpoint

    @property
    def runtime(self) -> Runtime:
        return Runtime(
            now=lambda: self._host_time,
            sleep=self._sleep,
            new_id=lambda: f"{next(self._ids):032x}",
            monotonic=self._seconds,
        )

    def _seconds(self) -> float:
        """Return the time now, and not that of the moment at which a runtime was made."""
        return self._host_time.timestamp()

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.pass_time(timedelta(seconds=seconds))

    def pass_time(self, span: timedelta) -> None:
        """Let Azure's time and the host's time pass."""
        self._host_time += span
        self.simulator.advance(span)

    def session(self, *, read_only: bool = False) -> Session:
        session = Session(
            endpoint=self.endpoint,
            read_only=read_only,
            credential=None if self.sign_in else LoopbackCredential(),
            runtime=self.runtime,
            transport=self.transport() if self.transport else None,
        )
        self.stack.callback(session.close)
        return session

    def journal(self) -> SqliteJournal:
        journal = SqliteJournal(self.state)
        self.stack.callback(journal.close)
        return journal

    def begun(self, run: Run) -> None:
        """Put a run into the journal, as a process does that stops right after."""
        journal = self.journal()
        held = journal.acquire(run.vm_id, "the drill", self._host_time, 300, lambda _owner: True)
        journal.create(run, held)
        journal.release(held)

    def remediation(self, *, read_only: bool = False, wait: float = 3600.0) -> Remediation:
        return Remediation(self.session(read_only=read_only), self.journal, tell=self.events.append, wait=wait)

    def vm(self, session: Session | None = None) -> VmReference:
        if session is None:
            return VmReference(self.vm_id)
        return find_vm(session, str(self.server.ready["vm"]))

    @property
    def vm_id(self) -> str:
        ready = self.server.ready
        group = f"/subscriptions/{ready['subscription']}/resourceGroups/{ready['resource_group']}"
        return f"{group}/providers/Microsoft.Compute/virtualMachines/{ready['vm']}"

    def facts(self) -> VmFacts:
        return VmFacts(self.session(read_only=True), self.vm())

    def repair(self, accepted: Accepted = YES, code: str = CODE, arguments: dict[str, str] | None = None) -> Report:
        return self.remediation().repair(code, self.vm(), arguments, accepted=accepted)

    def resume(self, run: str, accepted: Accepted = Accepted(), *, now: bool = True) -> Report:  # noqa: B008
        return self.remediation().resume(run, accepted=accepted, now=now)

    def fault(self, kind: str, **parameters: object) -> None:
        """Let the simulated Azure misbehave, as ``POST /_sim/faults`` does."""
        self.simulator.faults.active.append(Fault.parse({"kind": kind, **parameters}))

    @property
    def writes(self) -> list[str]:
        """Every write that reached Azure, as "METHOD last/parts"."""
        return [f"{one['method']} {one['path']}" for one in self.simulator.requests if one["write"]]

    @property
    def effects(self) -> list[str]:
        """Every write that took effect."""
        return [f"{one['method']} {one['path']}" for one in self.simulator.requests if one["write"] and one["effect"]]
