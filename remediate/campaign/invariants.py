"""What must hold, each as one small function with a name: it returns what broke it, or nothing.

They are judged on the simulator's own truth, and on what is durable in the journal's file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from actions.guest.run import REMOVE
from actions.tags import PREFIX, UPDATE
from arm.writes import OPERATIONS
from simulator.services.authorization.state import Lock
from simulator.world import World

from ..engine.history import REPAY
from ..engine.model import Verdict
from ..report import Report
from . import proofs, restraints
from .process import SECRET, Process

if TYPE_CHECKING:
    from .court import Court, Write

SENDS = 4
"""How often one change may be sent."""
RETRIES = 24
"""How many reads one process may send again because they failed."""
CHANGING_RUNS, CHANGING_SPAN = 2, timedelta(days=7)
"""So many runs of one runbook may change one VM within that time."""

_VAULT = r"/providers/microsoft\.recoveryservices/vaults/[^/]+"
_FORBIDDEN = (
    ("DELETE", rf"{_VAULT}$"),
    ("DELETE", rf"{_VAULT}/backupfabrics/[^/]+/protectioncontainers/[^/]+(/protecteditems/[^/]+)?$"),
    ("DELETE", rf"{_VAULT}/.*/recoverypoints(/|$)"),
    ("DELETE", rf"{_VAULT}/(backuppolicies|backupresourceguardproxies)/"),
    ("PUT", rf"{_VAULT}(/backupconfig/[^/]+)?$"),
    ("PATCH", rf"{_VAULT}(/backupconfig/[^/]+)?$"),
    ("DELETE", r"^/subscriptions/[^/]+(/resourcegroups/[^/]+)?$"),
    ("DELETE", r"/providers/microsoft\.compute/(virtualmachines|disks|snapshots)/[^/]+$"),
)
"""What must never be sent, whatever the software's own list says."""
_IMPACT = (
    ("DELETE", r"/restorepoints?(collections)?/[^/]+$"),
    ("DELETE", r"/restorepointcollections/[^/]+/restorepoints/[^/]+$"),
    ("POST", r"/(restart|poweroff|start|reapply|deallocate)$"),
    ("PUT", r"/(accesspolicies/(add|remove)|roleassignments/[^/]+)$"),
    ("PUT", r"/protecteditems/[^/]+$"),
)
"""What nobody may send whose plan a person has not approved, whatever the software says of its impact."""


# Who it is about, and what it may touch


def no_write_in_a_dry_run(_court: Court, write: Write) -> str:
    """Nothing is written by a process that may only show."""
    return f"{write.spoken} in a dry run" if write.process.role.dry else ""


def no_write_for_an_unknown_error(_court: Court, write: Write) -> str:
    """Nothing is written for an error that nobody knows."""
    return f"{write.spoken} for an error that is none" if write.process.role.unknown else ""


def nothing_forbidden_is_sent(_court: Court, write: Write) -> str:
    """Nothing on the list of what is never sent is sent."""
    hit = any(write.method == method and re.search(path, write.path.lower()) for method, path in _FORBIDDEN)
    return f"{write.spoken}, which is on the deny list" if hit else ""


def only_the_vm_and_what_belongs_to_it(court: Court, write: Write) -> str:
    """Only the VM, its protected item, its restore points, what locks them, and what they need is written to."""
    path, vm = write.path.lower(), court.history.vm.id.lower()
    world = court.world
    own = [one.id.lower() for one in world.compute.collections.values() if one.source_id.lower() == vm]
    items = [
        item.id.lower()
        for vault in world.recoveryservices.vaults.values()
        for item in vault.items.values()
        if item.vm_name.lower() == vm.rsplit("/", 1)[-1] or item.vm_id.lower() == vm
    ]
    inside = any(path == one or path.startswith(f"{one}/") for one in (vm, *own, *items))
    other = re.search(
        r"/providers/microsoft\.authorization/(locks|roleassignments)/[^/]+$"
        rf"|/vaults/[^/]+/accesspolicies/(add|remove)$|{_VAULT}/backupjobs/[^/]+/cancel$",
        path,
    )
    gone = "/restorepointcollections/" in path and write.change is not None
    return "" if inside or other or gone else f"{write.spoken}, which does not belong to {vm.rsplit('/', 1)[-1]}"


