"""Inside the VM: VMSnapshot extension operation failed (unmanaged disks / missing manifest file)."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("extension_operation_failed")
RUNBOOK = guest_runbook(ENTRY, Inside.documented(ENTRY))
