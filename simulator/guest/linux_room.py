"""Rooms: fresh namespaces in which a command runs as root of a guest, and of nothing else.

A folder holds ``root`` (the guest's files while nothing runs), ``tools`` (what lies over the host's /usr) and images
of disks. For each command the root is copied into a tmpfs of its own in mount, PID, network, IPC and host name
namespaces, the host's /usr is mounted read-only below ``tools``, and afterwards the root is copied back. All of it
ends with the first process, ``linux_inside.py``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from simulator.wire import Json

INSIDE = Path(__file__).with_name("linux_inside.py")
SPARE = 60.0
"""Real seconds that making and clearing away a room may take, beside the command's own."""
NEVER = "simulator: this machine cannot run guest scripts"


@dataclass(frozen=True)
class Report:
    """How a command in a room has ended; ``refused``: it was not run, and why."""

    exit_code: int = 0
    timed_out: bool = False
    slept: int = 0
    mounts: tuple[tuple[str, str, str, str], ...] = ()
    refused: str = ""


def enter() -> list[str]:
    """Return the command line that makes the namespaces: as root directly, as anybody else with a user namespace."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *user, "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child"]


@cache
def reason_not_to() -> str:
    """Return why no room can be made on this machine; empty when one can."""
    try:
        tried = subprocess.run(  # noqa: S603  # fixed programs
            [*enter(), "sh", "-c", "mount -t tmpfs guest /mnt"],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except OSError as error:
        return f"unshare: {error.strerror}"
    return "" if tried.returncode == 0 else tried.stderr.strip() or f"unshare ended with {tried.returncode}"


def run(folder: Path, order: Json) -> Report:
    """Run a command in the room of a folder; what it writes is in ``stdout`` and ``stderr`` there."""
    reason = reason_not_to()
    if reason:
        return Report(refused=f"{NEVER} ({reason})")
    (folder / "top").mkdir(exist_ok=True)
    (folder / "order.json").write_text(json.dumps(order), encoding="utf-8")
    (folder / "report.json").unlink(missing_ok=True)
    process = subprocess.Popen(  # noqa: S603  # fixed programs
        [*enter(), sys.executable, "-IS", str(INSIDE), str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _, said = process.communicate(timeout=order["patience"] + SPARE)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    report = folder / "report.json"
    if not report.exists():
        return Report(refused=f"{NEVER} ({said.decode(errors='replace').strip()[-500:] or process.returncode})")
    found = json.loads(report.read_text(encoding="utf-8"))
    if "refused" in found:
        return Report(refused=f"{NEVER} ({found['refused']})")
    mounts = tuple((one[0], one[1], one[2], one[3]) for one in found.pop("mounts"))
    return Report(mounts=mounts, **found)
