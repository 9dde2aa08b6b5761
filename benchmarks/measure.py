"""Measure what the README promises: start-up, a dry run, its requests, its memory. Prints a Markdown table.

usage: python benchmarks/measure.py [RUNS]     (`make bench` does it with a fresh installation)

Every command runs in a process of its own, in turn with the others, so that a busy machine slows all alike; the ratio
to the baseline of the same turn tells more than the time. The simulator is served by another process and answers after
60 ms, about what Resource Manager takes. Memory is the peak of resident memory; what is not above this process's own
(the first line) is not seen.
"""

from __future__ import annotations

import http.client
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CODE = "UserErrorRpCollectionLimitReached"
LATENCY = 60
"""Milliseconds before each answer of the simulator."""
RUNS = 15
REMEDIATE = str(Path(sys.executable).with_name("remediate"))
DRY_RUN = [REMEDIATE, CODE, "--vm", "web-01", "--dry-run"]
BASELINE = "python -c pass"


@dataclass
class Measured:
    """One command: how long it took, and the most memory it had, over all its runs."""

    name: str
    command: list[str]
    environment: dict[str, str]
    target: float | None = None
    seconds: list[float] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)

    def run(self) -> None:
        began = time.perf_counter()
        process = subprocess.Popen(self.command, env=self.environment, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        self.seconds.append(time.perf_counter() - began)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise SystemExit(f"{self.name} ended with {process.returncode}")
        self.megabytes.append(usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2))


class Served:
    """A simulator in another process."""

    def __init__(self, ready: dict[str, Any], state: str) -> None:
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if name not in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "REMEDIATE_CA")
        }
        self.environment |= {"REMEDIATE_ARM_ENDPOINT": ready["endpoint"], "REMEDIATE_STATE": state}
        self.identity = self.environment | {"IDENTITY_ENDPOINT": ready["token_url"], "IDENTITY_HEADER": "any"}
        self._host = urlsplit(ready["endpoint"]).netloc

    def control(self, method: str, path: str, body: object = None) -> Any:
        connection = http.client.HTTPConnection(self._host, timeout=60)
        try:
            connection.request(method, f"/_sim/{path}", json.dumps(body) if body is not None else None)
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def counted(self) -> str:
        """How many requests have reached Resource Manager since the last reset."""
        seen = [one for one in self.control("GET", "requests") if one["service"] == "arm"]
        writes = sum(one["write"] for one in seen)
        return f"{len(seen) - writes} reads, {writes} writes"


@contextmanager
def served(latency: int) -> Iterator[Served]:
    command = [REMEDIATE, "simulate", "serve", "--latency", str(latency)]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process,
    ):
        try:
            line = process.stdout.readline() if process.stdout else ""
            yield Served(json.loads(line), str(Path(folder) / "journal.db"))
        finally:
            process.terminate()


def measure(runs: int) -> list[Measured]:
    with served(LATENCY) as azure:
        plain = azure.environment
        commands = [
            Measured(BASELINE, [sys.executable, "-c", "pass"], plain),
            Measured("python -c 'import requests'", [sys.executable, "-c", "import requests"], plain),
            Measured("remediate --help", [REMEDIATE, "--help"], plain, 0.1),
            Measured("dry run, placeholder token", DRY_RUN, plain, 0.6),
            Measured("dry run, managed identity", DRY_RUN, azure.identity, 0.6),
        ]
        for command in commands:  # once for the caches of the disk, not counted
            command.run()
            command.seconds.clear()
            command.megabytes.clear()
        for _ in range(runs):
            for command in commands:
                command.run()
    return commands


def requests_sent() -> dict[str, str]:
    """Count the requests of a dry run, and of a whole repair, at the simulator."""
    with served(0) as azure:

        def remediate(*arguments: str) -> None:
            subprocess.run([REMEDIATE, *arguments], env=azure.environment, stdout=subprocess.DEVNULL, check=False)

        counted = {}
        remediate(*DRY_RUN[1:])
        counted["dry run"] = azure.counted()
        azure.control("POST", "reset")
        remediate(CODE, "--vm", "web-01", "--yes")
        counted["repair, until it is parked"] = azure.counted()
        azure.control("POST", "clock", {"advance": "PT6H"})
        remediate("resume")
        counted["repair and resume, until it is fixed"] = azure.counted()
    return counted


def machine() -> str:
    cpu = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores ({cpu})"


def table(commands: Sequence[Measured]) -> Iterator[str]:
    baseline = statistics.median(commands[0].seconds)
    yield "| command | min | median | ratio | memory | target |"
    yield "|---|---:|---:|---:|---:|---|"
    for one in commands:
        median = statistics.median(one.seconds)
        target = "" if one.target is None else f"under {one.target * 1000:.0f} ms"
        yield (
            f"| `{one.name}` | {min(one.seconds) * 1000:.0f} ms | {median * 1000:.0f} ms | {median / baseline:.1f} "
            f"| {max(one.megabytes):.0f} MB | {target} |"
        )


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    print(f"{machine()}; {runs} runs each; the simulator answers after {LATENCY} ms\n")
    print("\n".join(table(measure(runs))))
    print("\n| | requests to Resource Manager |\n|---|---|")
    for name, count in requests_sent().items():
        print(f"| {name} | {count} |")


if __name__ == "__main__":
    main()
