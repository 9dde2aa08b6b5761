"""Probes: did a write take effect? Asked after every write, and above all when its answer was lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum

from arm.errors import NotFound
from arm.facts.access import ROLE_API
from arm.facts.backup import Job, read_job, read_jobs
from arm.facts.collect import VmFacts
from arm.facts.compute import API as COMPUTE_API
from arm.facts.compute import read_vm
from arm.facts.inventory import read_key_vault
from arm.facts.locks import read_lock
from arm.facts.run_commands import read_run_command
from arm.facts.values import inner
from arm.ids import parse, same

from .change import Change
from .disks import disk_list
from .key_vault import own_policy

SKEW = timedelta(seconds=5)
"""How much earlier than our own note of Azure's time a job's start may be written."""


class Effect(str, Enum):
    """What a probe saw."""

    APPLIED = "applied"
    NOT_APPLIED = "not applied"
    UNDER_WAY = "under way"
    """Azure has taken it and is at it: it must not be sent again, and its effect is not there yet."""
    UNKNOWN = "cannot be told"
    """Neither can be told, so what is not idempotent must not be sent again."""


Probe = Callable[[VmFacts, Change, datetime], Effect]


def probe(facts: VmFacts, change: Change, since: datetime) -> Effect:
    """Look in Azure whether a change took effect; reads afresh, changes nothing.

    Args:
        facts: facts of the VM; what was read before is not used.
        change: the change.
        since: Azure's time just before it was sent.
    """
    return _PROBES[change.operation](facts, change, since)


def started_backup(facts: VmFacts, since: datetime) -> Job | None:
    """Return the on-demand backup of this VM that was started at or after ``since``, ``None`` when there is none."""
    item_id = facts.protection().item_id
    until = facts.azure_now + timedelta(hours=1)
    jobs = read_jobs(facts.session, item_id, operation="Backup", since=since - SKEW, until=until)
    started = [job for job in jobs if job.on_demand and job.started is not None and job.started >= since - SKEW]
    return started[-1] if started else None


def _lock_gone(facts: VmFacts, change: Change, _since: datetime) -> Effect:
    return Effect.APPLIED if read_lock(facts.session, change.target) is None else Effect.NOT_APPLIED


def _lock_there(facts: VmFacts, change: Change, _since: datetime) -> Effect:
    lock = read_lock(facts.session, change.target)
    return Effect.APPLIED if lock is not None and lock.body() == change.body else Effect.NOT_APPLIED


def _resource_gone(facts: VmFacts, change: Change, _since: datetime) -> Effect:
    try:
        resource = facts.session.get(change.target, COMPUTE_API)
    except NotFound:
        return Effect.APPLIED
    state = str(inner(resource, "properties").get("provisioningState", ""))
    return Effect.UNDER_WAY if state.lower() == "deleting" else Effect.NOT_APPLIED


def _backup_started(facts: VmFacts, _change: Change, since: datetime) -> Effect:
    return Effect.APPLIED if started_backup(facts, since) else Effect.NOT_APPLIED


def _item_in_state(facts: VmFacts, change: Change, _since: datetime) -> Effect:
    facts.refresh()
    item = facts.item()
    wanted = str((change.after or {}).get("protectionState", "")).lower()
    return Effect.APPLIED if item is not None and item.state.lower() == wanted else Effect.NOT_APPLIED


def _item_resumed(facts: VmFacts, change: Change, _since: datetime) -> Effect:
    facts.refresh()
    item, policy = facts.item(), str((change.after or {}).get("policyId", ""))
    if item is None or item.state.lower() not in ("protected", "irpending"):  # without a point it waits for its first
        return Effect.NOT_APPLIED
    return Effect.APPLIED if same(item.policy_id, policy) else Effect.NOT_APPLIED


def _item_undeleted(facts: VmFacts, _change: Change, _since: datetime) -> Effect:
    facts.refresh()
    item = facts.item()
    return Effect.APPLIED if item is not None and not item.soft_deleted else Effect.NOT_APPLIED


def _disks_as_wanted(facts: VmFacts, change: Change, _since: datetime) -> Effect:
    facts.refresh()
    item = facts.item()
    wanted = (change.after or {}).get("diskExclusionProperties")
    as_wanted = item is not None and disk_list(item.excluded_luns, item.included_luns) == wanted
    return Effect.APPLIED if as_wanted else Effect.NOT_APPLIED


def _policy_as_wanted(facts: VmFacts, change: Change, _since: datetime) -> Effect:
    wanted = change.after or {}
    policy = own_policy(read_key_vault(facts.session, change.target), str(wanted["objectId"]))
    have = {"keys": policy.keys, "secrets": policy.secrets} if policy else {"keys": (), "secrets": ()}
    same_as = all(set(wanted.get(kind) or ()) == set(names) for kind, names in have.items())
    return Effect.APPLIED if same_as else Effect.NOT_APPLIED


def _assignment_there(facts: VmFacts, change: Change, _since: datetime) -> Effect:
    try:
        facts.session.get(change.target, ROLE_API)
    except NotFound:
        return Effect.NOT_APPLIED
    return Effect.APPLIED


def _assignment_gone(facts: VmFacts, change: Change, since: datetime) -> Effect:
    there = _assignment_there(facts, change, since) is Effect.APPLIED
    return Effect.NOT_APPLIED if there else Effect.APPLIED


def _in_power_state(facts: VmFacts, change: Change, _since: datetime) -> Effect:
    wanted = (change.after or {}).get("power_state")
    return Effect.APPLIED if read_vm(facts.session, facts.vm_id).power_state == wanted else Effect.NOT_APPLIED


def _restarted(facts: VmFacts, _change: Change, since: datetime) -> Effect:
    """Tell a restart by the time of the provisioning state: no power state shows that a machine was restarted.

    An older time proves nothing: no machine is restarted twice because Azure was late to show the first restart.
    """
    vm = read_vm(facts.session, facts.vm_id)
    done = vm.state_since is not None and vm.state_since > since and not vm.in_transition
    return Effect.APPLIED if done and vm.provisioning_state == "Succeeded" else Effect.UNKNOWN


def _reapplied(facts: VmFacts, change: Change, _since: datetime) -> Effect:
    wanted = (change.after or {}).get("provisioning_state")
    return Effect.APPLIED if read_vm(facts.session, facts.vm_id).provisioning_state == wanted else Effect.NOT_APPLIED


def _job_cancelled(facts: VmFacts, change: Change, _since: datetime) -> Effect:
    vault = change.target[: change.target.lower().index("/backupjobs/")]
    job = read_job(facts.session, vault, parse(change.target).name)
    return Effect.APPLIED if job.status in ("Cancelling", "Cancelled") else Effect.NOT_APPLIED


def _script_taken(facts: VmFacts, change: Change, since: datetime) -> Effect:
    """Say whether a script's run command has arrived; how the script ended is another question."""
    try:
        command = read_run_command(facts.session, change.target)
    except NotFound:
        return Effect.NOT_APPLIED
    return Effect.APPLIED if command.started is None or command.started >= since - SKEW else Effect.UNKNOWN


