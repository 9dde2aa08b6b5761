"""The chain, as Microsoft documents it: another cloud service, or an existing endpoint; now: restore the disks."""

from __future__ import annotations

from ...catalogue import load
from ...classic import BALANCED, ENDPOINTS, classic
from ...restore import DISKS, FROM_DISKS, About, restore_runbook

ENTRY = load("restore_input_endpoint_limit")
ABOUT = About(
    own=(),
    needed=DISKS,
    more=classic(ENDPOINTS, BALANCED),
    way=f"Restore the disks. {FROM_DISKS}",
    reads=("nics",),
)
RUNBOOK = restore_runbook(ENTRY, ABOUT)
