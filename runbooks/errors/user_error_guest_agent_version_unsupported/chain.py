"""Inside the VM: Unsupported guest agent version on the (Linux) VM."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("user_error_guest_agent_version_unsupported")
RUNBOOK = guest_runbook(ENTRY, Inside.documented(ENTRY))
