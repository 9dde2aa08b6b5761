"""The RBAC actions that a runbook needs, computed from the facts and the writes that it declares."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from arm.facts.permissions import READS
from arm.writes import OPERATIONS

from .model import Runbook

_ITEM = "Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems"
_ITEM_STATUS = (f"{_ITEM}/operationsStatus/read",)
_JOB_STATUS = ("Microsoft.RecoveryServices/Vaults/backupJobs/operationResults/read",)
_COMPUTE_STATUS = ("Microsoft.Compute/locations/operations/read",)


@dataclass(frozen=True)
class Behind:
    """What is behind a write, besides its own permissions.

    Attributes:
        facts: what its guards, its probe and its verification read.
        follow: the RBAC actions that following its operation needs.
        back: the operations that take it back, which a run may owe.
    """

    facts: tuple[str, ...] = ()
    follow: tuple[str, ...] = ()
    back: tuple[str, ...] = ()


EVERY_RUN = ("vm",)
"""What every run reads: the machine, which also tells Azure's time."""
EVERY_WRITE = ("vm", "running_jobs", "locks")
"""What the guards look at before any write: the opt-out tag, jobs in progress, locks in the way."""
BEHIND: dict[str, Behind] = {
    "locks.delete": Behind(back=("locks.create_or_update", "tags.update")),
    "locks.create_or_update": Behind(),
    "restore_points.delete": Behind(("collections", "recovery_points"), _COMPUTE_STATUS),
    "restore_point_collections.delete": Behind(("collections", "recovery_points"), _COMPUTE_STATUS),
    "virtual_machine_extensions.delete": Behind(("extensions",), _COMPUTE_STATUS),
    "backups.trigger": Behind(("recent_jobs", "recovery_points"), _ITEM_STATUS),
    "protected_items.stop": Behind(("item", "resource_guards"), _ITEM_STATUS),
    "protected_items.resume": Behind(("item", "resource_guards"), _ITEM_STATUS),
    "vaults.add_access_policy": Behind(back=("vaults.remove_access_policy",)),
    "vaults.remove_access_policy": Behind(),
    "role_assignments.create": Behind(back=("role_assignments.delete",)),
    "role_assignments.delete": Behind(),
    "protected_items.undelete": Behind(("item", "resource_guards"), _ITEM_STATUS),
    "protected_items.set_disks": Behind(("item", "disks", "policy", "resource_guards"), _ITEM_STATUS),
    "jobs.cancel": Behind(("running_jobs", "jobs_elsewhere"), _JOB_STATUS),
    "run_commands.create": Behind(("run_commands",), _COMPUTE_STATUS, ("run_commands.delete",)),
    "run_commands.delete": Behind(("run_commands",), _COMPUTE_STATUS),
    "virtual_machines.run_command": Behind(("run_commands",), _COMPUTE_STATUS),
    "tags.update": Behind(("vm",)),
    "virtual_machines.start": Behind(("vm",), _COMPUTE_STATUS),
    "virtual_machines.restart": Behind(("vm",), _COMPUTE_STATUS),
    "virtual_machines.power_off": Behind(("vm",), _COMPUTE_STATUS, ("virtual_machines.start",)),
    "virtual_machines.reapply": Behind(("vm",), _COMPUTE_STATUS),
}
"""By operation; a test holds it against what the simulator sees."""


def permissions(runbook: Runbook) -> tuple[str, ...]:
    """Return every RBAC action that diagnosing and carrying out a runbook needs, sorted."""
    return tuple(sorted(_of_facts((*EVERY_RUN, *runbook.facts, *runbook.also_reads)) | _of_writes(runbook.writes)))


def of_runbooks(runbooks: Iterable[Runbook]) -> tuple[str, ...]:
    """Return every RBAC action that any of several runbooks needs, sorted."""
    return tuple(sorted({action for runbook in runbooks for action in permissions(runbook)}))


def _of_facts(names: Iterable[str]) -> set[str]:
    return {action for name in names for action in READS[name]}


def _of_writes(operations: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for operation in operations:
        behind = BEHIND[operation]
        found |= _of_facts((*EVERY_WRITE, *behind.facts)) | {*behind.follow}
        for one in (operation, *behind.back):
            found |= {*OPERATIONS[one].permissions}
    return found
