"""Inside the VM: Snapshot operation failed due to inadequate VM resources."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("extension_failed_timeout_vm_network_unresponsive")
RUNBOOK = guest_runbook(ENTRY, Inside.documented(ENTRY))
