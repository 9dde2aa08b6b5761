"""The lease on a VM while a process has it: taking, renewing, waiting; and whether its owner still lives."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from arm.facts.collect import VmFacts
from arm.runtime import Runtime

from ..journal.model import Held, Journal, JournalError, lease_lost

LEASE_SECONDS = 300.0
"""A lease that is not renewed for so long is free."""
BEAT_SECONDS = LEASE_SECONDS / 3
"""While it is held, a lease is renewed at least so often, also in the middle of a long wait."""
SEND_SECONDS = 30.0
"""A write leaves within so long after the lease was last seen to be ours, or not at all."""
PROC = Path("/proc")
_UNKNOWN = "unknown"


class Lease:
    """The lease on one VM, for as long as this process works on it.

    Args:
        journal: where leases are.
        vm_id: the VM.
        runtime: time, sleep and ids.
    """

    def __init__(self, journal: Journal, vm_id: str, runtime: Runtime) -> None:
        self._journal = journal
        self._vm_id = vm_id
        self._runtime = runtime
        self._owner = owner_name(runtime.new_id())
        self._renewed = (runtime.monotonic(), runtime.now())
        self.held = self._acquire()
        """What every write to the journal is made under."""

    def _acquire(self) -> Held:
        asked = (self._runtime.monotonic(), self._runtime.now())
        held = self._journal.acquire(self._vm_id, self._owner, asked[1], LEASE_SECONDS, abandoned)
        if held is None:
            raise lease_lost()
        self._renewed = asked
        return held

    def renew(self) -> None:
        """Hold the lease for another while.

        Raises:
            LeaseLost: somebody else has it, or has had it since; what this process knows of the run may be old.
        """
        again = self._acquire()
        if again != self.held:
            self._journal.release(again)
            raise lease_lost()

    def keep(self) -> None:
        """Renew the lease when it is time to, by whichever clock; ``LeaseLost`` as :meth:`renew`."""
        renewed, then = self._renewed
        seconds = max(self._runtime.monotonic() - renewed, abs((self._runtime.now() - then).total_seconds()))
        if seconds >= BEAT_SECONDS:
            self.renew()

    def for_sending(self) -> float:
        """Make sure that the lease is ours, right before something is sent.

        Returns:
            The moment of the runtime's monotonic clock after which nothing may be sent on the strength of this.

        Raises:
            LeaseLost: it is not.
        """
        until = self._runtime.monotonic() + SEND_SECONDS
        self.keep()
        self._journal.check(self.held)
        return until

    def sleep(self, seconds: float) -> None:
        """Wait, and keep the lease meanwhile; ``LeaseLost`` as :meth:`renew`."""
        while seconds > 0:
            self.keep()
            part = min(seconds, BEAT_SECONDS)
            self._runtime.sleep(part)
            seconds -= part
        self.keep()

    @contextmanager
    def kept(self, facts: VmFacts) -> Iterator[None]:
        """Keep the lease through whatever is waited for meanwhile, and give it back at the end.

        Args:
            facts: facts of the VM; where their session waits to ask Azure again, the lease is kept. Reads that wait in
                threads of their own wait without it: should the lease end there, nothing is sent after.
        """
        session, thread = facts.session, threading.get_ident()

        def sleep(seconds: float) -> None:
            (self.sleep if threading.get_ident() == thread else self._runtime.sleep)(seconds)

        facts.session = session.with_runtime(replace(session.runtime, sleep=sleep))
        try:
            yield
        finally:
            facts.session = session
            self.release()

    def release(self) -> None:
        """Give the lease back; where the journal cannot be reached any more, it ends by itself."""
        with suppress(JournalError):
            self._journal.release(self.held)


def owner_name(nonce: str) -> str:
    """Return the name under which this process holds leases: machine, process, the process's start, and a nonce."""
    pid = os.getpid()
    return f"{machine()}/{pid}/{_started(pid)}/{nonce}"


def machine() -> str:
    """Return what tells this machine from others: containers and machines made alike have the same name.

    A process's number means something only since the last boot, and within its container (its namespace).
    """
    parts = [_read(PROC / "sys" / "kernel" / "random" / "boot_id")]
    with suppress(OSError):
        parts.append(str((PROC / "self" / "ns" / "pid").readlink()))
    return f"{socket.gethostname()}+{hashlib.sha256(' '.join(parts).encode()).hexdigest()[:12]}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def abandoned(owner: str) -> bool:
    """Say whether a lease's owner was a process of this very machine that has ended (killed, crashed).

    ``False`` when that cannot be known: another machine, a name of another kind, a kernel that does not tell.
    """
    parts = owner.split("/")
    if len(parts) != 4 or parts[0] != machine() or not parts[1].isdecimal():
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
