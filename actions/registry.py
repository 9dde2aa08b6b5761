"""The actions by name, as ``remediate action NAME`` runs them alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial

from arm.errors import UsageError
from arm.facts.collect import VmFacts
from arm.facts.locks import Lock
from arm.ids import group_id, parse, same

from .change import Change, Effects, NoChange
from .disks import exclude_disks, luns_of
from .extension import uninstall_vmsnapshot_extension
from .guest.run import run_script
from .guest.scripts import APPLY, CHECK, Script, scripts
from .jobs import cancel_backup_job, jobs_to_cancel
from .key_vault import grant_key_vault_access
from .locks import remove_lock, restore_lock
from .power import reapply_vm, restart_vm, start_vm, stop_vm
from .protection import (
    RETENTION_DAYS,
    resume_protection,
    stop_protection_retain_data,
    trigger_on_demand_backup,
    undelete_protected_item,
)
from .restore_points import LIMIT, delete_restore_point_collection, delete_restore_points

Arguments = Mapping[str, str]
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LOCK_ID = re.compile(r"/subscriptions/.+/providers/microsoft\.authorization/locks/[^/]+", re.IGNORECASE)


@dataclass(frozen=True)
class Action:
    """An action as a command.

    Attributes:
        run: from facts and arguments to the changes still needed.
        arguments: the arguments it takes, with what each means.
        script: what it runs inside the VM; ``None`` for an action on Azure.
    """

    name: str
    summary: str
    run: Callable[[VmFacts, Arguments], Effects]
    arguments: Mapping[str, str]
    script: Script | None = None


def _whole(arguments: Arguments, name: str, default: int, lowest: int, highest: int) -> int:
    text = arguments.get(name, "") or str(default)
    if not text.isdecimal() or len(text) > len(str(highest)) or not lowest <= int(text) <= highest:
        raise UsageError(f"--{name} {text!r} is not a whole number from {lowest} to {highest}", f"Correct --{name}.")
    return int(text)


def blocking_locks(facts: VmFacts) -> list[Lock]:
    """Return the locks that keep the service's restore point collections from being cleaned up, each once."""
    found: dict[str, Lock] = {}
    for collection in facts.collections():
        if collection.made_by_backup:
            found.update((lock.id.lower(), lock) for lock in facts.locks_in_the_way("DELETE", collection.id))
    return [found[key] for key in sorted(found)]


def in_service_group(facts: VmFacts, lock: Lock) -> bool:
    """Say whether a lock sits on, or inside, a resource group that the backup service made for restore points."""
    scope = lock.scope
    if lock.on_subscription:
        return False
    group = scope.strip("/").split("/")[3]
    holds_collection = any(same(group_id(one.id), "/".join(scope.split("/")[:5])) for one in facts.collections())
    return holds_collection and facts.made_by_backup(group)


def remove_blocking_locks(facts: VmFacts, *, only: str = "") -> Iterator[Change | NoChange]:
    """Remove the locks that block the clean-up of restore points.

    Args:
        facts: facts of the VM.
        only: id or name of the one lock to remove; it must be one of those that block.
    """
    blocking = blocking_locks(facts)
    chosen = [lock for lock in blocking if only.lower() in ("", lock.name.lower()) or same(lock.id, only)]
    if only and not chosen:
        yield NoChange(f"no lock {only!r} applies to the restore point collections of this VM")
    elif not chosen:
        yield NoChange("no lock applies to the restore point collections of this VM")
    for lock in chosen:
        reason = "it stops the backup service from cleaning up old restore points"
        yield from remove_lock(facts, lock, service_group=in_service_group(facts, lock), reason=reason)


def _restore_lock(facts: VmFacts, arguments: Arguments) -> Effects:
    lock_id = arguments.get("lock", "")
    if not _LOCK_ID.fullmatch(lock_id):
        raise UsageError("restore_lock needs the full id of the lock", "Give --lock ID, or use 'remediate undo RUN'.")
    level = arguments.get("level", "") or "CanNotDelete"
    if level not in ("CanNotDelete", "ReadOnly"):
        raise UsageError(f"{level!r} is not a lock level", "Give --level CanNotDelete or ReadOnly.")
    if lock_id.split("/")[2].lower() != parse(facts.vm_id).subscription.lower():
        raise UsageError("the lock is in another subscription than the VM", "Give the lock of this VM's groups.")
    properties = {"level": level, **({"notes": arguments["notes"]} if arguments.get("notes") else {})}
    return restore_lock(facts, lock_id, {"properties": properties})


def _resume_protection(facts: VmFacts, arguments: Arguments) -> Effects:
    item = facts.item()
    policy = arguments.get("policy", "") or (item.policy_id if item else "")
    if not policy and item is not None:
        raise UsageError("the item has no policy any more", "Give --policy NAME or the id of a policy of its vault.")
    if "/" not in policy:
        policy = f"{facts.protection().vault_id}/backupPolicies/{policy}"
    return resume_protection(facts, policy_id=policy)


def _grant_key_vault_access(facts: VmFacts, arguments: Arguments) -> Effects:
    principal = arguments.get("principal-id", "")
    if not _GUID.fullmatch(principal):
        raise UsageError(
            f"--principal-id {principal!r} is no object id (a GUID)",
            "Look it up: az ad sp show --id APPLICATION-ID --query id --output tsv.",
        )
    return grant_key_vault_access(facts, principal_id=principal, role_id=arguments.get("role", ""))


