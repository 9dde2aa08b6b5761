"""Inside the VM: Extension command execution failure."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("extension_command_exec_failure")
RUNBOOK = guest_runbook(ENTRY, Inside.documented(ENTRY))
