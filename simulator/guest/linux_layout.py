"""What the folder of a Linux guest holds at the beginning, from its declarative state."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from datetime import datetime
from functools import cache
from pathlib import Path

from simulator.wire import Json

HERE = Path(__file__).parent
STATE = "run/simulator"
TOOLS = {
    "systemctl": "linux_systemctl.sh",
    "systemd-run": "linux_systemd_run.sh",
    "sleep": "linux_sleep.sh",
    "date": "linux_date.sh",
    "find": "linux_find.sh",
    "timedatectl": "linux_time.sh",
    "waagent": "linux_waagent.sh",
}
SELINUX_TOOLS = ("getenforce", "sestatus", "semanage", "restorecon", "ausearch")
LOGS = "/var/log/azure/Microsoft.Azure.RecoveryServices.VMSnapshotLinux/extension.log"
EMPTY = (
    "etc/systemd/system",
    "etc/azure",
    "home",
    "mnt",
    "root",
    "run/systemd/system",
    "tmp",
    "var/cache",
    "var/lib/apt/lists",
    "var/tmp",
    *(f"{STATE}/{name}" for name in ("units", "tasks", "real", "package")),
)
ETC = ("ld.so.cache", "ld.so.conf", "mke2fs.conf", "protocols", "services")
"""What the programs of this machine need of its /etc."""


class NoDisksError(Exception):
    """This machine cannot make the disks that a state asks for."""


@cache
def layouts() -> Json:
    """Return the distributions that are known, and what they have in common."""
    known: Json = json.loads((HERE / "linux_layouts.json").read_text(encoding="utf-8"))
    return known


def complete(state: Json) -> Json:
    """Return a state with everything that it leaves out.

    Raises:
        ValueError: for a key or a layout that does not exist.
    """
    layout = state.get("layout", "ubuntu")
    if layout not in layouts()["layouts"]:
        raise ValueError(f"no layout {layout!r}; known: {', '.join(layouts()['layouts'])}")
    known = layouts()["layouts"][layout]
    whole = {
        "layout": layout,
        "agent_version": "2.9.1.1",
        "services": {known["service"]: {}},
        "waagent_conf": {},
        "files": {},
        "disks": {},
        "mounts": [],
        "size_mb": 28672,
        "fill_mb": 0,
        "selinux": known.get("selinux", ""),
        "selinux_denials": [],
        "reboot_required": False,
        "at_boot": {},
        "wireserver": [80, 32526],
        "dns": True,
        "dhcp": True,
        "data_disks": 1,
        "time_synced": True,
        "cpu_percent": 5,
        "memory_percent": 30,
        "extension_log": [],
        "programs": {},
        "package": {"installed": "2.9.1.1-1", "offered": "2.9.1.1-1", "reachable": True},
        "patience": 20.0,
    }
    unknown = sorted(set(state) - set(whole) - {"unclean"})
    if unknown:
        raise ValueError(f"a Linux guest has no {', '.join(unknown)}; it has: unclean, {', '.join(whole)}")
    services = whole["services"] | state.get("services", {})
    disks = {mount: {"unclean": True} for mount in state.get("unclean", ())} | state.get("disks", {})
    whole |= {name: value for name, value in state.items() if name != "unclean"}
    return whole | {"services": services, "disks": disks}


class Layout:
    """Makes the folder of a guest."""

    def __init__(self, folder: Path, state: Json, now: datetime) -> None:
        self.root = folder / "root"
        self.tools = folder / "tools"
        self.folder = folder
        self.state = state
        self.now = now
        self.known = layouts()["layouts"][state["layout"]]

    def make(self) -> list[Json]:
        """Write everything and return the disks that a room has to attach.

        Raises:
            NoDisksError: when the disks' images cannot be made here.
        """
        for name in ("tools/bin", "tools/sbin", "tools/lib/systemd/system"):
            (self.folder / name).mkdir(parents=True)
        for name in EMPTY:
            (self.root / name).mkdir(parents=True, exist_ok=True)
        for name in ("tmp", "var/tmp"):
            (self.root / name).chmod(0o1777)
        for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
            if Path("/", name).is_symlink():
                (self.root / name).symlink_to(f"usr/{name}")
        self._programs()
        self._files()
        for name, service in self.state["services"].items():
            self._service(name, service)
        disks = self._disks()
        self._settle()
        return disks

    def _programs(self) -> None:
        (self.tools / "bin/sh").symlink_to(self.known["shell"])
        for name in (*self.known["hidden"], "chronyc", "needs-restarting"):
            self._hide(name)
        for name, file in TOOLS.items():
            self.program(name, (HERE / file).read_text(encoding="utf-8"))
        for name in self.known["managers"]:
            self.program(name, (HERE / "linux_package.sh").read_text(encoding="utf-8"))
        if self.state["selinux"]:
            for name in SELINUX_TOOLS:
                self.program(name, (HERE / "linux_selinux.sh").read_text(encoding="utf-8"))
        for name, text in self.state["programs"].items():
            if text is None:
                self._hide(name)
            else:
                self.program(name, text)
        for name in ("date", "find"):
            real = shutil.which(name, path="/usr/bin:/bin")
            if real is not None:
                shutil.copy(real, self.root / STATE / "real" / name)

    def program(self, name: str, text: str) -> None:
        """Put a program over the host's /usr/bin."""
        self._hide(name)
        path = self.tools / "bin" / name
        if path.is_dir():
            path.rmdir()
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)

    def _hide(self, name: str) -> None:
        """Let the guest not have a program of the host: a directory of its name lies over it."""
        for folder in ("bin", "sbin"):
            path = self.tools / folder / name
            if path.is_file():
                path.unlink()
            if os.path.lexists(Path("/usr", folder, name)):
                path.mkdir(exist_ok=True)

    def write(self, path: str, content: str | Json) -> None:
        """Write a file of the guest: its text, or an object with ``text`` or ``base64``, ``mode`` and ``owner``."""
        whole: Json = {"text": content} if isinstance(content, str) else content
        place = self.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        data = base64.b64decode(whole["base64"]) if "base64" in whole else whole.get("text", "").encode()
        place.unlink(missing_ok=True)
        place.write_bytes(data)
        place.chmod(int(str(whole.get("mode", "644")), 8))
        if "owner" in whole and os.geteuid() == 0:
            os.chown(place, *whole["owner"])

    def _files(self) -> None:
        for path, content in (layouts()["files"] | self.known["files"]).items():
            self.write(path, content)
        for source in ETC:
            if Path("/etc", source).is_file():
                shutil.copy(f"/etc/{source}", self.root / "etc" / source)
        self._alternatives()
        (self.root / "etc/mtab").symlink_to("/proc/self/mounts")
        (self.root / "var/run").symlink_to("/run")
        self._agent_settings()
        self._package()
        self._switches()
        for path, content in self.state["files"].items():
            if content is None:
                (self.root / path.lstrip("/")).unlink(missing_ok=True)
            else:
                self.write(path, content)

    def _alternatives(self) -> None:
        """Keep the links by which Debian and its like find programs such as awk; their manuals have such links, too."""
        source = Path("/etc/alternatives")
        (self.root / "etc/alternatives").mkdir()
        for link in source.iterdir() if source.is_dir() else ():
            if link.is_symlink() and "bin" in link.readlink().parts:
                (self.root / "etc/alternatives" / link.name).symlink_to(link.readlink())

    def _package(self) -> None:
        package = self.state["package"]
        known = {"name": self.known["package"], "service": self.known["service"], "known": package["offered"]}
        for name in ("installed", "offered"):
            known[name] = package[name]
        for name, text in known.items():
            self.write(f"{STATE}/package/{name}", f"{text}\n")
        if package["reachable"]:
            self.write(f"{STATE}/package/reachable", "")
        self.write(f"{STATE}/agent-version", f"{self.state['agent_version']}\n")

    def _switches(self) -> None:
        if self.state["selinux"]:
            self.write(f"{STATE}/selinux/mode", f"{self.state['selinux']}\n")
        if self.state["selinux_denials"]:
            self.write("/var/log/audit/audit.log", "".join(f"{line}\n" for line in self.state["selinux_denials"]))
        if self.state["dhcp"]:
            self.write(self.known["lease"], "ADDRESS=10.0.0.4\nSERVER_ADDRESS=168.63.129.16\n")
        self.write(f"{STATE}/synchronized", "yes\n" if self.state["time_synced"] else "no\n")
        self.write(f"{STATE}/busy", f"{self.state['cpu_percent']}\n")
        if self.state["reboot_required"]:
            self.write("/run/reboot-required", "*** System restart required ***\n")
        if self.state["extension_log"]:
            self.write(LOGS, "".join(f"{line}\n" for line in self.state["extension_log"]))

    def _agent_settings(self) -> None:
        path = self.root / "etc/waagent.conf"
        lines = path.read_text(encoding="utf-8").splitlines()
        for name, value in self.state["waagent_conf"].items():
            lines = [line for line in lines if line.lstrip("# ").partition("=")[0] != name]
            if value is not None:
                lines.append(f"{name}={value}")
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _service(self, name: str, service: Json) -> None:
        """Write a service: its unit (``restart``), and what it is doing (``state``, ``enabled``, ``hung``, ...)."""
        text = layouts()["unit"] if name == self.known["service"] else _unit(name)
        if "restart" in service:
            text = text.replace("Restart=always", f"Restart={service['restart']}" if service["restart"] else "")
        (self.tools / f"lib/systemd/system/{name}.service").write_text(text, encoding="utf-8")
        unit = f"{STATE}/units/{name}"
        self.write(f"{unit}/state", service.get("state", "active"))
        self.write(f"{unit}/enabled", "enabled" if service.get("enabled", True) else "disabled")
        self.write(f"{unit}/since", f"{int(self.now.timestamp()) - int(service.get('minutes', 1440)) * 60}\n")
        for mark in ("hung", "broken"):
            if service.get(mark):
                self.write(f"{unit}/{mark}", "")

    def _disks(self) -> list[Json]:
        made = []
        for number, (mount, disk) in enumerate(self.state["disks"].items()):
            device, kind = f"/dev/sd{chr(ord('c') + number)}1", disk.get("kind", "ext4")
            image = f"disk{number}.img"
            self._image(self.folder / image, disk, kind)
            (self.root / mount.lstrip("/")).mkdir(parents=True, exist_ok=True)
            if disk.get("fstab", True):
                with (self.root / "etc/fstab").open("a", encoding="utf-8") as table:
                    table.write(f"{device} {mount} {kind} defaults,nofail 0 2\n")
            said = {"mounted": disk.get("mounted", True), "gone": disk.get("gone", False)}
            made.append({"device": device, "image": image, "mount": mount, "kind": kind, **said})
        return made

    def _image(self, image: Path, disk: Json, kind: str) -> None:
        with image.open("wb") as file:
            file.truncate(int(disk.get("size_mb", 16)) << 20)
        hello = self.folder / "hello"
        hello.write_text("hello\n", encoding="utf-8")
        commands = [f"write {hello} hello"]
        if disk.get("damaged"):
            commands += ["mkdir lost", f"write {hello} lost/inside", "set_inode_field lost mode 0100644"]
        if disk.get("unclean") or disk.get("damaged"):
            commands.append("set_super_value state 2")
        _do(f"mkfs.{kind}", "-q", "-F", str(image))
        for command in commands:
            _do("debugfs", "-w", "-R", command, str(image))

    def _settle(self) -> None:
        """Let everything have been written before the simulated day began."""
        moment = self.now.timestamp() - 3600
        for path in self.root.rglob("*"):
            if not path.is_symlink():
                os.utime(path, (moment, moment))


def _unit(name: str) -> str:
    lines = (
        "[Unit]", f"Description={name}", "", "[Service]", f"ExecStart=/usr/sbin/{name}", "Restart=always", "",
        "[Install]", "WantedBy=multi-user.target", "",
    )  # fmt: skip
    return "\n".join(lines)


def _do(*line: str) -> None:
    environment = os.environ | {"PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    try:
        done = subprocess.run(  # noqa: S603  # fixed programs
            line, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env=environment
        )
    except OSError as error:
        raise NoDisksError(f"{line[0]}: {error.strerror}") from error
    if done.returncode:
        raise NoDisksError(f"{line[0]}: {done.stderr.strip()}")
