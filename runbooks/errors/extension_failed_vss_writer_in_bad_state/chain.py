"""VSS writers inside Windows have to be made stable again."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("extension_failed_vss_writer_in_bad_state")
RUNBOOK = guest_runbook(ENTRY, Inside.beside(__file__))
