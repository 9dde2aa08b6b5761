"""A sandbox like that of Azure Automation: the bundle and nothing else, in a clean Python 3.10, under its limits.

* **Network**: a network namespace of its own, which has a loopback interface only; the simulator's socket is opened in
  there. Without the right to make one, the audit hook of ``sandbox_site`` alone keeps connections away.
* **Memory**: 400 MB, by a memory cgroup (version 1 or 2), which counts what is really used; without the right to make
  one, by ``RLIMIT_DATA``, which counts what is asked for. ``RLIMIT_AS`` would count libraries that are mapped, too.
* **Programs**: the audit hook does not permit any, and notes which would have been started.
* **stderr**: a file, which has to stay empty; or closed.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import socket
import struct
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

T = TypeVar("T")
MEMORY = 400 * 1024 * 1024
_NEW_NETWORK = 0x40000000
_CGROUPS = Path("/sys/fs/cgroup")
_libc = ctypes.CDLL(None, use_errno=True)


def python_of_automation() -> str:
    """Return a Python 3.10, or nothing."""
    if sys.version_info[:2] == (3, 10):
        return getattr(sys, "_base_executable", "") or sys.executable
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for path in (*sorted(root.glob("versions/3.10*/bin/python")), "python3.10"):
        check = "import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 10))"
        with contextlib.suppress(OSError):
            if subprocess.run([str(path), "-c", check], capture_output=True, check=False).returncode == 0:
                return str(path)
    return ""


class Network:
    """A network namespace with a loopback interface only; or none, where that is not allowed."""

    def __init__(self) -> None:
        self.descriptor = _in_a_thread(_new_network)

    @property
    def separate(self) -> bool:
        return self.descriptor is not None

    def inside(self, work: Callable[[], T]) -> T:
        """Do something in there, such as opening a socket."""
        return _in_a_thread(lambda: (self.enter(), work())[1])

    def enter(self) -> None:
        """Move this thread there for good."""
        if self.descriptor is not None and _libc.setns(self.descriptor, _NEW_NETWORK):
            raise OSError(ctypes.get_errno(), "setns")

    def close(self) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)


def _new_network() -> int | None:
    if _libc.unshare(_NEW_NETWORK):
        return None
    with socket.socket() as any_socket:
        up = struct.pack("16sh", b"lo", 1)
        fcntl.ioctl(any_socket, 0x8914, up)  # SIOCSIFFLAGS, IFF_UP
    return os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _in_a_thread(work: Callable[[], T]) -> T:
    found: list[Any] = []

    def run() -> None:
        try:
            found.append((work(), None))
        except BaseException as error:  # noqa: BLE001  # raised again by whoever waits
            found.append((None, error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    value, error = found[0]
    if error is not None:
        raise error
    return value


class Memory:
    """A limit for the memory of a process: ``kind`` says by what."""

    def __init__(self) -> None:
        name = f"remediate-sandbox-{uuid.uuid4().hex}"
        self.kind, self.folder = "RLIMIT_DATA", Path()
        for kind, folder, limit in (
            ("cgroup v1", _CGROUPS / "memory" / name, "memory.limit_in_bytes"),
            ("cgroup v2", _CGROUPS / name, "memory.max"),
        ):
            with contextlib.suppress(OSError):
                folder.mkdir()
                try:
                    (folder / limit).write_text(str(MEMORY), encoding="ascii")
                except OSError:
                    folder.rmdir()
                    continue
                self.kind, self.folder = kind, folder
                break

    def enter(self) -> None:
        """Put this process under the limit."""
        if self.folder == Path():
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        else:
            (self.folder / "cgroup.procs").write_text(str(os.getpid()), encoding="ascii")

    @property
    def peak(self) -> int:
        """The most that was used, in bytes; 0 where nobody counts it."""
        for name in ("memory.max_usage_in_bytes", "memory.peak"):
            with contextlib.suppress(OSError):
                return int((self.folder / name).read_text(encoding="ascii"))
        return 0

    def close(self) -> None:
        if self.folder != Path():
            with contextlib.suppress(OSError):
                self.folder.rmdir()


@dataclass(frozen=True)
class Done:
    """A job that has ended."""

    status: int
    out: str
    stderr: str
    programs: tuple[str, ...]

    @property
    def shown_as(self) -> str:
        """What Azure Automation shows."""
        return "Completed" if self.status == 0 else "Failed"


class Running:
    """A job that is going on."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._lines: list[str] = []

    def until(self, text: str) -> None:
        """Wait until the job has written a line with this text."""
        for line in self._out:
            self._lines.append(line)
            if text in line:
                return
        raise AssertionError(f"{text!r} was not written:\n{''.join(self._lines)}")

    @property
    def _out(self) -> IO[str]:
        if self._process.stdout is None:
            raise AssertionError("there is no stdout")
        return self._process.stdout

    def stop(self) -> None:
        """Do what Azure Automation does when the job's time is over."""
        self._process.terminate()

    def end(self, seconds: float = 120) -> Done:
        try:
            rest, _ = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        said, programs = (self._read(name) for name in ("stderr", "programs"))
        return Done(self._process.returncode, "".join(self._lines) + rest, said, tuple(programs.splitlines()))

    def _read(self, name: str) -> str:
        path = self._folder / name
        return path.read_text(encoding="utf-8") if path.exists() else ""


