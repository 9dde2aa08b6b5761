"""The chain, as Microsoft documents it: delete resource groups, or ask for a higher limit."""

from __future__ import annotations

from ...catalogue import load
from ...preflight import GROUP
from ...restore import About, restore_runbook

ENTRY = load("restore_resource_group_quota")
ABOUT = About(
    own=("resource-group-quota",),
    needed=(GROUP,),
    way="Or make room: delete resource groups that nobody needs, or ask Azure Support to raise the limit.",
    repeatable=True,
)
RUNBOOK = restore_runbook(ENTRY, ABOUT)
