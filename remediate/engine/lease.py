"""Who holds the lease on a VM, and whether that process still lives."""

from __future__ import annotations

import os
import socket
from pathlib import Path

LEASE_SECONDS = 300.0
"""A lease that is not renewed for so long is free; it is renewed before every send and every pause."""
PROC = Path("/proc")
_UNKNOWN = "unknown"


def owner_name(nonce: str) -> str:
    """Return the name under which this process holds leases: host, process, the process's start, and a nonce."""
    pid = os.getpid()
    return f"{socket.gethostname()}/{pid}/{_started(pid)}/{nonce}"


def abandoned(owner: str) -> bool:
    """Say whether a lease's owner was a process of this very host that has ended (killed, crashed).

    ``False`` when that cannot be known: another host, a name of another kind, a kernel that does not tell.
    """
    parts = owner.split("/")
    if len(parts) != 4 or parts[0] != socket.gethostname() or not parts[1].isdecimal():
        return False
    now, then = _started(int(parts[1])), parts[2]
    return now != then and _UNKNOWN not in (now, then)


def _started(pid: int) -> str:
    """Return when a process started, in the kernel's ticks; empty when it is gone, or dead and not yet buried (zombie).

    Where the kernel does not tell (no ``/proc``), every process counts as alive: only time frees its lease.
    """
    if not (PROC / "self" / "stat").exists():
        return _UNKNOWN
    try:
        stat = (PROC / str(pid) / "stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return _UNKNOWN if _hidden(pid) else ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] in ("Z", "X") else fields[19]


def _hidden(pid: int) -> bool:
    """Say whether a process lives although the kernel does not show it to us (``hidepid``)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
