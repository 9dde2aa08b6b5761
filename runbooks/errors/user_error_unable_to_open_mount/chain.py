"""Inside the VM: Backups failed because the backup extensions on the VM were unable to open the mount point."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("user_error_unable_to_open_mount")
RUNBOOK = guest_runbook(ENTRY, Inside.documented(ENTRY))
