"""More of what must hold: what is said to have worked has worked, and what was given up, or is old, is let be.

As in :mod:`remediate.campaign.invariants`, each is one small function that returns what broke it, or nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from actions.change import Change
from actions.guest.run import SCRIPTS
from actions.tags import REMOVE, UPDATE, WRITE
from arm.facts.times import parse_time
from arm.writes import OPERATIONS
from simulator.services.recoveryservices.model import Job

from ..engine.history import APPLIED, FAILED, REPAY
from ..engine.model import Verdict
from ..report import Report
from .process import Process

if TYPE_CHECKING:
    from .books import Entry
    from .court import Court, Write

ON_THE_WAY = timedelta(minutes=1)
"""What is younger may have come about while the write was on its way."""
UNDO = "undo:"
LIMIT = "UserErrorRpCollectionLimitReached"
_DONE = ("Applied", "NothingToDo")


def _works(write: Write) -> bool:
    """Say whether a write belongs to the repair itself: it gives nothing back, and clears up behind nothing."""
    change = write.change
    return change is not None and change.step != REPAY and change.repairs and change.operation not in (UPDATE, REMOVE)


def _earlier_runs(court: Court, write: Write) -> list[Mapping[str, Any]]:
    """Return the runs of the VM that had begun a while before a write arrived, but for its own."""
    own = court.history.vm.id.lower()
    begun = [one for one in court.books.runs() if one["vm_id"].lower() == own and one["id"] != write.run]
    return [one for one in begun if (at := parse_time(one["started_at"])) is not None and at < write.at - ON_THE_WAY]


# Of every write


def nothing_by_an_old_plan(court: Court, write: Write) -> str:
    """Nothing is done by a plan that does not know of a lock that has been in its way since."""
    lock, since = write.process.role.overtaken_by
    there = lock in court.locks and court.touched.get(lock, 0) <= since
    own = write.run.startswith(f"{write.process.number:04x}")  # an older run goes on where it was: by its own plan
    return f"{write.spoken} by a plan that does not know of {lock}" if lock and there and own else ""


def one_run_at_a_time(court: Court, write: Write) -> str:
    """A VM is repaired by one run at a time."""
    if not _works(write):
        return ""
    if any(one["id"] == write.run and one["runbook"].startswith(UNDO) for one in court.books.runs()):
        return ""
    runs = [one for one in _earlier_runs(court, write) if one["status"] == "open"]
    other = [one["id"][:8] for one in runs if not one["runbook"].startswith(UNDO)]
    return f"{write.spoken} in run {write.run[:8]}, while run {other[0]} is open" if other else ""


def what_is_undone_is_not_repaired(court: Court, write: Write) -> str:
    """A run whose undoing has begun repairs nothing any more."""
    if not _works(write):
        return ""
    undoings = [one for one in _earlier_runs(court, write) if one["runbook"] == f"{UNDO}{write.run}"]
    begun = any(one["status"] == "open" or one["verdict"] in _DONE for one in undoings)
    return f"{write.spoken} in run {write.run[:8]}, which is being undone" if begun else ""


def what_has_failed_is_not_sent_again(court: Court, write: Write) -> str:
    """A change of a run that has failed is not made again in this run."""
    if not _works(write) or write.change is None or write.change.action == WRITE:
        return ""
    ends = list(_ends(court.books.entries(write.run)))
    same = [change for _, change, end in ends if end.get("result") == FAILED and _marks(change) == _marks(write.change)]
    return f"{write.spoken}, which has failed in this run before" if same else ""


def _marks(change: Change) -> tuple[str, str]:
    return change.step, change.fingerprint


def _ends(entries: list[Entry]) -> list[tuple[int, Change, Mapping[str, Any]]]:
    """Return, of every intent of a run, its number, its change, and its outcome as far as there is one."""
    found: list[tuple[int, Change, Mapping[str, Any]]] = []
    for one in entries:
        if one.kind == "intent":
            found.append((len(found) + 1, Change.from_json(one.data["change"]), {}))
        elif one.kind == "outcome":
            at = max(index for index, (_, _, end) in enumerate(found) if not end)
            found[at] = (*found[at][:2], one.data)
    return found


def nothing_is_repaired_that_has_not_failed(court: Court, write: Write) -> str:
    """Of a run for backups that fail, nothing is sent while the last backup has not failed."""
    runs = [one for one in court.books.runs() if one["id"] == write.run]
    if not runs or runs[0]["runbook"] != LIMIT or any(one.run == write.run for one in court.writes):
        return ""
    if write.process.actor.name == "misled":  # its defect is just there: it begins runs that nothing asks for
        return ""
    begun = parse_time(runs[0]["started_at"]) or write.at
    ended = [job for job in _backups(court) if job.ended is not None]
    before = [job for job in ended if job.ended is not None and job.ended < begun - ON_THE_WAY]
    last = max(before, key=lambda job: (job.ended, job.name), default=None)
    failed = (last is not None and last.status == "Failed") or any(
        job.status == "Failed" and job not in before for job in ended
    )
    return "" if failed else f"{write.spoken} in run {write.run[:8]}, although no backup had failed"


def looked_again_before_every_change(court: Court, write: Write) -> str:
    """A process that has changed something looks at the locks again before it changes anything else to repair."""
    own = [one.event for one in court.writes if one.process is write.process and _other(one, write)]
    blind = bool(own) and _works(write) and write.process.locks_read < own[-1]
    return f"{write.spoken} and has not looked at the locks since its last change" if blind else ""


def _other(one: Write, write: Write) -> bool:
    return (one.run, one.intent) != (write.run, write.intent)


# Of every lease


def no_lease_is_taken_from_the_living(court: Court, process: Process) -> str:
    """A lease changes hands when it was given back, or when its time is over."""
    before, now = court.leased, next(iter(court.books.leases()), ("", ""))
    owner, expires = before
    alive = bool(owner) and datetime.fromisoformat(expires) > court.latest
    return f"{process.name} has taken the lease of {owner}" if alive and now[0] not in (owner, "") else ""


# Of every report


def fixed_only_with_a_completed_backup(court: Court, _process: Process, report: Report) -> str:
    """Fixed is said only when a backup has completed that began after the last change."""
    if report.stand.verdict is not Verdict.FIXED or report.run is None:
        return ""
    own = [one.at for one in court.writes if one.effect and one.run == report.run.id and _changes(one)]
    since = max(own, default=None)
    completed = [job.started for job in _backups(court) if job.status == "Completed"]
    proved = bool(completed) and (since is None or max(completed) > since)
    return (
        "" if proved else f"run {report.run.id[:8]} is called Fixed; no backup that began after {since} has completed"
    )


def _changes(write: Write) -> bool:
    return _works(write) and write.change is not None and write.change.operation != "backups.trigger"


def _backups(court: Court) -> list[Job]:
    vm = court.history.vm.id.lower()
    return [job for job in _jobs(court).values() if job.operation == "Backup" and job.item.vm_id.lower() == vm]


def _jobs(court: Court) -> Mapping[str, Job]:
    return {name: job for vault in court.world.recoveryservices.vaults.values() for name, job in vault.jobs.items()}


def what_is_said_to_be_done_is_so(court: Court, _process: Process, report: Report) -> str:
    """Of what a run says it has done, Azure has done it: a lock was changed, a script says so, a backup completed."""
    if report.run is None:
        return ""
    for number, change, end in _ends(court.books.entries(report.run.id)):
        if end.get("result") != APPLIED or (report.run.id, number) in court.believed:
            continue
        if not _is_so(court, report.run.id, number, change, end):
            return f"run {report.run.id[:8]} says that this is done: {change.summary}; it is not"
        court.believed.add((report.run.id, number))
    return ""


def _is_so(court: Court, run: str, number: int, change: Change, end: Mapping[str, Any]) -> bool:
    sent = [one for one in court.writes if (one.run, one.intent) == (run, number)]
    if change.operation == "backups.trigger":
        job = _jobs(court).get(str(end.get("job")))
        return job is not None and job.status == "Completed"
    if change.operation in SCRIPTS:
        return any(_says_so(said, str(change.body["verb"])) for one in sent for said in _said(one))
    if not change.operation.startswith("locks.") or change.target.lower() in court.touched:
        return True  # others may do the same meanwhile
    since = min((one.at for one in sent), default=court.world.clock.now) - ON_THE_WAY
    wanted = OPERATIONS[change.operation].method, change.target.lower()
    return any(one.effect and one.at >= since and (one.method, one.path.lower()) == wanted for one in court.writes)


def _said(write: Write) -> list[str]:
    """Return what the scripts of a write have said, as Azure shows it."""
    if write.script is not None:
        return [write.script.result.stdout] if write.script.result is not None else []
    output = write.operation.output if write.operation is not None else None
    return [str(one.get("message", "")) for one in (output or {}).get("value", ())]


def _says_so(text: str, verb: str) -> bool:
    """Say whether a script says that what was wanted is there, or that it has looked."""
    first, last = text.find("{"), text.rfind("}")
    try:
        told = json.loads(text[first : last + 1])
    except ValueError:
        return False
    if told.get("refused") or told.get("error"):
        return False
    return verb == "check" or told.get("applied") is True


ON_WRITE: tuple[Callable[[Court, Write], str], ...] = (
    nothing_by_an_old_plan,
    one_run_at_a_time,
    what_is_undone_is_not_repaired,
    what_has_failed_is_not_sent_again,
    nothing_is_repaired_that_has_not_failed,
    looked_again_before_every_change,
)
ON_LEASE: tuple[Callable[[Court, Process], str], ...] = (no_lease_is_taken_from_the_living,)
ON_REPORT: tuple[Callable[[Court, Process, Report], str], ...] = (
    fixed_only_with_a_completed_backup,
    what_is_said_to_be_done_is_so,
)
