"""The chain, as Microsoft documents it: another target, or another recovery point; now: restore the disks."""

from __future__ import annotations

from ...catalogue import load
from ...classic import RESERVED_ADDRESSES, RESERVED_IP, classic
from ...restore import DISKS, FROM_DISKS, About, restore_runbook

ENTRY = load("restore_reserved_ip_mismatch")
ABOUT = About(
    own=(),
    needed=DISKS,
    more=classic(RESERVED_IP, RESERVED_ADDRESSES),
    way=f"Restore the disks. {FROM_DISKS} Another recovery point is the other documented way: it holds other data.",
    reads=("nics",),
)
RUNBOOK = restore_runbook(ENTRY, ABOUT)
