"""The chain, as Microsoft documents it: see that the storage account is online, or choose another."""

from __future__ import annotations

from ...catalogue import load
from ...preflight import ACCOUNT
from ...restore import About, restore_runbook

ENTRY = load("restore_storage_account_not_online")
ABOUT = About(
    own=("storage-account-offline",),
    needed=(ACCOUNT,),
    way="If it stays offline without an outage on https://azure.status.microsoft, ask Azure Support.",
    repeatable=True,
    reads=("storage_health",),
    check_health=True,
)
RUNBOOK = restore_runbook(ENTRY, ABOUT)
