"""The Visual C++ runtime inside Windows has to be installed, and the Windows Installer must be able to."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("extension_vc_redist_installation_failure")
RUNBOOK = guest_runbook(ENTRY, Inside.beside(__file__))
