"""The chain, as Microsoft documents it: choose a standard storage account with LRS or GRS."""

from __future__ import annotations

from ...catalogue import load
from ...preflight import ACCOUNT
from ...restore import About, restore_runbook

ENTRY = load("restore_storage_account_unsupported")
ABOUT = About(
    own=("storage-account-unsupported", "storage-account-closed"),
    needed=(ACCOUNT,),
    repeatable=True,
)
RUNBOOK = restore_runbook(ENTRY, ABOUT)
