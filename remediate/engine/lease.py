"""Who holds the lease on a VM, and whether that process still lives."""

from __future__ import annotations

import os
import socket
from pathlib import Path

LEASE_SECONDS = 300.0
"""A lease that is not renewed for so long is free; it is renewed before every send and every pause."""


def owner_name(nonce: str) -> str:
    """Return the name under which this process holds leases: host, process, the process's start, and a nonce."""
    pid = os.getpid()
    return f"{socket.gethostname()}/{pid}/{_started(pid)}/{nonce}"


def abandoned(owner: str) -> bool:
    """Say whether a lease's owner was a process of this very host that has ended (killed, crashed)."""
    host, pid, started, _nonce = owner.split("/", 3)
    return host == socket.gethostname() and _started(int(pid)) != started


def _started(pid: int) -> str:
    """Return when a process started, in the kernel's ticks; empty when it is gone.

    Where the kernel does not tell (no ``/proc``), every process counts as alive: only time frees its lease.
    """
    if not Path("/proc/self/stat").exists():
        return "unknown"
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]
