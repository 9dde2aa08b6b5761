"""Inside the VM: Backup extension installation failed."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("extension_installation_failure")
RUNBOOK = guest_runbook(ENTRY, Inside.documented(ENTRY))
