"""The bundle that Azure Automation imports: ``make automation-bundle``. It is made from a checkout.

Wheels for Python 3.10 on Linux, exactly those of ``azure-automation/packages.txt`` and our own; the runbooks; the same
runbooks with our own packages inside of each; a manifest with sizes and hashes. The same checkout gives the same bytes.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from arm.errors import UsageError

from .wheels import Wheel, groups, in_order

SCHEMA = "remediate.bundle/1"
PYTHON = "3.10"
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_12_x86_64", "manylinux2010_x86_64")
MOST_BYTES = 100 * 1024 * 1024
"""A runtime environment takes no more in one import."""
MOST_RUNBOOK_BYTES = 1024 * 1024
"""What a runbook's text may have; the newest documents name no limit, older ones named this."""
EARLIEST = 315532800
"""Seconds from 1970 to 1980, when the times of zip files begin."""
OURS = "azure-backup-remediation"
ROOMS = ("arm", "actions", "guards", "runbooks", "remediate")
"""What a single-file runbook has inside."""
LEFT_OUT = {
    "markdown-it-py": "rich needs it",
    "mdurl": "rich needs it",
    "platformdirs": "says where the journal's file is; a job has a table",
    "pygments": "rich needs it",
    "rich": "draws progress on a terminal",
    "structlog": "writes the command line's log",
}
"""What our own package names as needed, and no job ever imports; each package is a thing to import by hand."""
ALSO = ("azure-data-tables", "tzdata")
"""What a job needs besides: the journal's table; and nobody promises that the sandbox has a time zone database."""
_JUNK = shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info")


