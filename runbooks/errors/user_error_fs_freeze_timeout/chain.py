"""Inside the VM: Freezing a file system took more time."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("user_error_fs_freeze_timeout")
RUNBOOK = guest_runbook(ENTRY, Inside.documented(ENTRY))
