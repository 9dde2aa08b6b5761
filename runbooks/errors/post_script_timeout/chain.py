"""Inside the VM: The execution of the application-consistent backup post-script timed out."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("post_script_timeout")
RUNBOOK = guest_runbook(ENTRY, Inside.documented(ENTRY))
