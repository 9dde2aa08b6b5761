"""The first process of a room: it furnishes the room, runs one command in it, and keeps what is left.

Run by path inside fresh namespaces (see ``linux_room``), with the folder of the room as its only argument. It reads
``order.json`` there and writes ``report.json``, ``stdout`` and ``stderr``. Everything it mounts, attaches and starts
lives in the namespaces and goes with them.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

PLATFORM = "168.63.129.16"
DEVICES = ("null", "zero", "full", "random", "urandom")
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}
STATE = "run/simulator"
VERSIONS = (
    b'<?xml version="1.0" encoding="utf-8"?>\n<Versions><Supported><Version>2015-04-05</Version></Supported></Versions>'
)
LOCKED = "--bounding-set=" + ",".join(
    f"-{name}"
    for name in ("mknod", "sys_chroot", "sys_ptrace", "sys_rawio", "sys_module", "sys_boot", "sys_time", "syslog")
)
"""What root of the guest cannot do: reach devices, other roots, or the kernel of this machine."""
MEMORY_KB = 8 << 20
SHOWN = ("proc/stat", "proc/meminfo")
LIST = "sys/dev/block"
READ_ONLY = ("proc/sys", "proc/sysrq-trigger")
ENTER = 'echo $$ >/run/simulator/pid; exec "$@"'
PAUSE = 0.02
Order = dict[str, Any]


class Refused(Exception):
    """This machine cannot make the room; the text says why."""


def tool(*line: str) -> str:
    """Run a program of this machine and return its output.

    Raises:
        Refused: when it is missing or fails.
    """
    try:
        done = subprocess.run(  # noqa: S603  # fixed programs
            line, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise Refused(f"{line[0]}: {error.strerror}") from error
    if done.returncode:
        raise Refused(f"{' '.join(line[:6])}: {done.stderr.strip() or done.returncode}")
    return done.stdout


class Room:
    """The room while a command runs in it. ``top`` is its root, a tmpfs in these namespaces only."""

    def __init__(self, folder: Path, order: Order) -> None:
        self.folder = folder
        self.order = order
        self.top = folder / "top"
        self.held: list[int] = []

    # Furnishing

    def furnish(self) -> None:
        """Mount everything, bring the network up and start the processes that the state says are there."""
        top = self.top
        tool("mount", "-t", "tmpfs", "-o", f"size={self.order['size_mb']}m,mode=755", "guest", str(top))
        tool("cp", "-a", f"{self.folder / 'root'}/.", str(top))
        for name in ("usr", "proc", "sys", "dev"):
            (top / name).mkdir(exist_ok=True)
        lower = f"{self.folder / 'tools'}:/usr"
        tool("mount", "-t", "overlay", "-o", f"ro,lowerdir={lower}", "usr", str(top / "usr"))
        tool("mount", "-t", "proc", "proc", str(top / "proc"))
        for name in READ_ONLY:
            if not (top / name).exists():
                continue
            tool("mount", "--bind", str(top / name), str(top / name))
            tool("mount", "-o", "remount,bind,ro", str(top / name))
        self._load()
        tool("mount", "-t", "sysfs", "-o", "ro", "sys", str(top / "sys"))
        tool("mount", "-t", "tmpfs", "-o", "mode=755,size=1m", "dev", str(top / "dev"))
        for name in DEVICES:
            (top / "dev" / name).touch()
            tool("mount", "--bind", f"/dev/{name}", str(top / "dev" / name))
        (top / "dev/fd").symlink_to("/proc/self/fd")
        for number in range(self.order["data_disks"]):
            (top / "dev/disk/azure/scsi1").mkdir(parents=True, exist_ok=True)
            (top / f"dev/disk/azure/scsi1/lun{number}").symlink_to("/dev/null")
        self._hold_still()
        for disk in self.order["disks"]:
            self._attach(disk)
        for source, target, kind, options in self.order["mounts"]:
            self._mount(source, target, kind, options)
        self._lose([disk for disk in self.order["disks"] if disk.get("gone")])
        self._network()
        if self.order["fill_mb"]:
            with (top / "var/tmp/.filled").open("wb") as file:
                file.write(bytes(self.order["fill_mb"] << 20))

    def _load(self) -> None:
        """Let processor and memory be as busy as the state says, and not as this machine is."""
        state, cpu = self.top / STATE, self.order["cpu_percent"]
        rest = [line for line in Path("/proc/stat").read_text().splitlines()[1:] if not line.startswith("cpu")]
        (state / "stat-rest").write_text("\n".join(rest) + "\n")
        (state / "stat").write_text("cpu  10000 0 0 900000 0 0 0 0 0 0\n" + "\n".join(rest) + "\n")
        (state / "busy").write_text(f"{cpu}\n")
        free = MEMORY_KB * (100 - self.order["memory_percent"]) // 100
        lines = (
            ("MemTotal", MEMORY_KB),
            ("MemFree", free // 2),
            ("MemAvailable", free),
            ("Buffers", 0),
            ("Cached", free // 2),
        )
        swap = (("SwapTotal", 0), ("SwapFree", 0))
        (state / "meminfo").write_text("".join(f"{name}:{value:>16} kB\n" for name, value in (*lines, *swap)))
        for name in ("stat", "meminfo"):
            tool("mount", "--bind", str(state / name), str(self.top / "proc" / name))

    def _hold_still(self) -> None:
        state = self.top / STATE
        for name in ("over", "pid"):
            (state / name).unlink(missing_ok=True)
        (state / "slept").write_text("0\n")
        (state / "now").write_text(f"{self.order['now']}\n")
        (state / "limit").write_text(f"{self.order['seconds']}\n")
        os.mkfifo(state / "forever")
        self.held.append(os.open(state / "forever", os.O_RDWR))

    def _attach(self, disk: Order) -> None:
        image = str(self.folder / disk["image"])
        try:
            loop = tool("losetup", "--find", "--show", image).strip()
        except Refused as refused:
            raise Refused(f"the disk {disk['device']} needs a loop device, and there is none: {refused}") from refused
        self.held.append(os.open(loop, os.O_RDONLY))
        tool("losetup", "--detach", loop)  # it is in use: the kernel detaches it when the last user is gone
        number = os.stat(loop).st_rdev
        os.mknod(self.top / disk["device"].lstrip("/"), 0o060660, number)
        disk["number"] = f"{os.major(number)}:{os.minor(number)}"

    def _mount(self, source: str, target: str, kind: str, options: str) -> None:
        """Mount something; a disk whose file system is beyond mounting stays unmounted."""
        (self.top / target.lstrip("/")).mkdir(parents=True, exist_ok=True)
        try:
            tool("/usr/sbin/chroot", str(self.top), "mount", "-t", kind, "-o", options, source, target)
        except Refused:
            if source not in {disk["device"] for disk in self.order["disks"]}:
                raise

    def _lose(self, disks: list[Order]) -> None:
        """Let the kernel not know disks any more that are mounted still, as after they were taken away."""
        if not disks:
            return
        numbers = {disk["number"] for disk in disks}
        known = {one.name: one.readlink() for one in (self.top / LIST).iterdir() if one.name not in numbers}
        tool("mount", "-t", "tmpfs", "block", str(self.top / LIST))
        for name, target in known.items():
            (self.top / LIST / name).symlink_to(target)
        for disk in disks:
            (self.top / disk["device"].lstrip("/")).unlink()

    def _network(self) -> None:
        tool("ip", "link", "set", "lo", "up")
        tool("ip", "address", "add", f"{PLATFORM}/32", "dev", "lo")
        for port in self.order["wireserver"]:
            listener = socket.create_server((PLATFORM, port))
            threading.Thread(target=_answer, args=(listener,), daemon=True).start()
        if self.order["dns"]:
            names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            names.bind((PLATFORM, 53))
            threading.Thread(target=_resolve, args=(names,), daemon=True).start()

    # Running

    def run(self) -> Order:
        """Run the command, within its limits, and return how it ended."""
        self._services()
        process = subprocess.Popen(  # noqa: S603  # this is the one thing a room is for
            [
                "/usr/sbin/chroot",
                str(self.top),
                "setpriv",
                LOCKED,
                "/bin/sh",
                "-c",
                ENTER,
                "run",
                *self.order["command"],
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._output("stdout"),
            stderr=self._output("stderr"),
            env=ENVIRONMENT,
            cwd="/",
            start_new_session=True,
        )
        hung = not _wait(process, time.monotonic() + self.order["patience"])
        if hung:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        over = (self.top / STATE / "over").exists()
        code = process.returncode
        return {
            "exit_code": 128 - code if code < 0 else code,
            "timed_out": hung or over,
            "slept": int((self.top / STATE / "slept").read_text().strip() or 0),
            "mounts": self._mounts(),
        }

    def _output(self, name: str) -> int:
        return os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)

    def _services(self) -> None:
        """Let every service that is active have its process."""
        line = 'echo $$ >"$1"; exec -a "$2" cat'
        for pid_file, command in self.order["processes"]:
            where = str(self.top / pid_file.lstrip("/"))
            subprocess.Popen(  # noqa: S603  # what a unit of the guest starts, as a name only
                ["/bin/bash", "-c", line, "service", where, command],
                stdin=self.held[0],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            while not Path(where).exists() or not Path(where).read_text().strip():
                os.sched_yield()

    def _mounts(self) -> list[list[str]]:
        """Return what is mounted below the root, beyond the room's own."""
        devices = (f"dev/{name}" for name in DEVICES)
        own = {"", "/usr", "/proc", "/sys", "/dev", *(f"/{name}" for name in (LIST, *READ_ONLY, *SHOWN, *devices))}
        numbers = {disk["number"]: disk["device"] for disk in self.order["disks"] if "number" in disk}
        found = []
        for line in Path("/proc/self/mountinfo").read_text().splitlines():
            before, _, after = line.partition(" - ")
            fields, (kind, source, *_) = before.split(), after.split()
            target = fields[4].removeprefix(str(self.top)) if fields[4].startswith(str(self.top)) else None
            if target is None or target in own:
                continue
            device = numbers.get(fields[2], source)
            found.append([device, target, kind, fields[5]])
        return found

    # Keeping

    def keep(self) -> None:
        """Let the folder's root be what the room's is now; nothing that is mounted in it is part of it."""
        (self.top / "var/tmp/.filled").unlink(missing_ok=True)
        (self.top / STATE / "forever").unlink(missing_ok=True)
        for one in ("proc", "sys", "dev", "usr"):
            tool("umount", "-R", "-l", str(self.top / one))
        _follow(self.top, self.folder / "root", self.top.stat().st_dev)


