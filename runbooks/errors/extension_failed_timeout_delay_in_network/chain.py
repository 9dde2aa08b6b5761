"""Inside the VM: Snapshot operation failed due to delay in network calls made to take disk blob-snapshots."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("extension_failed_timeout_delay_in_network")
RUNBOOK = guest_runbook(ENTRY, Inside.documented(ENTRY))