def sha256(data: bytes) -> str:
    """Return the SHA-256 of bytes as hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def write_zip(target: Path, files: Mapping[str, bytes], seconds: int) -> None:
    """Write files into an archive, always to the same bytes: sorted, with one time and one mode."""
    import time

    stamp = time.gmtime(max(seconds, EARLIEST))[:6]
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, stamp)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[name])


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder by its name below it."""
    return {one.relative_to(folder).as_posix(): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


class Builder:
    """Makes the bundle.

    Args:
        root: the checkout.
        out: where the bundle goes; what is there is replaced.
        seconds: the time that every file gets, in seconds since 1970.
    """

    def __init__(self, root: Path, out: Path, seconds: int) -> None:
        self.root = root
        self.out = out
        self.seconds = seconds
        self.home = root / "azure-automation"

    def build(self, wheels: Path | None = None) -> dict[str, Any]:
        """Make the bundle and return its manifest.

        Args:
            wheels: a folder that already has the wheels of others; ``None`` fetches them.

        Raises:
            UsageError: a wheel is missing, another one than the lock names, or the bundle is larger than allowed.
        """
        with tempfile.TemporaryDirectory(prefix="remediate-bundle-") as scratch:
            work = Path(scratch) / "bundle"
            packages = work / "packages"
            packages.mkdir(parents=True)
            fetched = wheels or self.fetch(Path(scratch) / "fetched")
            for path in locked(self.home / "packages.txt", fetched):
                shutil.copyfile(path, packages / path.name)
            self.own_wheel(packages, Path(scratch))
            self._runbooks(work)
            manifest = self._manifest(work)
            (work / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8", newline="\n")
            self._replace(work)
        archive = self.out.parent / f"{self.out.name}-{manifest['version']}.zip"
        write_zip(archive, read_folder(self.out), self.seconds)
        return manifest

    def _replace(self, work: Path) -> None:
        """Put the new bundle where the old one was; a folder that is no bundle stays as it is."""
        if self.out.exists():
            if any(self.out.iterdir()) and not (self.out / "manifest.json").is_file():
                raise UsageError(f"{self.out} is there, and is no bundle", "Give another folder with --out.")
            shutil.rmtree(self.out)
        shutil.copytree(work, self.out)

    def fetch(self, folder: Path) -> Path:
        """Fetch the wheels of the lock, each only with the hash that the lock has; return the folder.

        Raises:
            UsageError: pip could not.
        """
        folder.mkdir(parents=True, exist_ok=True)
        lock = str(self.home / "packages.txt")
        pip("download", "--no-deps", "--require-hashes", *_for_automation(), "--dest", str(folder), "-r", lock)
        return folder

    def own_wheel(self, folder: Path, scratch: Path) -> Path:
        """Build our own wheel from a clean copy of the sources, and write it to the same bytes each time."""
        copy = scratch / "source"
        copy.mkdir()
        for room in (*ROOMS, "simulator"):
            shutil.copytree(self.root / room, copy / room, ignore=_JUNK)
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copyfile(self.root / name, copy / name)
        built = scratch / "built"
        pip("wheel", "--no-deps", "--wheel-dir", str(built), str(copy))
        path = next(built.glob("*.whl"))
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        write_zip(folder / path.name, files, self.seconds)
        return folder / path.name

    def _runbooks(self, work: Path) -> None:
        (work / "runbooks").mkdir()
        (work / "single").mkdir()
        for path in sorted((*self.home.glob("*.py"), *self.home.glob("*.ps1"))):
            shutil.copyfile(path, work / "runbooks" / path.name)
        literal = self.literal()
        for path in sorted(self.home.glob("*.py")):
            text = single(path.read_text(encoding="utf-8"), literal)
            (work / "single" / path.name).write_text(text, encoding="utf-8", newline="\n")
        if (self.home / "template.json").exists():
            shutil.copyfile(self.home / "template.json", work / "template.json")

    def literal(self) -> str:
        """Return our own packages as one text."""
        files = {
            f"{room}/{name}": data
            for room in ROOMS
            for name, data in read_folder(self.root / room).items()
            if "__pycache__" not in name
        }
        plain = json.dumps({name: files[name].decode("utf-8") for name in sorted(files)}, ensure_ascii=False)
        return base64.b85encode(zlib.compress(plain.encode("utf-8"), 9)).decode("ascii")

    def _manifest(self, work: Path) -> dict[str, Any]:
        wheels = in_order([Wheel.of(path) for path in sorted((work / "packages").glob("*.whl"))])
        ours = next(one for one in wheels if one.name == OURS)
        order = [one for one in wheels if one is not ours] + [ours]
        packages = [{"name": one.name, "version": one.version, **_described(work, one.path)} for one in order]
        total = sum(one["bytes"] for one in packages)
        if total > MOST_BYTES:
            raise UsageError(f"the packages have {total} bytes; Azure Automation takes {MOST_BYTES}", "Leave some out.")
        scripts = [_described(work, path) for path in sorted((work / "runbooks").iterdir())]
        singles = [_described(work, path) for path in sorted((work / "single").iterdir())]
        for one in (*scripts, *singles):
            if one["bytes"] > MOST_RUNBOOK_BYTES:
                raise UsageError(f"{one['file']} has {one['bytes']} bytes; that is too long for a runbook", "Split it.")
        return {
            "schema": SCHEMA,
            "version": ours.version,
            "python": PYTHON,
            "platform": "manylinux_x86_64",
            "package_bytes": total,
            "groups": groups(order),
            "packages": packages,
            "runbooks": scripts,
            "single": singles,
            "template": [_described(work, path) for path in sorted(work.glob("template.json"))],
        }


def _described(work: Path, path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {"file": path.relative_to(work).as_posix(), "bytes": len(data), "sha256": sha256(data)}


def single(script: str, literal: str) -> str:
    """Return a runbook with our own packages inside of it.

    They are unpacked into a folder of the job's own, as the catalogue and the scripts for VMs are read as files. The
    packages of others have to be imported all the same.
    """
    head, _, body = script.partition('"""\n\nimport sys\n')
    said = "Our own packages are inside; those of others have to be imported."
    return f'{head}\n{said}\n"""\n\nimport sys\n{_UNPACK.format(literal)}{body}'


_UNPACK = """\
import base64
import json
import os
import tempfile
import zlib

INSIDE = (
    "{}"
)


def unpack():
    folder = tempfile.mkdtemp(prefix="remediate-")
    for name, text in json.loads(zlib.decompress(base64.b85decode(INSIDE))).items():
        path = os.path.join(folder, *name.split("/"))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    sys.path.insert(0, folder)


unpack()
"""


def locked(lock: Path, folder: Path) -> Iterator[Path]:
    """Yield the wheels in a folder that the lock names.

    Raises:
        UsageError: one is missing, or has another hash.
    """
    wanted = dict(_lock_lines(lock))
    found = {sha256(path.read_bytes()): path for path in sorted(folder.glob("*.whl"))}
    for name, digest in sorted(wanted.items()):
        if digest not in found:
            raise UsageError(
                f"there is no wheel of {name} with the hash that {lock.name} has",
                "Fetch it, or run 'make automation-lock' when another one is wanted.",
            )
        yield found[digest]


def _lock_lines(lock: Path) -> Iterator[tuple[str, str]]:
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        found = re.match(r"([a-z0-9-]+)==\S+\s+--hash=sha256:([0-9a-f]{64})$", line.strip())
        if found:
            yield found[1], found[2]
        elif line.strip() and not line.startswith("#"):
            raise UsageError(f"{lock.name}: {line.strip()[:80]!r} is not understood", "Run 'make automation-lock'.")


def make_lock(root: Path) -> None:
    """Write ``packages.txt``: the newest versions of what a job needs, each with its hash.

    Raises:
        UsageError: it is asked for with another Python than Automation's; conditions on versions would come out wrong.
    """
    if sys.version_info[:2] != (3, 10):
        raise UsageError("the lock is for Python 3.10", "make automation-lock PYTHON=python3.10")
    with tempfile.TemporaryDirectory(prefix="remediate-lock-") as scratch:
        builder = Builder(root, Path(scratch) / "out", EARLIEST)
        (Path(scratch) / "own").mkdir()
        own = builder.own_wheel(Path(scratch) / "own", Path(scratch))
        fetched = Path(scratch) / "fetched"
        pip("download", *_for_automation(), "--dest", str(fetched), str(own), *ALSO)
        wheels = [Wheel.of(path) for path in fetched.glob("*.whl")]
        names = {one.name for one in wheels if one.name not in LEFT_OUT and one.name != OURS}
        lines = [
            f"{one.name}=={one.version} \\\n    --hash=sha256:{sha256(one.path.read_bytes())}\n"
            for one in sorted(wheels, key=lambda one: one.name)
            if one.name in names
        ]
    reasons = "".join(f"#   {name}: {why}\n" for name, why in LEFT_OUT.items())
    head = f"# What the bundle has besides our own wheel: 'make automation-lock' writes this.\n# Left out:\n{reasons}"
    (root / "azure-automation" / "packages.txt").write_text(head + "".join(lines), encoding="utf-8", newline="\n")


def _for_automation() -> Iterator[str]:
    yield from ("--only-binary", ":all:", "--python-version", PYTHON, "--implementation", "cp")
    for platform in PLATFORMS:
        yield from ("--platform", platform)


def pip(*words: str) -> None:
    """Run pip.

    Raises:
        UsageError: it fails; with what it has said last.
    """
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *words]
    environment = {**os.environ, "PIP_NO_INPUT": "1", "SOURCE_DATE_EPOCH": str(EARLIEST)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)  # noqa: S603
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise UsageError(
            f"pip {words[0]} failed: {said[-1] if said else done.returncode}",
            "Check the network, and that pip can reach a package index.",
        )


def _check_root(root: Path) -> None:
    if not (root / "azure-automation" / "remediate_backup.py").is_file():
        raise UsageError("the bundle is made from a checkout", "Clone the project, then 'make automation-bundle'.")


def main(words: Sequence[str] | None = None) -> int:
    """Make the bundle, or with ``--lock`` the list of packages that it has; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m remediate.deploy.bundle", description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="dist/azure-automation", help="where it goes (default: %(default)s)")
    parser.add_argument("--wheels", default="", help="a folder that already has the wheels of others")
    parser.add_argument("--lock", action="store_true", help="only write azure-automation/packages.txt")
    given = parser.parse_args(words)
    root = Path(__file__).resolve().parents[2]
    try:
        _check_root(root)
        if given.lock:
            make_lock(root)
            return 0
        seconds = os.environ.get("SOURCE_DATE_EPOCH", "")
        builder = Builder(root, Path(given.out).resolve(), int(seconds) if seconds.isdecimal() else EARLIEST)
        manifest = builder.build(Path(given.wheels) if given.wheels else None)
    except UsageError as error:
        sys.stderr.write(f"error: {error.message}\n  next:  {error.next_step}\n")
        return error.exit_code
    size = manifest["package_bytes"] / 1024 / 1024
    saves = len(manifest["groups"])
    sys.stdout.write(f"{given.out}: {len(manifest['packages'])} packages in {saves} saves, {size:.1f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
