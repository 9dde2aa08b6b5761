"""What is true of the VM, and since when: the simulator's own state, looked at whenever it can have changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from simulator.clock import START
from simulator.services.compute.model import RestorePoint, Vm
from simulator.services.recoveryservices.model import Job

if TYPE_CHECKING:
    from .history import History

GONE, THERE, OFF, MOVING, SILENT = "gone", "there", "not running", "being changed", "agent silent"
NO_EXTENSIONS, OPTED_OUT, GUARDED = "takes no extensions", "opted out", "under a Resource Guard"
JOB, PAST_CANCELLING, COMMAND, LOCK = "job ", "past cancelling ", "run command ", "lock "
LONG_AGO = START - timedelta(days=1)
"""What was so at the beginning had been so for a while."""
_FINAL = ("Succeeded", "Failed", "Canceled")
_TURNING = ("starting", "stopping", "deallocating")


class Standing:
    """Keeps since when each of these holds, as long as it holds.

    Attributes:
        since: what is true now, by the names above; locks, jobs and run commands each by their own.
        restore_points: those that were there at the last look, by lower-case id.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self.since: dict[str, datetime] = {}
        self.restore_points: dict[str, RestorePoint] = {}
        self._begun = False

    def look(self) -> None:
        """Look at what is true now."""
        at = self._history.now if self._begun else LONG_AGO
        self._begun = True
        self.since = {name: self.since.get(name, at) for name in self._true()}

    def look_at_points(self) -> None:
        """Look which restore points there are."""
        collections = self._history.world.compute.collections.values()
        self.restore_points = {point.id.lower(): point for one in collections for point in one.points.values()}

    def held(self, name: str, before: datetime) -> bool:
        """Say whether something is true now and has been since before a moment."""
        since = self.since.get(name)
        return since is not None and since < before

    def among(self, kind: str, before: datetime) -> list[str]:
        """Return the names, without their kind, of all of a kind that have been true since before a moment."""
        return [name[len(kind) :] for name, since in self.since.items() if name.startswith(kind) and since < before]

    def jobs(self) -> list[Job]:
        """Return the jobs of the VM's item."""
        item = self._history.world.recoveryservices.item_of(self._history.vm.id)
        return [] if item is None else [job for job in item.vault.jobs.values() if job.item is item]

    def _true(self) -> Iterator[str]:
        world = self._history.world
        vm = world.compute.vms.get(self._history.vm.id.lower())
        yield from (GONE,) if vm is None else _of(vm)
        for job in self.jobs():
            if job.running:
                yield f"{JOB}{job.id.lower()}"
                if not job.cancellable:
                    yield f"{PAST_CANCELLING}{job.id.lower()}"
        for key, lock in world.authorization.locks.items():
            yield lock_key(key, lock.level, lock.notes)
        item = world.recoveryservices.item_of(self._history.vm.id)
        if item is not None and item.vault.guard is not None:
            yield GUARDED


def lock_key(lock_id: str, level: str, notes: str | None) -> str:
    """Return the name under which it is kept that a lock is there as it is."""
    return f"{LOCK}{lock_id.lower()} {level} {notes or ''}"


def _of(vm: Vm) -> Iterator[str]:
    yield THERE
    if vm.power_state != "running":
        yield OFF
    if vm.power_state in _TURNING or vm.provisioning_state not in _FINAL:
        yield MOVING
    if vm.agent != "Ready":
        yield SILENT
    if not vm.extension_operations:
        yield NO_EXTENSIONS
    if any(name.lower() == "backup-remediation" and value.lower() == "off" for name, value in vm.tags.items()):
        yield OPTED_OUT
    for command in vm.run_commands.values():
        if command.going:
            yield f"{COMMAND}{vm.id.lower()}/runcommands/{command.name.lower()}"
