"""Throw-away roots in which the scripts for Linux run for real.

A root is a tmpfs of its own with the host's /usr (read-only, under the few stand-ins of ``stand_ins.py``), in mount,
PID and network namespaces of its own. Disks are loop devices with real ext4. After a run, ``Ran.touched`` names every
path that is different, so that a test can prove that nothing else was touched.
"""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from actions.guest import scripts
from actions.guest.scripts import find_script

from . import stand_ins

HERE = Path(__file__).parent
LAYOUTS = ("debian", "ubuntu", "redhat")
SERVICES = {"debian": "walinuxagent", "ubuntu": "walinuxagent", "redhat": "waagent"}
RECORD = "/var/lib/azure-backup-remediation"
_SHELLS = {"debian": "dash", "ubuntu": "dash", "redhat": "bash"}
_OUTSIDE = ("/proc", "/sys", "/dev", "/usr", "/run/stand-in", "/run/script.sh")
_DEBIAN = ("apt", "apt-get", "apt-cache", "dpkg", "dpkg-query")
_OTHERS = ("yum", "dnf", "zypper", "rpm", "getenforce", "semanage", "restorecon")
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}

_SETUP = r"""
set -e
top=$1 staging=$2 tools=$3 size=$4
mount --make-rprivate /
mount -t tmpfs -o "size=$size,mode=755" root "$top"
mkdir "$top/run" "$top/usr" "$top/proc" "$top/sys" "$top/dev"
mount -t tmpfs -o size=8m,mode=755 run "$top/run"
cp -a "$staging/." "$top/"
mount -t overlay -o "ro,lowerdir=$tools:/usr" usr "$top/usr"
mount -t proc proc "$top/proc"
mount -t sysfs -o ro sys "$top/sys"
mount -t tmpfs -o mode=755 dev "$top/dev"
mknod -m 666 "$top/dev/null" c 1 3
mknod -m 666 "$top/dev/zero" c 1 5
mknod -m 666 "$top/dev/full" c 1 7
mknod -m 666 "$top/dev/random" c 1 8
mknod -m 666 "$top/dev/urandom" c 1 9
ln -s /proc/self/fd "$top/dev/fd"
ip link set lo up
echo ready
exec chroot "$top" /usr/bin/cat
"""


