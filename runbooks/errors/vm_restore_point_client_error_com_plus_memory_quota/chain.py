"""Inside the VM: Restore Point creation failed due to insufficient memory available in COM+ memory quota."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("vm_restore_point_client_error_com_plus_memory_quota")
RUNBOOK = guest_runbook(ENTRY, Inside.documented(ENTRY))
