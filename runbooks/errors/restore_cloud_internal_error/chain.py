"""The chain, as Microsoft documents it: a VM with a special network configuration is restored as disks."""

from __future__ import annotations

from ...catalogue import load
from ...classic import DNS_SETTINGS, RESERVED_IP, SPECIAL_NETWORK, classic
from ...restore import DISKS, FROM_DISKS, About, restore_runbook

ENTRY = load("restore_cloud_internal_error")
ABOUT = About(
    own=(),
    needed=DISKS,
    more=classic(DNS_SETTINGS, RESERVED_IP, SPECIAL_NETWORK),
    way=f"Restore the disks. {FROM_DISKS}",
    reads=("nics",),
)
RUNBOOK = restore_runbook(ENTRY, ABOUT)
