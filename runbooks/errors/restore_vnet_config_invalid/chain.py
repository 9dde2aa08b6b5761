"""The chain, as Microsoft documents it: give a virtual network of the vault's region and subscription."""

from __future__ import annotations

from ...catalogue import load
from ...preflight import NETWORK, SUBNET
from ...restore import About, restore_runbook

ENTRY = load("restore_vnet_config_invalid")
ABOUT = About(
    own=("virtual-network-missing", "virtual-network-other-region", "subnet-missing"),
    needed=(NETWORK, SUBNET),
    machine=True,
)
RUNBOOK = restore_runbook(ENTRY, ABOUT)
