"""Inside the VM: Restore Point creation failed due to VSS Writers in bad state."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("vm_restore_point_client_error_vss_writers")
RUNBOOK = guest_runbook(ENTRY, Inside.documented(ENTRY))