def _follow(source: Path, target: Path, device: int) -> None:
    """Let a directory hold what another one does, writing only what differs and staying on one file system."""
    wanted = {one.name: one for one in os.scandir(source)}
    for name in {one.name for one in os.scandir(target)} - wanted.keys():
        _remove(target / name)
    for name, entry in wanted.items():
        there, place = entry.stat(follow_symlinks=False), target / name
        same = os.path.lexists(place) and stat.S_IFMT(place.lstat().st_mode) == stat.S_IFMT(there.st_mode)
        if not same and os.path.lexists(place):
            _remove(place)
        if entry.is_symlink():
            if not same or place.readlink() != Path(entry.path).readlink():
                place.unlink(missing_ok=True)
                shutil.copy2(entry.path, place, follow_symlinks=False)
        elif entry.is_dir():
            place.mkdir(exist_ok=True)
            if there.st_dev == device:
                _follow(Path(entry.path), place, device)
        elif entry.is_file() and not (same and _looks(place.lstat()) == _looks(there)):
            shutil.copy2(entry.path, place)
        if os.path.lexists(place) and not entry.is_symlink():
            _dress(place, there)


def _looks(seen: os.stat_result) -> tuple[int, int]:
    return seen.st_size, seen.st_mtime_ns


def _dress(place: Path, like: os.stat_result) -> None:
    now = place.lstat()
    if (now.st_uid, now.st_gid) != (like.st_uid, like.st_gid):
        os.chown(place, like.st_uid, like.st_gid)
    if place.lstat().st_mode != like.st_mode:
        place.chmod(stat.S_IMODE(like.st_mode))
    if now.st_mtime_ns != like.st_mtime_ns:
        os.utime(place, ns=(like.st_mtime_ns, like.st_mtime_ns))


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink()