def one_writer_per_vm(court: Court, write: Write) -> str:
    """Whoever has written to a VM does not write again once somebody else has."""
    writers = [one.process.number for one in court.writes]
    if write.process.number in writers and writers[-1] != write.process.number:
        return f"{write.spoken} after {court.writes[-1].process.name} has written"
    return ""


# What comes before a write


def intent_before_every_write(_court: Court, write: Write) -> str:
    """Every write has a durable intent, without an outcome yet, of a run that is open or still owes something."""
    return "" if write.change is not None else f"{write.spoken} without a durable intent"


def approved_where_it_has_an_impact(court: Court, write: Write) -> str:
    """What can hurt somebody was in a plan that a person has approved."""
    if write.change is not None and write.change.step == REPAY:
        return ""
    path = write.path.lower()
    hurts = any(write.method == method and re.search(pattern, path) for method, pattern in _IMPACT)
    locks = write.method == "DELETE" and "/microsoft.authorization/locks/" in path
    hurts = hurts or (locks and not in_the_services_group(court, path))
    hurts = hurts and (write.method, path) not in court.approved
    return f"{write.spoken}, which nobody has approved" if hurts else ""


def permissions_are_as_declared(_court: Court, write: Write) -> str:
    """A write needs no permission that its operation does not declare."""
    if write.change is None:
        return ""
    declared = {one.lower() for one in OPERATIONS[write.change.operation].permissions}
    return "" if write.action.lower() in declared else f"{write.spoken}, which needs {write.action}"


def nothing_while_frozen(court: Court, write: Write) -> str:
    """While everything is frozen, nothing is begun but giving back."""
    if not court.frozen_since or write.process.sending_since < court.frozen_since:
        return ""
    giving_back = write.change is not None and (write.change.step == REPAY or not write.change.repairs)
    return "" if giving_back else f"{write.spoken} while everything was frozen"


# How often


def nothing_is_done_twice(court: Court, write: Write) -> str:
    """A change of a run takes effect once; only a look inside the VM, which changes nothing, may be taken again.

    A lock that people set anew right after its removal, as it was, looks like one that was never removed.
    """
    if not write.effect or write.change is None or not write.change.repairs:
        return ""
    same = [one for one in court.writes if one.effect and one.run == write.run and one.change is not None]
    twice = [one for one in same if (one.intent == write.intent or _again(one, write)) and not court.set_since(one)]
    return f"{write.spoken} a second time (first at event {twice[0].event})" if twice else ""


def _again(one: Write, other: Write) -> bool:
    """Say whether two writes of a run are the same change; a loan may be taken and given back more than once."""
    if one.change is None or other.change is None or one.change.operation in (UPDATE, REMOVE):
        return False
    if other.change.step == REPAY or other.change.loan:
        return False
    return one.change.fingerprint == other.change.fingerprint


def one_backup_for_each_step(court: Court, write: Write) -> str:
    """A step of a run starts one on-demand backup."""
    if not write.effect or write.change is None or not write.path.lower().endswith("/backup"):
        return ""
    step = write.change.step
    same = [
        one for one in court.writes if one.effect and one.run == write.run and one.path.lower() == write.path.lower()
    ]
    twice = [one for one in same if one.change is not None and one.change.step == step]
    return f"{write.spoken} a second time (first at event {twice[0].event})" if twice else ""


def sends_within_the_budget(court: Court, write: Write) -> str:
    """One change is sent a few times at the most."""
    sends = sum(
        1 for one in court.writes if (one.run, one.intent, one.process) == (write.run, write.intent, write.process)
    )
    return f"{write.spoken} for the {sends + 1}th time" if sends >= SENDS else ""