def _cannot_be_told(_facts: VmFacts, _change: Change, _since: datetime) -> Effect:
    return Effect.UNKNOWN


def _tags_as_wanted(facts: VmFacts, change: Change, _since: datetime) -> Effect:
    wanted = {str(name).lower(): str(value) for name, value in change.body["tags"].items()}
    merged = change.body["operation"] == "Merge"
    try:
        tags = read_vm(facts.session, change.target).tags
    except NotFound:
        return Effect.NOT_APPLIED if merged else Effect.APPLIED
    have = {name.lower(): value for name, value in tags.items() if name.lower() in wanted}
    return Effect.APPLIED if have == (wanted if merged else {}) else Effect.NOT_APPLIED


_PROBES: dict[str, Probe] = {
    "locks.delete": _lock_gone,
    "locks.create_or_update": _lock_there,
    "restore_points.delete": _resource_gone,
    "restore_point_collections.delete": _resource_gone,
    "virtual_machine_extensions.delete": _resource_gone,
    "backups.trigger": _backup_started,
    "protected_items.stop": _item_in_state,
    "protected_items.resume": _item_resumed,
    "protected_items.undelete": _item_undeleted,
    "protected_items.set_disks": _disks_as_wanted,
    "vaults.add_access_policy": _policy_as_wanted,
    "vaults.remove_access_policy": _policy_as_wanted,
    "role_assignments.create": _assignment_there,
    "role_assignments.delete": _assignment_gone,
    "jobs.cancel": _job_cancelled,
    "run_commands.create": _script_taken,
    "run_commands.delete": _resource_gone,
    "virtual_machines.run_command": _cannot_be_told,
    "tags.update": _tags_as_wanted,
    "virtual_machines.start": _in_power_state,
    "virtual_machines.restart": _restarted,
    "virtual_machines.power_off": _in_power_state,
    "virtual_machines.reapply": _reapplied,
}
