"""Mount points inside Linux have to be clean and mounted once; what cannot be frozen has to be named."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("user_error_fs_freeze_failed")
RUNBOOK = guest_runbook(ENTRY, Inside.beside(__file__))