def _exclude_disks(facts: VmFacts, arguments: Arguments) -> Effects:
    return exclude_disks(facts, luns=luns_of(arguments.get("luns", ""), "--luns"))


def _cancel_backup_job(facts: VmFacts, arguments: Arguments) -> Effects:
    name = arguments.get("job", "")
    running = {job.name: job for job in jobs_to_cancel(facts) if name.lower() in ("", job.name.lower())}
    if name and not running:
        raise UsageError(f"no job {name!r} of this VM is in progress", "Look at the vault's jobs.")
    if len(running) > 1:
        raise UsageError("several jobs of this VM are in progress", "Name one with --job NAME.", tuple(running))
    if not running:
        yield NoChange("no job of this VM is in progress")
    for job in running.values():
        yield from cancel_backup_job(job)


def _run_script(facts: VmFacts, arguments: Arguments, *, script: Script) -> Effects:
    values = {name: value for name, value in arguments.items() if name != VERB}
    verb = arguments.get(VERB, "") or (CHECK if script.reads_only else APPLY)
    return run_script(facts, script.action, verb=verb, parameters=values)


@cache
def guest_actions() -> Mapping[str, Action]:
    """Return the actions that are scripts inside the VM, by name; they are read from their manifests."""
    return {
        script.action: Action(
            script.action,
            script.title[:1].lower() + script.title[1:],
            partial(_run_script, script=script),
            {
                **{name: one.meaning for name, one in script.parameters.items()},
                **({VERB: f"{' or '.join(script.verbs)} (default {APPLY})"} if not script.reads_only else {}),
            },
            script=script,
        )
        for script in scripts().values()
    }


VERB = "verb"
"""The argument of a script's action that says what it is asked to do."""
ACTIONS: dict[str, Action] = {
    action.name: action
    for action in (
        Action(
            "remove_lock",
            "remove the locks that block the clean-up of restore points",
            lambda facts, arguments: remove_blocking_locks(facts, only=arguments.get("lock", "")),
            {"lock": "name or id of the one lock to remove (default: every lock that blocks)"},
        ),
        Action(
            "restore_lock",
            "put a lock back",
            _restore_lock,
            {
                "lock": "id of the lock (default: those earlier runs on this VM have removed)",
                "level": "CanNotDelete (default) or ReadOnly",
                "notes": "the lock's notes",
            },
        ),
        Action(
            "delete_restore_points",
            "delete the oldest restore points of the backup service",
            lambda facts, arguments: delete_restore_points(facts, keep=_whole(arguments, "keep", LIMIT - 1, 1, 10_000)),
            {"keep": f"how many restore points may stay (default {LIMIT - 1})"},
        ),
        Action(
            "delete_restore_point_collection",
            "delete a whole restore point collection of the backup service",
            lambda facts, arguments: delete_restore_point_collection(facts, collection=arguments.get("collection", "")),
            {"collection": "name of the one collection (default: every collection the service made for this VM)"},
        ),
        Action(
            "uninstall_vmsnapshot_extension",
            "uninstall the backup extension; the next backup installs it again",
            lambda facts, _arguments: uninstall_vmsnapshot_extension(facts),
            {},
        ),
        Action(
            "trigger_on_demand_backup",
            "back up now",
            lambda facts, arguments: trigger_on_demand_backup(
                facts, retention_days=_whole(arguments, "retain-days", RETENTION_DAYS, 1, 36135)
            ),
            {"retain-days": f"days the recovery point is kept (default {RETENTION_DAYS})"},
        ),
        Action(
            "stop_protection_retain_data",
            "stop backups and keep every recovery point",
            lambda facts, _arguments: stop_protection_retain_data(facts),
            {},
        ),
        Action(
            "resume_protection",
            "resume backups under a policy",
            _resume_protection,
            {"policy": "name or id of the policy (default: the one it had)"},
        ),
        Action(
            "grant_key_vault_access",
            "let the backup service read the keys of encrypted disks in their key vaults",
            _grant_key_vault_access,
            {
                "principal-id": "object id of the Backup Management Service in this tenant",
                "role": "id of the role to give where a key vault uses roles (default: one that fits exactly, "
                "else Key Vault Administrator)",
            },
        ),
        Action(
            "undelete_protected_item",
            "undelete the soft-deleted backup item with its recovery points",
            lambda facts, _arguments: undelete_protected_item(facts),
            {},
        ),
        Action(
            "exclude_disks",
            "leave data disks out of the backup; their data is not protected any more",
            _exclude_disks,
            {"luns": "LUNs of the data disks to leave out, separated by commas"},
        ),
        Action(
            "cancel_backup_job",
            "cancel a backup that is in progress, while its snapshot is taken",
            _cancel_backup_job,
            {"job": "name of the job (default: the only one in progress)"},
        ),
        Action("start_vm", "start the VM", lambda facts, _arguments: start_vm(facts), {}),
        Action("restart_vm", "restart the VM", lambda facts, _arguments: restart_vm(facts), {}),
        Action(
            "stop_vm",
            "shut the VM down and power it off through the platform",
            lambda facts, _arguments: stop_vm(facts),
            {},
        ),
        Action(
            "reapply_vm",
            "apply the VM's own model again, which clears a stale Failed state",
            lambda facts, _arguments: reapply_vm(facts),
            {},
        ),
    )
}
