"""Inside the VM: The execution of the application-consistent backup pre-script timed-out."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("pre_script_timeout")
RUNBOOK = guest_runbook(ENTRY, Inside.documented(ENTRY))