def no_third_run_changes_the_vm(court: Court, write: Write) -> str:
    """The same repair does not change the same VM in one run after the other."""
    if not write.effect or not repairs(write) or not re.match(r"[^:]+$", _runbook(court, write.run)):
        return ""
    since = write.at - CHANGING_SPAN
    same = [one for one in court.writes if one.effect and one.at > since and repairs(one)]
    runs = {one.run for one in same if _runbook(court, one.run) == _runbook(court, write.run)} - {write.run}
    return f"{write.spoken} in the {len(runs) + 1}th run" if len(runs) >= CHANGING_RUNS else ""


def _runbook(court: Court, run: str) -> str:
    return next((str(one["runbook"]).lower() for one in court.books.runs() if one["id"] == run), "")


def repairs(write: Write) -> bool:
    """Say whether a write changes something in order to repair."""
    change = write.change
    if change is None or change.step == REPAY or not change.repairs or change.operation in (UPDATE, REMOVE):
        return False
    return change.operation != "backups.trigger"


# The world


def keepsakes(world: World) -> Mapping[str, Any]:
    """Return what nobody may lose: VMs, disks, vaults with their settings, protected items."""
    vaults = world.recoveryservices.vaults.values()
    return {
        "VMs": {vm.id.lower() for vm in world.compute.vms.values()},
        "vaults": {one.id.lower(): (one.soft_delete, one.immutability, sorted(one.policies)) for one in vaults},
        "protected items": {item.id.lower() for one in vaults for item in one.items.values()},
    }


def what_is_kept_stays(court: Court) -> str:
    """VMs, vaults, their settings and protected items stay."""
    there = keepsakes(court.world)
    lost = [
        name
        for name, kept in court.keepsakes.items()
        if (there[name] != kept if isinstance(kept, dict) else not kept <= there[name])
    ]
    return f"{', '.join(lost)} are not what they were" if lost else ""


def no_recovery_point_is_lost(court: Court) -> str:
    """A recovery point stays until it expires, and so does its last copy."""
    now = court.world.clock.now
    restore_points = {
        point.id.lower() for one in court.world.compute.collections.values() for point in one.points.values()
    }
    there = [
        point
        for vault in court.world.recoveryservices.vaults.values()
        for item in vault.items.values()
        for point in item.points
    ]
    for point in there:
        court.points[point.id] = point
        if point.in_vault or point.restore_point in restore_points:
            court.copied.add(point.id)
        elif point.id in court.copied and not (point.expires is not None and point.expires <= now):
            return f"the last copy of recovery point {point.id} is gone"
    missing = court.points.keys() - {point.id for point in there}
    early = [key for key in sorted(missing) if (end := court.points[key].expires) is None or end > now]
    return f"recovery point {early[0]} is gone before it expires" if early else ""


# What is reported


def fixed_only_with_a_newer_point(court: Court, _process: Process, report: Report) -> str:
    """Fixed is said only when a recovery point is newer than the last change."""
    if report.stand.verdict is not Verdict.FIXED or report.run is None:
        return ""
    own = [one.at for one in court.writes if one.effect and one.run == report.run.id and repairs(one)]
    item = court.world.recoveryservices.item_of(court.history.vm.id)
    newest = max((point.time for point in item.points), default=None) if item is not None else None
    if newest is None or (own and newest <= max(own)):
        return f"run {report.run.id[:8]} is called Fixed, but the newest recovery point is of {newest}"
    return ""


def reads_within_the_budget(_court: Court, process: Process, _report: Report) -> str:
    """A process sends only so many reads again."""
    return f"{process.name} has sent {process.retries} reads again" if process.retries > RETRIES else ""


# At rest


def every_run_has_a_verdict(court: Court) -> str:
    """Every run is closed, with a final verdict."""
    for run in court.books.runs():
        if run["status"] != "closed" or not run["verdict"] or not Verdict(run["verdict"]).final:
            return f"run {run['id'][:8]} ({run['runbook']}) is {run['status']}: {run['verdict']} {run['reason']}"
    return ""


