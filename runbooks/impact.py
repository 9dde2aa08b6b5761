"""What a write can do to somebody at the most: data, from which the impact of a runbook is known before it plans."""

from __future__ import annotations

from collections.abc import Iterable

from actions.change import Impact
from actions.guest.scripts import find_script

HIGHEST: dict[str, Impact] = {
    "locks.delete": Impact.SECURITY,
    "tags.update": Impact.NONE,
    "locks.create_or_update": Impact.SECURITY,
    "restore_points.delete": Impact.DESTRUCTIVE,
    "restore_point_collections.delete": Impact.DESTRUCTIVE,
    "virtual_machine_extensions.delete": Impact.NONE,
    "backups.trigger": Impact.NONE,
    "protected_items.stop": Impact.SECURITY,
    "protected_items.resume": Impact.DESTRUCTIVE,
    "protected_items.undelete": Impact.SECURITY,
    "protected_items.set_disks": Impact.DESTRUCTIVE,
    "virtual_machines.start": Impact.DISRUPTIVE,
    "virtual_machines.restart": Impact.DISRUPTIVE,
    "virtual_machines.power_off": Impact.DISRUPTIVE,
    "virtual_machines.reapply": Impact.DISRUPTIVE,
    "run_commands.create": Impact.NONE,
    "run_commands.delete": Impact.NONE,
    "virtual_machines.run_command": Impact.NONE,
    "jobs.cancel": Impact.DISRUPTIVE,
    "vaults.add_access_policy": Impact.SECURITY,
    "vaults.remove_access_policy": Impact.SECURITY,
    "role_assignments.create": Impact.SECURITY,
    "role_assignments.delete": Impact.SECURITY,
}
"""By operation, a key of :data:`arm.writes.OPERATIONS`: the highest impact with which an action plans it.

What a run command can do is its script's impact, which its manifest says.
"""
_ORDER = list(Impact)


def impact_of(operations: Iterable[str], scripts: Iterable[str] = ()) -> Impact:
    """Return the highest impact that any of several writes, and of scripts inside the VM, may have.

    >>> impact_of(["backups.trigger", "jobs.cancel"]).value, impact_of([]).value
    ('disruptive', 'none')
    """
    impacts = [*(HIGHEST[one] for one in operations), *(find_script(one).impact for one in scripts)]
    return max(impacts, key=_ORDER.index, default=Impact.NONE)
