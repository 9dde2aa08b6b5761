"""The chain, as Microsoft documents it: choose another name for the VM."""

from __future__ import annotations

from ...catalogue import load
from ...classic import NAME_TAKEN, classic
from ...preflight import MACHINE
from ...restore import FROM_DISKS, About, restore_runbook

ENTRY = load("restore_dns_name_taken")
ABOUT = About(
    own=("vm-name-taken",),
    needed=(MACHINE,),
    more=classic(NAME_TAKEN),
    way=f"Or restore the disks only, without --restore-mode and the --target-v* options. {FROM_DISKS}",
    machine=True,
)
RUNBOOK = restore_runbook(ENTRY, ABOUT)
