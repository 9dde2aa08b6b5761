"""Permissions of MachineKeys and certificates inside Windows have to be set right."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("extension_config_parsing_failure")
RUNBOOK = guest_runbook(ENTRY, Inside.beside(__file__))
