"""Inside the VM: Root must own the post-script with mode 700."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("insufficient_permissionfor_post_script")
RUNBOOK = guest_runbook(ENTRY, Inside.documented(ENTRY))