class Sandbox:
    """One account's sandbox.

    Args:
        python: the interpreter of the environment in which the bundle is installed.
        runbooks: the folder with the runbook scripts.
        folder: where to put what the account has.
    """

    def __init__(self, python: Path, runbooks: Path, folder: Path) -> None:
        self.python = python
        self.runbooks = runbooks
        self.folder = folder
        self.network = Network()
        self.memory = Memory()
        self.environment: dict[str, str] = {}
        self.variables: dict[str, str] = {}
        self._running: list[subprocess.Popen[str]] = []

    def set(self, name: str, value: object) -> None:
        """Set an Automation variable; its value is JSON on the wire."""
        self.variables[name] = json.dumps(value)

    def start(self, runbook: str, words: Sequence[str] = (), *, stderr: bool = True) -> Running:
        """Start a job: the script under a folder with the job's id, the words as its arguments."""
        script = self.runbooks / f"{runbook}.py"
        return self.start_script(script.read_text(encoding="utf-8"), runbook, words, stderr=stderr)

    def start_script(self, text: str, name: str, words: Sequence[str] = (), *, stderr: bool = True) -> Running:
        job = str(uuid.uuid4())
        home = self.folder / job / "runbooks"
        home.mkdir(parents=True)
        script = home / f"{name}.py"
        script.write_text(text, encoding="utf-8")
        variables = self.folder / job / "variables.json"
        variables.write_text(json.dumps(self.variables), encoding="utf-8")
        log = self.folder / job / "stderr" if stderr else None
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
            "TMPDIR": str(home),
            "AUTOMATION_JOB_ID": job,
            "SANDBOX_VARIABLES": str(variables),
            "SANDBOX_PROGRAMS": str(self.folder / job / "programs"),
            **self.environment,
        }
        with contextlib.ExitStack() as stack:
            process = subprocess.Popen(
                [str(self.python), str(script), *words],
                cwd=home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stack.enter_context(log.open("w")) if log else subprocess.DEVNULL,
                text=True,
                encoding="utf-8",
                preexec_fn=lambda: self._enter(stderr=stderr),  # noqa: PLW1509  # nothing in it takes a lock
            )
        self._running.append(process)
        return Running(process, self.folder / job)

    def _enter(self, *, stderr: bool) -> None:
        self.memory.enter()
        self.network.enter()
        if not stderr:
            os.close(2)

    def run(self, runbook: str, words: Sequence[str] = (), *, stderr: bool = True) -> Done:
        return self.start(runbook, words, stderr=stderr).end()

    def close(self) -> None:
        for process in self._running:
            with process:
                process.kill()
        self.network.close()
        self.memory.close()


def install(bundle: Path, folder: Path, python: str) -> Path:
    """Install the packages of a bundle, and nothing else, into a clean environment; return its interpreter."""
    subprocess.run([python, "-m", "venv", str(folder)], check=True, capture_output=True)
    inside = folder / "bin" / "python"
    wheels = [str(path) for path in sorted((bundle / "packages").glob("*.whl"))]
    command = [str(inside), "-m", "pip", "--isolated", "install", "--no-index", "--no-deps", "--no-compile", *wheels]
    subprocess.run(command, check=True, capture_output=True)
    without_pip = [str(inside), "-m", "pip", "uninstall", "--yes", "setuptools", "pip"]
    subprocess.run(without_pip, check=True, capture_output=True)
    here = Path(__file__).parent
    site = next((folder / "lib").glob("python3*/site-packages"))
    (site / "sitecustomize.py").write_bytes((here / "sandbox_site.py").read_bytes())
    (site / "automationassets.py").write_bytes((here / "sandbox_assets.py").read_bytes())
    return inside


@contextmanager
def once(folder: Path, make: Callable[[Path], None]) -> Iterator[Path]:
    """Make a folder's content once, also for test processes that run at the same time."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".made").exists():
            folder.mkdir(exist_ok=True)
            make(folder)
            (folder / ".made").touch()
    yield folder
