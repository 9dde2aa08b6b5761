"""COM+ and the transaction coordinator inside Windows have to be started, or installed anew."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("extension_installation_failed_mdtc")
RUNBOOK = guest_runbook(ENTRY, Inside.beside(__file__))
