""".NET inside Windows has to use strong cryptography."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("extension_snapshot_failed_no_secure_network")
RUNBOOK = guest_runbook(ENTRY, Inside.beside(__file__))
