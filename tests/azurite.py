"""Azurite, Microsoft's emulator of Azure Storage: its table service, on a free port, in memory.

It comes from npm, once, into ``tests/.cache`` (or ``AZURITE_CACHE``); where Node.js or npm is missing, or the registry
cannot be reached, the tests that need it are skipped with that reason.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

VERSION = "3.35.0"
CACHE = Path(os.environ.get("AZURITE_CACHE") or Path(__file__).with_name(".cache") / "azurite")
ACCOUNT = "devstoreaccount1"


@cache
def _script() -> tuple[Path, str]:
    """Return Azurite's table service, and why it cannot be had; that is tried once."""
    node, npm = shutil.which("node"), shutil.which("npm")
    script = CACHE / "node_modules" / "azurite" / "dist" / "src" / "table" / "main.js"
    if node is None:
        return script, "Azurite needs Node.js, and there is none"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if script.is_file():
            return script, ""
        if npm is None:
            return script, "Azurite is not installed, and there is no npm to get it with"
        options = ["--no-audit", "--no-fund", "--fetch-retries=1", "--prefix", str(CACHE)]
        (CACHE / "package.json").write_text('{"private": true}')
        try:
            said = subprocess.run(
                [npm, "install", *options, f"azurite@{VERSION}"],
                cwd=CACHE,
                capture_output=True,
                text=True,
                timeout=300,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return script, "npm could not get Azurite in five minutes"
        there = said.returncode == 0 and script.is_file()
        return script, "" if there else f"npm could not get Azurite: {said.stderr.strip()[-200:]}"


@contextmanager
def azurite(folder: Path) -> Iterator[str]:
    """Run Azurite's table service; what is given is the account's URL, to which a table's name is added."""
    script, why_not = _script()
    if why_not:
        pytest.skip(why_not)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--tableHost", "127.0.0.1", "--tablePort", str(port), "--inMemoryPersistence", "--silent"]
    command = ["node", str(script), *options, "--skipApiVersionCheck", "--disableTelemetry"]
    log = (folder / "azurite.log").open("w+")
    with log, subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True) as process:
        try:
            for line in process.stdout:
                if "successfully started" in line:
                    break
            else:
                log.seek(0)
                pytest.skip(f"Azurite did not start: {log.read().strip()[-300:]}")
            yield f"http://127.0.0.1:{port}/{ACCOUNT}"
        finally:
            process.kill()


if __name__ == "__main__":
    sys.exit(_script()[1] or 0)
