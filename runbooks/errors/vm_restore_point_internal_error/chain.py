"""Inside the VM: Restore Point creation failed due to an internal execution error while creating VM snapsho."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("vm_restore_point_internal_error")
RUNBOOK = guest_runbook(ENTRY, Inside.documented(ENTRY))
