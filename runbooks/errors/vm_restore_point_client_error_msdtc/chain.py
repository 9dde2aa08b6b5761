"""Inside the VM: Restore Point creation failed with the error 'COM+ was unable to talk to the Microsoft Dis."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("vm_restore_point_client_error_msdtc")
RUNBOOK = guest_runbook(ENTRY, Inside.documented(ENTRY))
