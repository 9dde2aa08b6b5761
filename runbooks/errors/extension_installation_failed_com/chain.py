"""Inside the VM: Extension installation/operation failed due to a COM+ error."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("extension_installation_failed_com")
RUNBOOK = guest_runbook(ENTRY, Inside.documented(ENTRY))
