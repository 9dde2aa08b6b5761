"""The chain, as Microsoft documents it: use a storage account in the region of the vault."""

from __future__ import annotations

from ...catalogue import load
from ...preflight import ACCOUNT
from ...restore import About, restore_runbook

ENTRY = load("restore_vault_storage_region_mismatch")
ABOUT = About(own=("storage-account-other-region",), needed=(ACCOUNT,), repeatable=True)
RUNBOOK = restore_runbook(ENTRY, ABOUT)
