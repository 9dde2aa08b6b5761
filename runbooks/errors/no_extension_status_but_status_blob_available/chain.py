"""Inside the VM: Linux backup extension execution was stuck or crashed, or system calls timed out."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("no_extension_status_but_status_blob_available")
RUNBOOK = guest_runbook(ENTRY, Inside.documented(ENTRY))