def every_duty_is_repaid(court: Court) -> str:
    """Nothing is owed."""
    owed = court.books.owed()
    return f"{owed[0]} is still owed" if owed else ""


def every_lease_is_free(court: Court) -> str:
    """Nobody holds a lease."""
    return "the lease on the VM is held" if court.history.lease_is_held() else ""


def locks_are_as_found(court: Court) -> str:
    """Every lock is as people have set it: name, level, notes, owners; what the service made may stay away."""
    there = court.locks
    for key, lock in court.expected.items():
        if key not in there and key not in court.contested and not in_the_services_group(court, key):
            return f"the lock {lock.id} is away"
    for key, lock in there.items():
        wanted = court.expected.get(key)
        if wanted is None and key not in court.contested:
            return f"the lock {lock.id} is there, and nobody has set it"
        if wanted is not None and key not in court.contested and _shape(lock) != _shape(wanted):
            return f"the lock {lock.id} is {_shape(lock)}, and was {_shape(wanted)}"
    return ""


def nothing_is_left_on_the_vm(court: Court) -> str:
    """No run command and no tag of ours is left."""
    for vm in court.world.compute.vms.values():
        tags = [name for name in vm.tags if name.lower().startswith(PREFIX)]
        if tags:
            return f"the tag {tags[0]} is left on {vm.name}"
        if vm.run_commands:
            return f"the run command {next(iter(vm.run_commands))} is left on {vm.name}"
    return ""


def no_secret_is_kept(court: Court) -> str:
    """No token is in the journal, nor in the log."""
    if SECRET.encode() in court.books.everything():
        return "a token is in the journal"
    return "a token is in the log" if any(SECRET in line for line in court.history.log) else ""


def in_the_services_group(court: Court, lock_id: str) -> bool:
    """Say whether a lock is in a resource group that the backup service has made for itself."""
    found = re.match(r"/subscriptions/[^/]+/resourcegroups/([^/]+)/", lock_id.lower())
    if found is None:
        return False
    policies = [one for vault in court.world.recoveryservices.vaults.values() for one in vault.policies.values()]
    own = [rf"{re.escape(one.group_prefix)}\d+{re.escape(one.group_suffix)}" for one in policies if one.group_prefix]
    return any(re.fullmatch(pattern, found[1], re.IGNORECASE) for pattern in ("azurebackuprg_.*", *own))


def _shape(lock: Lock) -> tuple[object, ...]:
    return lock.scope, lock.name, lock.level, lock.notes, lock.owners


ON_WRITE: tuple[Callable[[Court, Write], str], ...] = (
    no_write_in_a_dry_run,
    no_write_for_an_unknown_error,
    nothing_forbidden_is_sent,
    only_the_vm_and_what_belongs_to_it,
    one_writer_per_vm,
    intent_before_every_write,
    approved_where_it_has_an_impact,
    permissions_are_as_declared,
    nothing_while_frozen,
    nothing_is_done_twice,
    one_backup_for_each_step,
    sends_within_the_budget,
    no_third_run_changes_the_vm,
    *restraints.ON_WRITE,
    *proofs.ON_WRITE,
)
ON_INTENT = restraints.ON_INTENT
ON_LEASE = proofs.ON_LEASE
ALWAYS: tuple[Callable[[Court], str], ...] = (what_is_kept_stays, no_recovery_point_is_lost)
ON_REPORT: tuple[Callable[[Court, Process, Report], str], ...] = (
    fixed_only_with_a_newer_point,
    reads_within_the_budget,
    *proofs.ON_REPORT,
)
AT_REST: tuple[Callable[[Court], str], ...] = (
    every_run_has_a_verdict,
    every_duty_is_repaid,
    every_lease_is_free,
    locks_are_as_found,
    nothing_is_left_on_the_vm,
    no_secret_is_kept,
)
