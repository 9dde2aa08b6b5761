"""Inside the VM: Backup operation failed for managed disk VM."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("managed_rp_creation_failed_in_crp_but_extension_succeeded")
RUNBOOK = guest_runbook(ENTRY, Inside.documented(ENTRY))
