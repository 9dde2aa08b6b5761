"""A process that was misled: a defect has it carry out, by the engine, a change that must never be sent.

The guards have to refuse it before it is even intended; the transport would be the second to stop it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, cast

from actions.change import Change, Undo
from actions.protection import VM_GONE
from arm.errors import UsageError
from arm.facts.collect import VmFacts
from arm.facts.graph import VmReference

from ..engine.chains import runbook_of
from ..engine.drive import Driver
from ..engine.execute import Parked, Refused
from ..engine.model import Stand
from ..journal.model import Run
from ..remediation import Remediation
from ..report import Report
from .actors import _counted, _process
from .baton import Actor
from .circumstances import LIMIT

if TYPE_CHECKING:
    from .history import History

_Way = Callable[["History", Random], "Change | None"]


class Misled(Remediation):
    """The software, with a defect in what decides."""

    def carry_out(self, name: str, vm: VmReference, change: Change) -> Report:
        """Begin a run, and have the engine make one change that no plan has, then call the run off.

        Args:
            name: error code of the run.
            vm: which machine.
            change: what the defect wants.

        Raises:
            UsageError: a run is open on the VM, somebody else's.
        """
        runbook = runbook_of(name, {}, lambda: self.journal, self.kept_in)
        facts = VmFacts(self.session, vm)
        facts.vm_or_none()
        with self._lease(facts) as lease:
            if self.journal.open_runs(facts.vm_id):
                raise UsageError("a run is open on this VM", "The defect is in what decides, not in who may write.")
            steps = tuple(step.name for step in runbook.steps)
            run = Run(
                self.session.runtime.new_id(), self.session.endpoint, facts.vm_id, name, {}, steps, facts.azure_now
            )
            self.journal.create(run, lease.held)

            def way(driver: Driver) -> Stand:
                with suppress(Refused, Parked):
                    driver.executor.execute(change.in_step((*steps, change.step)[0]))
                return driver.cancel()

            return self._drive(run, runbook, facts, None, lease, way)


SHARE = 0.03
"""How many histories have one."""


def come(history: History) -> None:
    """Draw whether a misled process comes by."""
    dice = Random(f"misled {history.seed}")  # noqa: S311  # repeatable on purpose, nothing secret
    if dice.random() < SHARE:
        history.playing += 1
        history.baton.add("misled", _counted(history, lambda history, actor: misled(history, actor, dice)))


def misled(history: History, actor: Actor, dice: Random) -> None:
    """Try a few things, with pauses, when nobody else has a run open."""
    for _ in range(3):
        history.baton.pause(actor, dice.choice((1.0, 600.0, 7200.0)))
        change = dice.choice(WAYS)(history, dice)
        if change is None or history.court.books.open_runs():
            continue
        history.court.approves((change,))  # whoever approves it was misled, too

        def call(machine: Remediation, change: Change = change) -> Report:
            machine.__class__ = Misled
            return cast("Misled", machine).carry_out(history.scenario.code or LIMIT, history.vm, change)

        _process(history, actor, call)


def _deletes_what_stays(history: History, dice: Random) -> Change | None:
    """Delete the VM, or what protects it."""
    item = history.world.recoveryservices.item_of(history.vm.id)
    target = history.vm.id if item is None or dice.random() < 0.5 else item.id
    return _change("locks.delete", target)


def _stops_protection(history: History, _dice: Random) -> Change | None:
    """Stop the protection of a VM that is there, because it is gone."""
    item = history.world.recoveryservices.item_of(history.vm.id)
    if item is None or item.vault.guard is not None:
        return None
    body = {
        "protectedItemType": "Microsoft.Compute/virtualMachines",
        "sourceResourceId": history.vm.id,
        "protectionState": "ProtectionStopped",
    }
    after = {"protectionState": body["protectionState"]}
    return replace(_change("protected_items.stop", item.id), before=dict(VM_GONE), after=after, body=body)


def _cancels_any_job(history: History, _dice: Random) -> Change | None:
    """Cancel a job that is in progress, whatever it is."""
    running = [job for job in history.court.standing.jobs() if job.running]
    return _change("jobs.cancel", running[0].id) if running else None


def _removes_a_changed_lock(history: History, dice: Random) -> Change | None:
    """Remove a lock that people have changed since somebody has looked at it."""
    locks = history.world.authorization.locks
    if not locks:
        return None
    lock = locks[dice.choice(sorted(locks))]
    before = {"properties": {"level": lock.level, "notes": "as it was long ago", "owners": []}}
    undo = Undo("restore_lock", "locks.create_or_update", lock.id, before)
    return replace(_change("locks.delete", lock.id), undo=undo, loan=True)


def _restarts(history: History, _dice: Random) -> Change | None:
    """Restart the VM, whatever it is doing."""
    return _change("virtual_machines.restart", history.vm.id)


def _change(operation: str, target: str) -> Change:
    return Change("misled", operation, target, "what no plan has", "a defect", None, None, step="misled")


WAYS: tuple[_Way, ...] = (
    _deletes_what_stays,
    _stops_protection,
    _cancels_any_job,
    _removes_a_changed_lock,
    _restarts,
)
"""What a defect makes of a run."""
