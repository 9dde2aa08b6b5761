"""Inside the VM: Extension could not be installed (COM memory quota)."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("extension_install_provider_com_memory_quota_reached")
RUNBOOK = guest_runbook(ENTRY, Inside.documented(ENTRY))
