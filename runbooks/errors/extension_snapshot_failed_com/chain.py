"""COM+ inside Windows has to be started; the provider registered again; the VM restarted as a last resort."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("extension_snapshot_failed_com")
RUNBOOK = guest_runbook(ENTRY, Inside.beside(__file__))
