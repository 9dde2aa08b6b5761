"""The VM's backup and restore jobs: what runs, what took long, what starts together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from arm.facts.backup import Job, vault_of
from arm.facts.collect import VmFacts
from arm.facts.schedule import Start
from arm.facts.times import iso
from arm.facts.times import spoken as spoken_time

from .model import Check, Seen, Status, Where
from .protection import NOT_PROTECTED
from .sources import INTRODUCTION, SNAPSHOT_TIMEOUT, TROUBLESHOOT

SLOW_BACKUP_AFTER = timedelta(hours=12)
SLOW_RESTORE_AFTER = timedelta(hours=6)
TOGETHER = 4
"""Backups that may start at the same time."""
MANY_DISKS = 8
"""Disks from which on a restore takes noticeably longer."""


def _said(job: Job) -> str:
    return f"{job.operation} {job.name} since {iso(job.started) if job.started else 'an unknown time'}: {job.status}"


def _running(facts: VmFacts) -> Seen:
    jobs = (*facts.running_jobs(), *facts.jobs_elsewhere())
    if jobs:
        return Status.WARN, "; ".join(f"{_said(job)} in vault {_vault(job)}" for job in jobs)
    if facts.item() is None:
        return Status.UNKNOWN, NOT_PROTECTED
    return Status.PASS, "no job runs in the VM's vault, nor in another one that has an item of it"


def _vault(job: Job) -> str:
    return job.id.lower().partition("/backupjobs/")[0].rpartition("/")[2] or "unknown"


def _slow(facts: VmFacts, jobs: Sequence[Job], limit: timedelta, explain: Callable[[VmFacts], str]) -> Seen:
    timed = [(job, (job.ended or facts.azure_now) - job.started) for job in jobs if job.started is not None]
    slow = [f"{_said(job)} after {spoken_time(took)}" for job, took in timed if took > limit]
    if slow:
        return Status.WARN, f"{'; '.join(slow)}. {explain(facts)}"
    longest = max((took for _, took in timed), default=None)
    if longest is None:
        return Status.UNKNOWN, "no job tells when it began"
    return Status.PASS, f"the longest of {len(timed)} took {spoken_time(longest)}"


def _slow_backup(facts: VmFacts) -> Seen:
    if facts.item() is None:
        return Status.UNKNOWN, NOT_PROTECTED
    known = {job.name: job for job in (*facts.running_jobs(), *facts.recent_jobs()) if job.operation == "Backup"}
    if not known:
        return Status.UNKNOWN, "no backup ran in the last two days"
    return _slow(facts, list(known.values()), SLOW_BACKUP_AFTER, _slow_copy)


def _slow_copy(facts: VmFacts) -> str:
    item, vm = facts.item(), facts.vm_or_none()
    disks = vm.disks if vm else ()
    sizes = [disk.size_gb for disk in disks if disk.size_gb is not None]
    size = f" of {sum(sizes)} GiB" if sizes else ""
    first = item is not None and item.last_recovery_point is None
    copied = "It is the first copy of" if first else "The VM has"
    return (
        f"{copied} {len(disks)} disks{size}; a new disk, more than 200 GiB changed a day, restore points deleted by "
        "hand (the next backup compares checksums), or the service's queue (up to 8 h) may explain the time"
    )


def _slow_restore(facts: VmFacts) -> Seen:
    if facts.item() is None:
        return Status.UNKNOWN, NOT_PROTECTED
    jobs = facts.restores()
    if not jobs:
        return Status.UNKNOWN, "no restore ran in the last 30 days"
    return _slow(facts, jobs, SLOW_RESTORE_AFTER, _slow_way)


def _slow_way(facts: VmFacts) -> str:
    vm = facts.vm_or_none()
    disks = len(vm.disks) if vm else 0
    many = f", as do {disks} disks (more than {MANY_DISKS})" if disks > MANY_DISKS else ""
    return f"A restore from the vault tier, or over a busy or another storage account, takes longer{many}"


def _stagger(facts: VmFacts) -> Seen:
    item = facts.item()
    if item is None:
        return Status.UNKNOWN, NOT_PROTECTED
    starts = facts.starts()
    if not starts:
        return Status.UNKNOWN, "no policy names a time at which the backup starts"
    vault = vault_of(item.id).rpartition("/")[2]
    most = max(starts, key=lambda start: len(start.vms))
    return (Status.WARN if len(most.vms) > TOGETHER else Status.PASS), _spoken_start(most, vault)


def _spoken_start(start: Start, vault: str) -> str:
    count = len(start.vms)
    with_it = "this VM alone starts" if count <= 1 else f"{count} VMs start"
    return f"{with_it} in vault {vault} at {start.at} {start.zone}".strip()


RUNNING = Check(
    id="CHK-JOB-RUNNING",
    title="No other job of the VM runs",
    where=Where.ARM,
    facts=("protection", "item", "running_jobs", "recent_jobs", "jobs_elsewhere"),
    expected="no backup or restore job in progress, in this vault or an earlier one",
    why="A second backup is refused while one runs. Do not update the agent or clean anything up meanwhile.",
    source=f"{SNAPSHOT_TIMEOUT}, UserErrorBackupOperationInProgress",
    look=_running,
    fleet=True,
)
STAGGER = Check(
    id="CHK-STAGGER",
    title="Not too many backups start together",
    where=Where.ARM,
    facts=("protection", "item", "policy", "starts"),
    expected=f"at most {TOGETHER} VMs of a vault start at the same time; starts are an hour apart",
    why="Snapshots that start together compete for the same storage and may time out. Spread the VMs over policies.",
    source=f"{TROUBLESHOOT}, troubleshoot VM snapshot issues (written for VMs of one cloud service)",
    look=_stagger,
    fleet=True,
)
SLOW_BACKUP = Check(
    id="CHK-SLOW-BACKUP",
    title="Backups do not take too long",
    where=Where.ARM,
    facts=("vm", "protection", "item", "running_jobs", "recent_jobs"),
    expected=f"no backup of the last two days took longer than {spoken_time(SLOW_BACKUP_AFTER)}",
    why="A backup that is not over when the next is due leaves gaps in the recovery points.",
    source=f"{TROUBLESHOOT}, backup or restore takes time; {INTRODUCTION}, backup performance",
    look=_slow_backup,
    fleet=True,
)
SLOW_RESTORE = Check(
    id="CHK-SLOW-RESTORE",
    title="Restores do not take too long",
    where=Where.ARM,
    facts=("vm", "protection", "item", "restores"),
    expected=f"no restore of the last 30 days took longer than {spoken_time(SLOW_RESTORE_AFTER)}",
    why="How long a restore takes is how long the service is down.",
    source=f"{TROUBLESHOOT}, backup or restore takes time; {INTRODUCTION}, best practices",
    look=_slow_restore,
)
