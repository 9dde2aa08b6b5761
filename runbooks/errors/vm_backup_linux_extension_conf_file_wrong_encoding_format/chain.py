"""Inside the VM: Linux VM Backup Extension configuration file changed / wrong encoding."""

from __future__ import annotations

from ...catalogue import load
from ...guest import Inside, guest_runbook

ENTRY = load("vm_backup_linux_extension_conf_file_wrong_encoding_format")
RUNBOOK = guest_runbook(ENTRY, Inside.documented(ENTRY))
