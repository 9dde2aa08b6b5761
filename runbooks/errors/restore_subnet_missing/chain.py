"""The chain, as Microsoft documents it: select a subnet that exists."""

from __future__ import annotations

from ...catalogue import load
from ...preflight import NETWORK, SUBNET
from ...restore import About, restore_runbook

ENTRY = load("restore_subnet_missing")
ABOUT = About(own=("subnet-missing",), needed=(NETWORK, SUBNET), machine=True)
RUNBOOK = restore_runbook(ENTRY, ABOUT)
