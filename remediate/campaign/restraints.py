"""What holds a write back, judged on the simulator's own truth: one small function for each, as in `invariants`.

A process reads a while before it sends, what it reads may be seconds old, and the world goes on meanwhile. So only that
counts which is true as the write arrives, and has been since before the process began.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from actions.change import Change
from actions.guest.run import SCRIPTS
from arm.writes import OPERATIONS
from simulator.services.authorization.scopes import within
from simulator.services.authorization.state import REFUSED
from simulator.services.recoveryservices.model import ON_DEMAND_LIMIT

from ..engine.history import REPAY
from . import standing
from .circumstances import Blast, Incident, Loop, Window
from .process import Process

if TYPE_CHECKING:
    from .court import Court, Write

A_WHILE = timedelta(minutes=1)
"""Longer than any read is old."""
UNDO = "undo"
_WHILE_JOBS_RUN = ("locks.create_or_update", "jobs.cancel", "run_commands.delete")
_FORBIDDEN = (
    ("DELETE", r"/vaults/[^/]+(/backupfabrics/[^/]+/protectioncontainers/[^/]+(/protecteditems/[^/]+)?)?$"),
    ("DELETE", r"/providers/microsoft\.compute/(virtualmachines|disks|snapshots)/[^/]+$"),
    ("DELETE", r"^/subscriptions/[^/]+(/resourcegroups/[^/]+)?$"),
)


def _before(write: Write) -> datetime:
    return write.process.began - A_WHILE


def _held(court: Court, write: Write, *names: str) -> str:
    """Return the first of these that is true and has been for long enough; empty for none."""
    return next((name for name in names if court.standing.held(name, _before(write))), "")


def _gives_back(change: Change | None) -> bool:
    return change is None or change.step == REPAY


def _repairs(change: Change | None) -> bool:
    return change is not None and change.step not in (REPAY, UNDO) and change.repairs


# The VM, and who it belongs to


def nothing_for_who_has_opted_out(court: Court, write: Write) -> str:
    """Nothing but giving back is sent to a VM that its owner has opted out by its tag."""
    if _gives_back(write.change):
        return ""
    return f"{write.spoken} to a VM that is opted out" if _held(court, write, standing.OPTED_OUT) else ""


def nothing_while_a_job_runs(court: Court, write: Write) -> str:
    """While a backup or another job of the VM runs, nothing is changed but what is meant for that."""
    change = write.change
    if change is None or not _repairs(change) or change.operation in _WHILE_JOBS_RUN:
        return ""
    running = court.standing.among(standing.JOB, _before(write))
    return f"{write.spoken} while the job {running[0]} was in progress" if running else ""


def nothing_past_a_resource_guard(court: Court, write: Write) -> str:
    """Protection is not changed in a vault under a Resource Guard."""
    if write.change is None or not write.change.operation.startswith("protected_items."):
        return ""
    return f"{write.spoken} past a Resource Guard" if _held(court, write, standing.GUARDED) else ""


def no_stop_for_a_vm_that_is_there(court: Court, write: Write) -> str:
    """The backups of a VM are not stopped because it is gone, when it is there."""
    change = write.change
    if change is None or change.operation != "protected_items.stop" or "virtualMachine" not in (change.before or {}):
        return ""
    return f"{write.spoken} although the VM is there" if _held(court, write, standing.THERE) else ""


# Locks


def nothing_that_a_lock_forbids(court: Court, write: Write) -> str:
    """Nothing is sent that a lock certainly refuses."""
    if write.change is None or write.change.operation.startswith("locks."):
        return ""
    for key, lock in court.locks.items():
        refuses = write.method in REFUSED[lock.level] and within(write.path, lock.scope)
        if refuses and _held(court, write, standing.lock_key(key, lock.level, lock.notes)):
            return f"{write.spoken}, which the lock {lock.name} refuses"
    return ""


def locks_go_as_they_were_shown(court: Court, write: Write) -> str:
    """A lock is removed only as the plan has shown it."""
    change, key = write.change, write.path.lower()
    if change is None or change.operation != "locks.delete" or change.undo is None:
        return ""
    shown = change.undo.body.get("properties", {})
    as_shown = standing.lock_key(key, str(shown.get("level")), shown.get("notes"))
    others = [one for one in court.standing.since if one.startswith(f"{standing.LOCK}{key} ") and one != as_shown]
    known = any(court.standing.held(one, write.process.judged_with - A_WHILE) for one in others)
    return f"{write.spoken}, which is not any more what the plan has shown" if known else ""


# The VM as it stands


def no_extension_goes_without_the_agent(court: Court, write: Write) -> str:
    """No extension is removed while the VM does not run, or its agent does not answer."""
    if write.change is None or write.change.operation != "virtual_machine_extensions.delete":
        return ""
    found = _held(court, write, standing.OFF, standing.SILENT)
    return f"{write.spoken} while: {found}" if found else ""


def scripts_only_where_they_can_run(court: Court, write: Write) -> str:
    """No script is sent to a VM that cannot run it."""
    if write.change is None or write.change.operation not in SCRIPTS:
        return ""
    found = _held(court, write, standing.GONE, standing.OFF, standing.NO_EXTENSIONS, standing.SILENT)
    return f"{write.spoken} while: {found}" if found else ""


def one_script_at_a_time(court: Court, write: Write) -> str:
    """No script is sent while another run command of the VM is in progress."""
    if write.change is None or write.change.operation not in SCRIPTS:
        return ""
    others = [one for one in court.standing.among(standing.COMMAND, _before(write)) if one != write.path.lower()]
    return f"{write.spoken} while {others[0]} was in progress" if others else ""


def power_only_as_the_vm_stands(court: Court, write: Write) -> str:
    """A VM that the platform is changing is left alone, and one that does not run is not restarted."""
    if write.change is None or not write.change.operation.startswith("virtual_machines."):
        return ""
    wrong = (standing.MOVING, standing.OFF) if write.path.lower().endswith("/restart") else (standing.MOVING,)
    found = _held(court, write, *wrong)
    return f"{write.spoken} while: {found}" if found else ""


# Backups and recovery points


def cancelled_only_in_time(court: Court, write: Write) -> str:
    """Only a job that Azure still offers to cancel is cancelled."""
    if write.change is None or write.change.operation != "jobs.cancel":
        return ""
    past = _held(court, write, f"{standing.PAST_CANCELLING}{write.change.target.lower()}")
    return f"{write.spoken}, which was past cancelling" if past else ""


def no_tenth_backup_in_a_day(court: Court, write: Write) -> str:
    """Not more on-demand backups are asked for than Azure takes in a day."""
    if write.change is None or write.change.operation != "backups.trigger":
        return ""
    since, until = write.at - timedelta(days=1), _before(write)
    jobs = [one for one in court.standing.jobs() if one.user_triggered and one.operation == "Backup"]
    count = sum(1 for one in jobs if since < one.started < until)
    return f"{write.spoken} after {count} in 24 hours" if count >= ON_DEMAND_LIMIT else ""


def only_what_the_vault_has_too_is_deleted(court: Court, write: Write) -> str:
    """A restore point is deleted only when its recovery point has a copy in the vault."""
    path = write.path.lower()
    if write.method != "DELETE" or "/restorepointcollections/" not in path:
        return ""
    copied = {one.restore_point for one in court.points.values() if one.in_vault}
    inside = [one for one in court.standing.restore_points if one == path or one.startswith(f"{path}/")]
    alone = [one for one in inside if one not in copied]
    return f"{write.spoken} although {alone[0].rsplit('/', 1)[-1]} has no copy in the vault" if alone else ""


# What has happened before, and what is configured


def _runbook(court: Court, run: str) -> str:
    return next((str(one["runbook"]).lower() for one in court.books.runs() if one["id"] == run), "")


def nothing_in_an_incident(court: Court, write: Write) -> str:
    """No VM is repaired while its error is an incident of many VMs."""
    known = court.history.circumstance
    if not isinstance(known, Incident) or not _repairs(write.change) or write.at >= known.until:
        return ""
    return f"{write.spoken} in an incident" if _runbook(court, write.run) == known.runbook.lower() else ""


def nothing_again_and_again(court: Court, write: Write) -> str:
    """What two earlier runs have repaired in the last days is not repaired the same way again."""
    known = court.history.circumstance
    if not isinstance(known, Loop) or not _repairs(write.change) or write.at >= known.until:
        return ""
    return f"{write.spoken} in a third run" if _runbook(court, write.run) == known.runbook.lower() else ""


def only_so_many_vms_in_a_day(court: Court, write: Write) -> str:
    """Only as many VMs are changed in a day as is configured."""
    known = court.history.circumstance
    if not isinstance(known, Blast) or not _repairs(write.change) or write.at >= known.until:
        return ""
    return "" if _runbook(court, write.run).startswith("undo:") else f"{write.spoken} to one VM too many"


def only_in_the_window(court: Court, write: Write) -> str:
    """Nothing is changed outside the change window."""
    known = court.history.circumstance
    if not isinstance(known, Window) or not _repairs(write.change):
        return ""
    closed = known.closed_since(write.at)
    if closed is None or closed >= _before(write):
        return ""
    return f"{write.spoken} outside the change window"


# What is intended


def nothing_forbidden_is_intended(_court: Court, process: Process, change: Change) -> str:
    """Nothing that must never be sent is even intended."""
    operation = OPERATIONS[change.operation]
    path = operation.path(change.target).lower()
    hit = any(operation.method == method and re.search(pattern, path) for method, pattern in _FORBIDDEN)
    return f"{process.name} intends {operation.method} {path}, which is on the deny list" if hit else ""


ON_WRITE: tuple[Callable[[Court, Write], str], ...] = (
    nothing_for_who_has_opted_out,
    nothing_while_a_job_runs,
    nothing_past_a_resource_guard,
    no_stop_for_a_vm_that_is_there,
    nothing_that_a_lock_forbids,
    locks_go_as_they_were_shown,
    no_extension_goes_without_the_agent,
    scripts_only_where_they_can_run,
    one_script_at_a_time,
    power_only_as_the_vm_stands,
    cancelled_only_in_time,
    no_tenth_backup_in_a_day,
    only_what_the_vault_has_too_is_deleted,
    nothing_in_an_incident,
    nothing_again_and_again,
    only_so_many_vms_in_a_day,
    only_in_the_window,
)
ON_INTENT: tuple[Callable[[Court, Process, Change], str], ...] = (nothing_forbidden_is_intended,)
