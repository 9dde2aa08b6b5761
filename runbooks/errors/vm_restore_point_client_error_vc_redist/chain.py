"""Inside the VM: Restore Point creation failed due to failure in installation of Visual C++ Redistributable."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("vm_restore_point_client_error_vc_redist")
RUNBOOK = guest_runbook(ENTRY, Inside.documented(ENTRY))