def _wait(process: subprocess.Popen[bytes], deadline: float) -> bool:
    """Wait until the process has ended; return whether it has before the deadline."""
    while process.poll() is None:
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        try:
            process.wait(min(left, PAUSE))
        except subprocess.TimeoutExpired:
            continue
    return True


def _answer(listener: socket.socket) -> None:
    """Answer every request at the platform's address, as the wire server does to a question for its versions."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: {len(VERSIONS)}\r\nConnection: close\r\n\r\n"
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(2)
            try:
                if connection.recv(4096):
                    connection.sendall(head.encode() + VERSIONS)
            except OSError:
                continue


def _resolve(names: socket.socket) -> None:
    """Answer every question for a name with one address."""
    while True:
        question, sender = names.recvfrom(512)
        if len(question) < 17:
            continue
        end = 12
        while question[end]:
            end += question[end] + 1
        kind = struct.unpack("!H", question[end + 1 : end + 3])[0]
        asked = question[12 : end + 5]
        answer = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + bytes((20, 0, 0, 1)) if kind == 1 else b""
        head = question[:2] + struct.pack("!HHHHH", 0x8180, 1, 1 if answer else 0, 0, 0)
        names.sendto(head + asked + answer, sender)


def main(folder: Path) -> int:
    """Do what the order in the folder says; the report tells how it ended, or what could not be done."""
    report: Order
    try:
        room = Room(folder, json.loads((folder / "order.json").read_text()))
        room.furnish()
        report = room.run()
        room.keep()
    except (Refused, OSError) as error:
        report = {"refused": str(error)}
    (folder / "report.json").write_text(json.dumps(report))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
