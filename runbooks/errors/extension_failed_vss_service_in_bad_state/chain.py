"""Inside the VM: Snapshot operation failed due to VSS (Volume Shadow Copy) service in bad state."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("extension_failed_vss_service_in_bad_state")
RUNBOOK = guest_runbook(ENTRY, Inside.documented(ENTRY))