@cache
def reason_not_to() -> str:
    """Return why no throw-away root can be made here; empty when one can."""
    if os.geteuid() != 0:
        return "a throw-away root needs root"
    missing = [one for one in ("unshare", "nsenter", "losetup", "mkfs.ext4", "tune2fs", "ip") if not shutil.which(one)]
    if missing:
        return f"a throw-away root needs {', '.join(missing)}"
    tried = subprocess.run(
        [
            "unshare",
            "--mount",
            "--pid",
            "--net",
            "--fork",
            "sh",
            "-c",
            "mount --make-rprivate / && mount -t tmpfs x /mnt",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if tried.returncode == 0 else f"no namespaces here: {tried.stderr.strip()}"


@cache
def reason_against_disks() -> str:
    """Return why there are no loop devices here; empty when there are."""
    if reason_not_to():
        return reason_not_to()
    tried = subprocess.run(["losetup", "--find"], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"no loop devices here: {tried.stderr.strip()}"


@dataclass(frozen=True)
class Ran:
    """How a script has ended.

    Attributes:
        status: its exit status.
        output: all of its stdout.
        errors: all of its stderr.
        touched: every path that is different now, outside of the record.
        record: every path of the record that is different now.
        calls: what it asked systemd to do, without questions.
    """

    status: int
    output: bytes
    errors: str
    touched: tuple[str, ...]
    record: tuple[str, ...]
    calls: tuple[str, ...]

    @property
    def answer(self) -> dict[str, Any]:
        """The one JSON document."""
        assert self.output.endswith(b"\n"), (self.output, self.errors)
        assert self.output.count(b"\n") == 1, self.output
        assert len(self.output) <= 3901, len(self.output)
        found = json.loads(self.output.decode("ascii"))
        assert isinstance(found, dict)
        return found


class GuestRoot:
    """A root of one layout. What is written before the first run is there from the beginning.

    Args:
        folder: an empty directory of this host.
        layout: ``debian``, ``ubuntu`` or ``redhat``.
        size: how large its root file system is.
    """

    def __init__(self, folder: Path, layout: str = "debian", size: str = "48m") -> None:
        self.layout = layout
        self.service = SERVICES[layout]
        self._size = size
        self._folder = folder
        self._staging, self._tools = folder / "staging", folder / "tools"
        self._holder: subprocess.Popen[str] | None = None
        self._inside = 0
        self._loops: list[str] = []
        self._helpers: list[subprocess.Popen[bytes]] = []
        self._lay_out()

    def __enter__(self) -> GuestRoot:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _lay_out(self) -> None:
        for one in ("root", "tools/bin", "tools/sbin", "tools/lib/systemd/system", "staging"):
            (self._folder / one).mkdir(parents=True)
        for one in (
            "etc/systemd/system",
            "var/log/azure",
            "var/lib/waagent",
            "var/cache",
            "var/tmp",
            "run/systemd/system",
        ):
            (self._staging / one).mkdir(parents=True)
        for one in ("run/stand-in/units", "run/stand-in/tasks", "root", "mnt", "home", "tmp"):
            (self._staging / one).mkdir(parents=True)
        for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
            if Path("/", name).is_symlink():
                (self._staging / name).symlink_to(f"usr/{name}")
        self._lay_out_etc()
        (self._tools / "bin/sh").symlink_to(_SHELLS[self.layout])
        self.tool("systemctl", stand_ins.SYSTEMCTL)
        self.tool("systemd-run", stand_ins.SYSTEMD_RUN)
        self.tool("waagent", stand_ins.WAAGENT)
        self.hide(*_OTHERS, *(_DEBIAN if self.layout == "redhat" else ()))
        self.agent()

    def _lay_out_etc(self) -> None:
        layout = HERE / "layouts" / self.layout
        for source in sorted(one for one in layout.rglob("*") if one.is_file()):
            self.write("/" + source.relative_to(layout).as_posix(), source.read_text())
        for name in ("ld.so.cache", "mke2fs.conf", "nsswitch.conf"):
            if Path("/etc", name).exists():
                shutil.copy(Path("/etc", name), self._staging / "etc")
        shutil.copytree("/etc/alternatives", self._staging / "etc/alternatives", symlinks=True)
        self.write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/usr/sbin/nologin\n")
        self.write("/etc/group", "root:x:0:\nnogroup:x:65534:\n")
        self.write("/etc/fstab", "# <file system> <mount point> <type> <options> <dump> <pass>\n")

    # ---- before and between runs ----------------------------------------------------------------------------------

    def agent(
        self, *, state: str = "active", enabled: bool = True, version: str = "2.9.1.1", restart: str = "Restart=always"
    ) -> None:
        """Install the agent's service in that state."""
        unit = self._tools / f"lib/systemd/system/{self.service}.service"
        if self._holder is None:
            unit.write_text(stand_ins.UNIT.format(restart=restart))
        self.write(f"/run/stand-in/units/{self.service}/state", state)
        self.write(f"/run/stand-in/units/{self.service}/enabled", "enabled" if enabled else "disabled")
        self.write(f"/run/stand-in/units/{self.service}/since", "Mon 2026-01-05 03:00:00 UTC\n")
        name = {"debian": "debian 12", "ubuntu": "ubuntu 22.04", "redhat": "redhat 8.8"}[self.layout]
        said = f"WALinuxAgent-2.2.46 running on {name}\nPython: 3.6.9\nGoal state agent: {version}\n"
        self.write("/run/stand-in/waagent-version", said)

    def no_agent(self) -> None:
        """Take the agent and its service away. Only before the first run."""
        self._before_start("no_agent")
        (self._tools / f"lib/systemd/system/{self.service}.service").unlink()
        (self._tools / "bin/waagent").unlink()
        shutil.rmtree(self._staging / f"run/stand-in/units/{self.service}")

    def tool(self, name: str, text: str) -> None:
        """Put a program into /usr/bin. Only before the first run."""
        self._before_start("tool")
        for folder in ("bin", "sbin"):
            (self._tools / folder / name).unlink(missing_ok=True)
        path = self._tools / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def hide(self, *names: str) -> None:
        """Take programs of the host away. Only before the first run."""
        self._before_start("hide")
        for name in names:
            for folder in ("bin", "sbin"):
                path = self._tools / folder / name
                path.unlink(missing_ok=True)
                if Path("/usr", folder, name).exists() or Path("/usr", folder, name).is_symlink():
                    os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(0, 0))

    def no_systemd(self) -> None:
        """Make it a system with another init. Only before the first run."""
        self._before_start("no_systemd")
        (self._staging / "run/systemd/system").rmdir()

    def at(self, path: str) -> Path:
        """Return where a path of the root is, seen from here."""
        top = self._staging if self._holder is None else Path(f"/proc/{self._inside}/root")
        return top / path.lstrip("/")

    def write(self, path: str, text: str | bytes, mode: int = 0o644, owner: tuple[int, int] = (0, 0)) -> None:
        """Write a file, with the directories above it."""
        place = self.at(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text if isinstance(text, bytes) else text.encode())
        os.chown(place, *owner)
        place.chmod(mode)

    def read(self, path: str) -> str:
        """Return a file's text."""
        return self.at(path).read_text()

    def exists(self, path: str) -> bool:
        """Return whether there is anything at a path."""
        return os.path.lexists(self.at(path))

    def disk(
        self,
        mount: str,
        *,
        unclean: bool = False,
        damaged: bool = False,
        size: int = 16,
        kind: str = "ext4",
        mounted: bool = True,
        fstab: bool = True,
    ) -> str:
        """Attach a real disk; its root holds ``hello``.

        Args:
            mount: its mount point.
            unclean: its superblock says that it has errors, as the kernel leaves it when it saw some.
            damaged: it really has errors as well, such that a check without answers cannot repair.
            size: in MiB.
            kind: ``ext2``, ``ext3`` or ``ext4``.
            mounted: whether it is mounted.
            fstab: whether /etc/fstab has it.

        Returns:
            The device as the guest sees it, ``/dev/sdc1`` for the first one.
        """
        self.start()
        number = len(self._loops)
        image = self._folder / f"disk{number}.img"
        with image.open("wb") as file:
            file.truncate(size * 1024 * 1024)
        hello = self._folder / "hello"
        hello.write_text("hello\n")
        _do(f"mkfs.{kind}", "-q", "-F", str(image))
        commands = [f"write {hello} hello"]
        if damaged:
            commands += ["mkdir lost", f"write {hello} lost/inside", "set_inode_field lost mode 0100644"]
        if unclean or damaged:
            commands.append("set_super_value state 2")
        for command in commands:
            _do("debugfs", "-w", "-R", command, str(image))
        loop = _do("losetup", "--find", "--show", str(image)).strip()
        self._loops.append(loop)
        device = f"/dev/sd{chr(ord('c') + number)}1"
        details = os.stat(loop).st_rdev
        self.shell(f"mknod -m 660 {device} b {os.major(details)} {os.minor(details)}; mkdir -p {mount}")
        if fstab:
            self.write("/etc/fstab", self.read("/etc/fstab") + f"{device} {mount} {kind} defaults,nofail 0 2\n")
        if mounted:
            self.shell(f"mount -t {kind} {device} {mount}")
        return device

    def listen(self, address: str, port: int) -> None:
        """Let something in the guest's network accept connections at an address."""
        self.start()
        self._enter(["ip", "address", "replace", f"{address}/32", "dev", "lo"], root=False)
        program = (
            "import socket,sys\ns=socket.create_server((sys.argv[1],int(sys.argv[2])))\nprint('ready',flush=True)\n"
            "while True: s.accept()[0].close()"
        )
        line = ["nsenter", "--target", str(self._inside), "--net", "python3", "-c", program, address, str(port)]
        helper = subprocess.Popen(line, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        assert helper.stdout is not None
        assert helper.stdout.readline() == b"ready\n"
        self._helpers.append(helper)

    def process(self, arguments: str) -> None:
        """Let a process run in the guest whose command line is this one."""
        self.start()
        self.shell(f"( exec -a '{arguments}' sleep 1000 >/dev/null 2>&1 <&1 & )", shell="bash")

    def read_only(self) -> None:
        """Make the root file system read-only, as after an error."""
        self.start()
        self.shell("mount -o remount,ro /")

    def fill(self) -> None:
        """Fill the root file system until nothing more fits."""
        self.start()
        self.shell("cat /dev/zero >/var/tmp/fill 2>/dev/null; cat /dev/zero >>/var/tmp/fill 2>/dev/null; true")

    # ---- runs -----------------------------------------------------------------------------------------------------

    def run(
        self,
        action: str,
        verb: str,
        parameters: Mapping[str, str] | None = None,
        *,
        shell: str = "/bin/sh",
        seconds: int = 120,
    ) -> Ran:
        """Run a script as Run Command does, exactly the text that would be sent."""
        return self.run_text(find_script(action).text(verb, parameters), shell=shell, seconds=seconds)

    def run_text(self, text: str, *, shell: str = "/bin/sh", seconds: int = 120) -> Ran:
        """Run a text as a script."""
        self.start()
        self.write("/run/script.sh", text, 0o700)
        before, asked = self.state(), self._calls()
        line = self._line([*shell.split(), "/run/script.sh"])
        done = subprocess.run(
            line, capture_output=True, stdin=subprocess.DEVNULL, env=_ENVIRONMENT, timeout=seconds, check=False
        )
        after = self.state()
        unsupported = self.at("/run/stand-in/unsupported")
        assert not unsupported.exists(), unsupported.read_text()
        changed = sorted(one for one in before.keys() | after.keys() if before.get(one) != after.get(one))
        return Ran(
            done.returncode,
            done.stdout,
            done.stderr.decode(errors="replace"),
            tuple(one for one in changed if not one.startswith(RECORD)),
            tuple(one for one in changed if one.startswith(RECORD)),
            tuple(one for one in self._calls()[len(asked) :] if not _asks(one)),
        )

    def tasks(self) -> list[str]:
        """Return the units that wait to be started."""
        return sorted(one.name for one in self.at("/run/stand-in/tasks").iterdir())

    def run_tasks(self, seconds: int = 120) -> tuple[str, ...]:
        """Run what was handed over, now that the script has ended; returns every path that is different now."""
        before = self.state()
        for unit in self.tasks():
            place = self.at(f"/run/stand-in/tasks/{unit}")
            line = (place / "command").read_text().splitlines()
            subprocess.run(self._line(line), stdin=subprocess.DEVNULL, env=_ENVIRONMENT, timeout=seconds, check=False)
            shutil.rmtree(place)
        after = self.state()
        return tuple(sorted(one for one in before.keys() | after.keys() if before.get(one) != after.get(one)))

    def shell(self, text: str, shell: str = "sh") -> str:
        """Run a line of shell in the guest, as a test's own preparation or look."""
        self.start()
        done = self._enter([shell, "-c", text])
        return done.stdout.decode()

    def state(self) -> dict[str, tuple[Any, ...]]:
        """Return every path of the root with what can be told apart about it, and every mount."""
        self.start()
        top = self.at("/")
        found = dict(self._walk(top, ""))
        mounts = [line.split() for line in Path(f"/proc/{self._inside}/mounts").read_text().splitlines()]
        return found | {f"mount {one[1]}": tuple(one[:4]) for one in mounts}

    def _walk(self, top: Path, under: str) -> Iterator[tuple[str, tuple[Any, ...]]]:
        with os.scandir(top / under.lstrip("/")) as entries:
            for entry in entries:
                path = f"{under}/{entry.name}"
                if path in _OUTSIDE:
                    continue
                seen = entry.stat(follow_symlinks=False)
                facts = (stat.filemode(seen.st_mode), seen.st_uid, seen.st_gid)
                if entry.is_symlink():
                    yield path, (*facts, os.readlink(entry.path))
                elif entry.is_dir(follow_symlinks=False):
                    yield path, facts
                    yield from self._walk(top, path)
                elif entry.is_file(follow_symlinks=False):
                    yield path, (*facts, seen.st_mtime_ns, hashlib.sha256(Path(entry.path).read_bytes()).hexdigest())
                else:
                    yield path, (*facts, seen.st_rdev)

    # ---- namespaces -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Make the namespaces and the root, once."""
        if self._holder is not None:
            return
        line = [
            "unshare",
            "--mount",
            "--pid",
            "--net",
            "--uts",
            "--ipc",
            "--fork",
            "--kill-child",
            "sh",
            "-c",
            _SETUP,
            "setup",
        ]
        arguments = [str(self._folder / "root"), str(self._staging), str(self._tools), self._size]
        holder = subprocess.Popen([*line, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        self._inside = int(Path(f"/proc/{holder.pid}/task/{holder.pid}/children").read_text().split()[0])
        self._holder = holder
        while Path(f"/proc/{self._inside}/root").readlink() == Path("/"):
            os.sched_yield()

    def close(self) -> None:
        """End everything that runs in it, and give its devices back."""
        for helper in self._helpers:
            helper.kill()
            helper.communicate()
        if self._holder is not None:
            self._holder.communicate()
        for loop in self._loops:
            subprocess.run(["losetup", "--detach", loop], check=False, capture_output=True)

    def _before_start(self, what: str) -> None:
        assert self._holder is None, f"{what}() works only before the first run"

    def _line(self, command: list[str], *, root: bool = True) -> list[str]:
        where = ["--mount", "--pid", "--uts", "--ipc", "--root"] if root else []
        inside = ["env", "--chdir=/"] if root else []
        return ["nsenter", "--target", str(self._inside), "--net", *where, *inside, *command]

    def _enter(self, command: list[str], *, root: bool = True) -> subprocess.CompletedProcess[bytes]:
        done = subprocess.run(
            self._line(command, root=root),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env=_ENVIRONMENT,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done

    def _calls(self) -> list[str]:
        path = self.at("/run/stand-in/calls")
        return path.read_text().splitlines() if path.exists() else []


def matches(path: str, patterns: tuple[str, ...]) -> bool:
    """Return whether a manifest's ``touches`` names a path, itself or a directory above it."""
    return any(fnmatch.fnmatchcase(path, one) or fnmatch.fnmatchcase(path, f"{one}/*") for one in patterns)


def _asks(call: str) -> bool:
    return any(f" {verb}" in call for verb in ("is-active", "is-enabled", "show", "reset-failed"))


def _do(*line: str) -> str:
    done = subprocess.run(line, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    return done.stdout


def compose(body: str, verb: str = "check", action: str = "trial", **parameters: str) -> str:
    """Return a script of a test's own, with the common part before it, as ``Script.text`` would put it together."""
    common = (Path(scripts.HERE) / "linux/common.sh").read_text(encoding="ascii").split("\n", 1)[1]
    head = ["#!/bin/sh", f"SCRIPT_ACTION='{action}'", f"SCRIPT_VERB='{verb}'"]
    head += [
        f"PARAMETER_{name.upper()}='{base64.b64encode(one.encode()).decode()}'" for name, one in parameters.items()
    ]
    return "\n".join([*head, common, body])
