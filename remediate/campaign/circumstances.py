"""Circumstances: in a few histories something holds a repair back: what the journal knows, a change window, a deed.

Each is drawn from a source of its own: all other histories stay as they are without it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING

from actions.change import Change
from arm.facts.times import iso
from guards import Consent, Limits
from guards import windows as guard_windows
from simulator.clock import START
from simulator.services.compute.model import RunCommand, Vm
from simulator.services.recoveryservices.model import ResourceGuard, Vault
from simulator.services.recoveryservices.protection import CRITICAL

from ..engine.history import APPLIED, INTENT, OUTCOME
from ..engine.memory import CHANGED, Recall, close_incident, incidents, key_of
from ..journal.model import CLOSED, Mark, Run
from .wire import ENDPOINT

if TYPE_CHECKING:
    from .history import History

SHARE = 0.2
"""How many histories have one."""
LIMIT = "UserErrorRpCollectionLimitReached"
GUARD = (
    "/subscriptions/33333333-3333-4333-8333-333333333333/resourceGroups/rg-security"
    "/providers/Microsoft.DataProtection/resourceGuards/backup-guard"
)
TAG, OFF = "backup-remediation", "off"


class Circumstance:
    """None: what a history has in most cases.

    Attributes:
        name: what the page calls it.
        limits: what is configured.
        runbook: the error that the scenario is about.
        until: up to this time it certainly holds, where it has to do with the past.

    Args:
        history: what it belongs to.
        dice: its own source of chance.
    """

    name = ""
    limits = Limits()

    def __init__(self, history: History, dice: Random) -> None:
        self.history = history
        self.dice = dice
        self.runbook = history.scenario.code or LIMIT
        self.until = START
        self.set_up()

    def set_up(self) -> None:
        """Set the stage."""

    def farewell(self) -> None:
        """Take back what people did, as they do in the end."""


class Incident(Circumstance):
    """Five other VMs have had the same error within the last half hour."""

    name = "an incident"

    def set_up(self) -> None:
        """Set the stage."""
        self.until = START + timedelta(hours=5)
        with self.history.journal() as journal:
            for number in range(5):
                at = START - timedelta(minutes=30 - number)
                Recall(
                    journal,
                    endpoint=ENDPOINT,
                    runbook=self.runbook,
                    vm_id=_other(self.history, number),
                    limits=self.limits,
                    now=lambda at=at: at,  # type: ignore[misc]
                ).sight()

    def farewell(self) -> None:
        """Close the incident."""
        self.until = START
        with self.history.journal() as journal:
            for one in incidents(journal):
                if not one.reason:
                    close_incident(journal, one.incident.id, "the cause is found", "campaign")


class Loop(Circumstance):
    """Two earlier runs of the same runbook have changed this VM in the last days."""

    name = "repaired twice"

    def set_up(self) -> None:
        """Set the stage."""
        self.until = START + timedelta(days=3)
        with self.history.journal() as journal:
            for number, days in enumerate((3, 1), start=1):
                held = journal.acquire(self.history.vm.id, "before", self.history.host_time, 60, lambda _: True)
                if held is None:
                    return
                run = self._run(number, START - timedelta(days=days))
                journal.create(run, held)
                lock = f"{_group(self.history)}/providers/Microsoft.Authorization/locks/long-gone"
                change = Change("remove_lock", "locks.delete", lock, "remove a lock", "it was in the way", None, None)
                journal.append(run.id, INTENT, run.started_at, {"change": change.in_step("one").to_json()}, held)
                ended = {"result": APPLIED, "detail": "", "job": "", "job_status": "", "said": None}
                journal.append(run.id, OUTCOME, run.started_at, ended, held)
                journal.release(held)

    def _run(self, number: int, at: datetime) -> Run:
        return Run(
            id=f"{number:032x}",
            endpoint=ENDPOINT,
            vm_id=self.history.vm.id,
            runbook=self.runbook,
            arguments={},
            steps=("one",),
            started_at=at,
            position=1,
            status=CLOSED,
            verdict="Fixed",
            consent=Consent(),
        )


class Blast(Circumstance):
    """Twenty other VMs have been changed within the last hours."""

    name = "twenty VMs changed"

    def set_up(self) -> None:
        """Set the stage."""
        self.until = START + timedelta(hours=20)
        with self.history.journal() as journal:
            for number in range(self.limits.blast_vms):
                vm = _other(self.history, number)
                data = {"endpoint": ENDPOINT, "vm": vm, "vault": "", "sent": True}
                at = START - timedelta(hours=3) + timedelta(minutes=number)
                journal.mark(Mark(CHANGED, key_of(ENDPOINT, vm.lower()), at, data))


class Window(Circumstance):
    """Changes are to be made in the evening only."""

    name = "a change window"
    opens, closes = 20, 23
    limits = Limits(windows=(guard_windows.Window("evening", frozenset(range(7)), 20 * 60, 23 * 60),))

    def closed_since(self, at: datetime) -> datetime | None:
        """Return when the window was closed before a moment; ``None`` when it is open then."""
        if self.opens <= at.hour < self.closes:
            return None
        closed = at.replace(hour=self.closes, minute=0, second=0, microsecond=0)
        return closed if closed <= at else closed - timedelta(days=1)


class Deed(Circumstance):
    """Somebody does something to the VM in the portal, at a time that is drawn, and takes it back later."""

    spoken = ""

    def set_up(self) -> None:
        """Draw when it is done, and when it is taken back."""
        self.done = False
        begins = timedelta(seconds=self.dice.choice((0, 5, 30, 200, 900, 3000)))
        lasts = timedelta(hours=self.dice.choice((1, 4, 30)))
        if begins:
            self.history.world.clock.call_later(begins, self._begin)
        else:
            self._begin()
        self.history.world.clock.call_later(begins + lasts, self.farewell)

    @property
    def vm(self) -> Vm | None:
        """The VM, while it is there."""
        return self.history.world.compute.vms.get(self.history.vm.id.lower())

    def _begin(self) -> None:
        if not self.history.healed and not self.history.stopped:
            self.done = self.do()
            if self.done:
                self._tell("human", self.spoken)

    def farewell(self) -> None:
        """Take it back."""
        if self.done:
            self.done = False
            self.take_back()
            self._tell("human", f"takes back: {self.spoken}")

    def _tell(self, who: str, what: str) -> None:
        self.history.log.append(f"{self.history.number:06d} {iso(self.history.now)} {who:<12} {what}")

    def do(self) -> bool:
        """Do it; say whether it could be done."""
        return False

    def take_back(self) -> None:
        """Take it back."""


class OptsOut(Deed):
    """The owner opts the VM out by its tag."""

    name = "opts out"
    spoken = "opts the VM out"

    def do(self) -> bool:
        """Set the tag."""
        if self.vm is None or TAG in self.vm.tags:
            return False
        self.vm.tags[TAG] = OFF
        return True

    def take_back(self) -> None:
        """Take the tag off."""
        if self.vm is not None:
            self.vm.tags.pop(TAG, None)


class GuardsVault(Deed):
    """Somebody puts the vault under a Resource Guard."""

    name = "guards the vault"
    spoken = "puts the vault under a Resource Guard"
    vault: Vault | None = None

    def do(self) -> bool:
        """Put the guard before the vault."""
        item = self.history.world.recoveryservices.item_of(self.history.vm.id)
        if item is None or item.vault.guard is not None:
            return False
        self.vault = item.vault
        self.vault.guard = ResourceGuard(GUARD, dict(CRITICAL))
        return True

    def take_back(self) -> None:
        """Take the guard away."""
        if self.vault is not None:
            self.vault.guard = None


class SilencesAgent(Deed):
    """The VM agent stops to report, for a reason that nobody told us."""

    name = "agent falls silent"
    spoken = "stops the agent"

    def do(self) -> bool:
        """Stop it."""
        if self.vm is None or self.vm.agent != "Ready":
            return False
        self.vm.agent = "NotReady"
        return True

    def take_back(self) -> None:
        """Start it."""
        if self.vm is not None:
            self.vm.agent = "Ready"


class StopsVm(Deed):
    """Somebody deallocates the VM."""

    name = "stops the VM"
    spoken = "deallocates the VM"

    def do(self) -> bool:
        """Deallocate it."""
        if self.vm is None or self.vm.power_state != "running":
            return False
        self.vm.power_state = "deallocated"
        return True

    def take_back(self) -> None:
        """Start it."""
        if self.vm is not None and self.vm.power_state == "deallocated":
            self.vm.power_state = "running"


class UpdatesVm(Deed):
    """The platform changes the VM, for hours."""

    name = "platform changes the VM"
    spoken = "begins a long change of the VM"

    def do(self) -> bool:
        """Begin it."""
        if self.vm is None or self.vm.provisioning_state != "Succeeded":
            return False
        self.vm.provisioning_state = "Updating"
        return True

    def take_back(self) -> None:
        """Let it end."""
        if self.vm is not None and self.vm.provisioning_state == "Updating":
            self.vm.provisioning_state = "Succeeded"


class RunsScript(Deed):
    """Somebody runs a long script of their own in the VM."""

    name = "runs a script"
    spoken = "runs a script of their own in the VM"
    script = "nightly-report"

    def do(self) -> bool:
        """Start the script."""
        if self.vm is None or self.vm.power_state != "running" or self.vm.agent != "Ready":
            return False
        command = RunCommand(self.script, self.vm.location, {"source": {"script": "report"}})
        command.execution_state, command.started = "Running", self.history.now
        self.vm.run_commands[self.script] = command
        return True

    def take_back(self) -> None:
        """Let it end, and remove it."""
        if self.vm is not None:
            self.vm.run_commands.pop(self.script, None)


class BringsVmBack(Deed):
    """Somebody restores the VM that was deleted, at its old place and under its old name."""

    name = "brings the VM back"
    spoken = "restores the VM"

    def do(self) -> bool:
        """Restore it."""
        if self.vm is not None:
            return False
        parts = self.history.vm.id.split("/")
        self.history.world.compute.add_vm(parts[-1], parts[4], tags={"env": "prod"})
        return True


def _group(history: History) -> str:
    return history.vm.id[: history.vm.id.lower().index("/providers/")]


def _other(history: History, number: int) -> str:
    return f"{_group(history)}/providers/Microsoft.Compute/virtualMachines/other-{number}"


ALL: tuple[type[Circumstance], ...] = (
    Incident,
    Loop,
    Blast,
    Window,
    OptsOut,
    GuardsVault,
    SilencesAgent,
    StopsVm,
    UpdatesVm,
    RunsScript,
    BringsVmBack,
)


def of(history: History) -> Circumstance:
    """Draw the circumstance of a history; in most cases none."""
    dice = Random(f"held {history.seed}")  # noqa: S311  # repeatable on purpose, nothing secret
    kind = dice.choice(ALL) if dice.random() < SHARE else Circumstance
    return kind(history, dice)
