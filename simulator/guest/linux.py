"""The guest of a simulated Linux VM: a real directory in which scripts really run.

Made from a declarative state (see :func:`complete`), it has the layout of a distribution, and the programs of this
machine below a few that stand in for what it cannot have: systemd, the package manager, SELinux, the agent, the clock.
Scripts run as root of namespaces of their own, from which nothing of this machine can be changed.
"""

from __future__ import annotations

import os
import re
import shutil
import struct
import tempfile
import weakref
from collections.abc import Callable
from copy import deepcopy
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from simulator.clock import START
from simulator.wire import Json

from . import linux_room
from .linux_layout import STATE, Layout, NoDisksError, complete, layouts
from .model import Result

ALWAYS = 10**9
"""The limit of what has none, in seconds."""
REFUSED = 1
"""Exit code of a script that this machine cannot run."""
ORDERED = (
    "patience", "size_mb", "fill_mb", "wireserver", "dns", "data_disks", "cpu_percent", "memory_percent",
)  # fmt: skip
"""What of a state a room has to know."""
_ERRORS = 2
"""The bit of an ext4 superblock's state that says errors were seen."""


class LinuxGuest:
    """What is inside one Linux VM.

    Args:
        state: what is different from a healthy machine; see the table in the simulator's README.
        now: gives the simulated time.
    """

    def __init__(self, state: Json | None = None, now: Callable[[], datetime] = lambda: START) -> None:
        self.wanted = complete(state or {})
        self._now = now
        self._service: str = layouts()["layouts"][self.wanted["layout"]]["service"]
        self._folder: Path | None = None
        self._disks: list[Json] = []
        self._mounts: list[tuple[str, str, str, str]] = []
        self._no_disks = ""
        self._gone: Callable[[], Any] = lambda: None

    def __deepcopy__(self, memo: dict[int, Any]) -> LinuxGuest:
        """A copy of the world shows an earlier Azure; the inside of its VMs is this one."""
        return self

    # The directory

    @property
    def folder(self) -> Path:
        """The directory on this machine that holds the guest, made when it is first needed."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="azure-simulator-guest-"))
            self._gone = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            layout = Layout(self._folder, self.wanted, self._now())
            try:
                self._disks = layout.make()
            except NoDisksError as error:
                self._no_disks = f"{linux_room.NEVER} (the disks of this guest cannot be made: {error})"
            self._mounts = [(str(one[0]), str(one[1]), str(one[2]), str(one[3])) for one in self.wanted["mounts"]]
            self._mounts += [(one["device"], one["mount"], one["kind"], "rw") for one in self._disks if one["mounted"]]
        return self._folder

    def at(self, path: str) -> Path:
        """Return where a path of the guest is on this machine, while nothing runs in it."""
        return self.folder / "root" / path.lstrip("/")

    def read(self, path: str) -> str | None:
        """Return the text of a file; ``None`` when there is none."""
        place = self.at(path)
        return place.read_text(encoding="utf-8", errors="replace") if place.is_file() else None

    def write(self, path: str, content: str | Json) -> None:
        """Write a file: its text, or an object with ``text`` or ``base64``, ``mode`` and ``owner``."""
        Layout(self.folder, self.wanted, self._now()).write(path, content)

    def close(self) -> None:
        """Remove the directory; nothing else of the guest is left on this machine."""
        self._gone()

    # The state

    @property
    def state(self) -> Json:
        """Everything that a state can say, as it is now; each call reads the directory anew."""
        seen = deepcopy(self.wanted)
        seen["services"] = {one.name: self._unit(one) for one in sorted(self.at(f"{STATE}/units").iterdir())}
        seen["files"] = {path: self.read(path) for path in self.wanted["files"]}
        seen["unclean"] = self._unclean()
        seen["mounts"] = [list(one) for one in self._mounts]
        seen["mounted"] = [target for _, target, _, _ in self._mounts]
        seen["waagent_conf"] = self._settings()
        seen["agent_version"] = self.agent_version
        seen["reboot_required"] = self.at("run/reboot-required").exists()
        seen["tasks"] = sorted(one.name for one in self.at(f"{STATE}/tasks").iterdir())
        seen["selinux"] = (self.read(f"{STATE}/selinux/mode") or "").strip()
        seen["selinux_rules"] = (self.read(f"{STATE}/selinux/rules") or "").splitlines()
        return seen

    def _unit(self, unit: Path) -> Json:
        def kept(name: str) -> str:
            return (self.read(f"{STATE}/units/{unit.name}/{name}") or "").strip()

        return {
            "state": kept("state") or "inactive",
            "enabled": kept("enabled") == "enabled",
            "since": int(kept("since") or 0),
            "hung": (unit / "hung").exists(),
            "broken": (unit / "broken").exists(),
        }

    def _unclean(self) -> list[str]:
        if self._no_disks:
            disks = self.wanted["disks"].items()
            return [mount for mount, disk in disks if disk.get("unclean") or disk.get("damaged")]
        return [disk["mount"] for disk in self._disks if self._is_unclean(disk)]

    def _is_unclean(self, disk: Json) -> bool:
        with (self.folder / disk["image"]).open("rb") as image:
            image.seek(1024 + 58)
            (state,) = struct.unpack("<H", image.read(2))
        return bool(state & _ERRORS)

    def _settings(self) -> dict[str, str]:
        lines = (self.read("/etc/waagent.conf") or "").splitlines()
        return {
            name.strip(): value.strip()
            for name, mark, value in (line.partition("=") for line in lines)
            if mark and not name.lstrip().startswith("#")
        }

    @property
    def agent_version(self) -> str:
        """The version of the agent."""
        if self._folder is None:
            return str(self.wanted["agent_version"])
        return (self.read(f"{STATE}/agent-version") or "").strip()

    def agent_reports(self) -> bool:
        """Say whether the agent's service works and reaches the platform."""
        if self._folder is None:
            service = self.wanted["services"][self._service]
        else:
            service = self._unit(self.at(f"{STATE}/units/{self._service}"))
        works = service.get("state", "active") == "active" and not service.get("hung")
        return works and {80, 32526} <= set(self.wanted["wireserver"])

    # What happens to it

    def run(self, script: str, seconds: int) -> Result:
        """Run a script as root of the guest and return what it did.

        ``seconds`` limits what it sleeps, which takes no real time; ``patience`` of the state, in real seconds, what
        it does otherwise. Where this machine cannot do it, the script fails and its stderr says so.
        """
        self.write(f"{STATE}/script.sh", {"text": script, "mode": "700"})
        line = ["/run/simulator/script.sh"] if script.startswith("#!") else ["/bin/sh", "/run/simulator/script.sh"]
        return self._execute(line, seconds, self._now())

    def _execute(self, line: list[str], seconds: int, now: datetime) -> Result:
        folder = self.folder
        if self._no_disks:
            return Result(REFUSED, "", f"{self._no_disks}\n")
        report = linux_room.run(folder, self._order(line, seconds, now))
        if report.refused:
            return Result(REFUSED, "", f"{report.refused}\n")
        self._mounts = list(report.mounts)
        self._date(now)
        out, errors = ((folder / name).read_bytes().decode("utf-8", errors="replace") for name in ("stdout", "stderr"))
        return Result(report.exit_code, out, errors, report.timed_out, report.slept)

    def _date(self, now: datetime) -> None:
        """Let what was written just now have been written in simulated time."""
        written = (self.folder / "order.json").stat().st_mtime
        for path in self.at("/").rglob("*"):
            if not path.is_symlink() and path.stat().st_mtime >= written:
                os.utime(path, (now.timestamp(), now.timestamp()))

    def _order(self, line: list[str], seconds: int, now: datetime) -> Json:
        processes = []
        for unit in self.at(f"{STATE}/units").iterdir():
            (unit / "pid").unlink(missing_ok=True)
            found = re.search(r"^ExecStart=(.*)$", self._unit_file(unit.name), re.MULTILINE)
            if found and self._unit(unit)["state"] == "active":
                processes.append([f"/{STATE}/units/{unit.name}/pid", found[1]])
        return {name: self.wanted[name] for name in ORDERED} | {
            "command": line,
            "seconds": seconds,
            "now": int(now.timestamp()),
            "disks": self._disks,
            "mounts": self._mounts,
            "processes": processes,
        }

    def _unit_file(self, name: str) -> str:
        return (self.folder / f"tools/lib/systemd/system/{name}.service").read_text(encoding="utf-8")

    def boot(self) -> None:
        """Restart it: enabled services start, fstab is mounted, /run and /tmp are empty, ``at_boot`` takes effect."""
        for name in ("tmp", "run"):
            for one in self.at(name).iterdir():
                if one.name not in ("simulator", "systemd"):
                    shutil.rmtree(one) if one.is_dir() and not one.is_symlink() else one.unlink()
        shutil.rmtree(self.at(f"{STATE}/tasks"))
        self.at(f"{STATE}/tasks").mkdir()
        for unit in self.at(f"{STATE}/units").iterdir():
            self._start_with_the_machine(unit)
        table = [line.split() for line in (self.read("/etc/fstab") or "").splitlines()]
        listed = {entry[0]: entry for entry in table if len(entry) > 3 and not entry[0].startswith("#")}
        known = {disk["device"] for disk in self._disks}
        self._mounts = [
            (device, entry[1], entry[2], "rw")
            for device, entry in listed.items()
            if device in known and "noauto" not in entry[3].split(",")
        ]
        self._at_boot(self.wanted["at_boot"])

    def _start_with_the_machine(self, unit: Path) -> None:
        (unit / "hung").unlink(missing_ok=True)
        (unit / "loaded").unlink(missing_ok=True)
        starts = (unit / "enabled").read_text().strip() == "enabled"
        broken = (unit / "broken").exists()
        (unit / "state").write_text("failed" if starts and broken else "active" if starts else "inactive")
        (unit / "since").write_text(f"{int(self._now().timestamp())}\n")

    def _at_boot(self, pending: Json) -> None:
        """Let take effect what has waited for a restart: ``files``, and ``state`` of services."""
        for path, content in pending.get("files", {}).items():
            self.write(path, content)
        for name, service in pending.get("services", {}).items():
            self.write(f"{STATE}/units/{name}/state", service["state"])
        self.wanted["at_boot"] = {}

    def later(self, now: datetime) -> datetime | None:
        """Run every task that is due, in its order; return when the next one is, if any is left."""
        while self._folder is not None:
            tasks = sorted((int((one / "due").read_text()), one) for one in self.at(f"{STATE}/tasks").iterdir())
            if not tasks:
                return None
            due, task = tasks[0]
            if due > now.timestamp():
                return datetime.fromtimestamp(due, timezone.utc)
            line = [word.decode() for word in (task / "command").read_bytes().split(b"\0") if word]
            shutil.rmtree(task)
            self._execute(line, ALWAYS, now)
        return None
