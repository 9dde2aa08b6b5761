"""A simulated Windows machine: what its services, registry and files do when somebody touches them.

The state is one JSON document (``windows_server_2022.json`` is a healthy one), so that a scenario can break it with a
few keys and a test can compare it whole. Names of services, keys and files are found in any case, as Windows does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

from simulator.clock import START
from simulator.wire import Json

START_VALUES = {"Boot": 0, "System": 1, "Automatic": 2, "Manual": 3, "Disabled": 4}
SERVICES_KEY = "HKLM\\SYSTEM\\CurrentControlSet\\Services"
SUBSYSTEMS = "HKLM\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\\SubSystems"
DOT_NET = ("HKLM\\SOFTWARE\\Microsoft\\.NETFramework", "HKLM\\SOFTWARE\\WOW6432Node\\Microsoft\\.NETFramework")
MY_STORE, CRP = "Cert:\\LocalMachine\\My", "CN=Windows Azure CRP Certificate Generator"
AGENT_SERVICES = ("windowsazureguestagent", "rdagent")
UNTIL_RESTART = "until restart"
"""Of a service that hangs: only a restart of the machine helps."""
FOLDERS = {
    "%systemroot%": "C:\\Windows",
    "%windir%": "C:\\Windows",
    "%systemdrive%": "C:",
    "%programdata%": "C:\\ProgramData",
    "%programfiles%": "C:\\Program Files",
    "%temp%": "C:\\Windows\\Temp",
}
ERRORS = {
    1051: "A stop control has been sent to a service that other running services are dependent on.",
    1052: "The requested control is not valid for this service.",
    1053: "The service did not respond to the start or control request in a timely fashion.",
    1058: "The service cannot be started, either because it is disabled or because it has no enabled devices "
    "associated with it.",
    1060: "The specified service does not exist as an installed service.",
    1068: "The dependency service or group failed to start.",
    1069: "The service did not start due to a logon failure.",
    2: "The system cannot find the file specified.",
    5: "Access is denied.",
    183: "Cannot create a file when that file already exists.",
}


class WindowsFailure(Exception):  # WindowsError is a name of Python's own
    """What Windows answers with an error number."""

    def __init__(self, number: int, what: str = "", text: str = "") -> None:
        self.number = number
        super().__init__(f"{what}: {text or ERRORS[number]} ({number})" if what else text or ERRORS[number])


class Machine:
    """The parts of Windows that repairs touch, over a state that the caller owns."""

    def __init__(self, state: Json, now: Callable[[], datetime] = lambda: START) -> None:
        self.state = state
        self.now = now
        for name, service in self.services.items():
            self.registry.setdefault(f"{SERVICES_KEY}\\{name}", {}).setdefault(
                "Start", {"type": "DWord", "value": START_VALUES[service["start"]]}
            )

    # Services

    @property
    def services(self) -> dict[str, Json]:
        """Every service by its name."""
        return self._part("services")

    def service(self, name: str) -> Json | None:
        """Return a service by its name in any case."""
        return self.services.get(self._named(self.services, name))

    def find_services(self, pattern: str) -> list[str]:
        """Return the names of the services that fit a name, in which ``*`` stands for anything."""
        return [name for name in self.services if fnmatchcase(name.lower(), pattern.lower())]

    def start(self, name: str, seen: tuple[str, ...] = ()) -> None:
        """Start a service and what it depends on; one that runs stays as it is.

        Raises:
            WindowsFailure: it does not exist, is disabled, may not log on, hangs, or needs what does not start.
        """
        service = self._known(name)
        if service["state"] == "Running":
            return
        if service["start"] == "Disabled":
            raise WindowsFailure(1058, name)
        for needed in (*service["needs"], *service.get("works_with", ())):
            self._start_first(name, needed, (*seen, name))
        if service["account"] not in self.state["accounts"]:
            raise WindowsFailure(1069, name)
        if service.get("hangs"):
            raise WindowsFailure(1053, name)
        service["state"] = "Running"
        self._started(name)

    def dependents(self, name: str) -> list[str]:
        """Return the running services that depend on one, in the order in which they have to be stopped."""
        found: list[str] = []
        for other, one in self.services.items():
            if one["state"] == "Running" and name.lower() in [needed.lower() for needed in one["needs"]]:
                found += [*self.dependents(other), other]
        return list(dict.fromkeys(found))

    def stop(self, name: str) -> None:
        """Stop a service.

        Raises:
            WindowsFailure: it does not exist, or cannot be stopped, also because others depend on it.
        """
        service = self._known(name)
        if service["state"] == "Stopped":
            return
        if service.get("unstoppable"):
            raise WindowsFailure(1052, name)
        if self.dependents(name):
            raise WindowsFailure(1051, name)
        service["state"] = "Stopped"

    def set_start(self, name: str, mode: str) -> None:
        """Change the start mode of a service, as the service manager does: in the registry, too."""
        self._known(name)["start"] = mode
        self.set_value(f"{SERVICES_KEY}\\{self._named(self.services, name)}", "Start", "DWord", START_VALUES[mode])

    def remove_service(self, name: str) -> None:
        """Take a service out, with its key."""
        found = self._named(self.services, name)
        self.services.pop(found, None)
        self.delete_key(f"{SERVICES_KEY}\\{found}")

    def add_service(self, name: str, service: Json) -> None:
        """Install a service, with its key."""
        self.services[self._named(self.services, name)] = service
        self.set_start(name, service["start"])

    def _known(self, name: str) -> Json:
        service = self.service(name)
        if service is None:
            raise WindowsFailure(1060, name)
        return service

    def _start_first(self, name: str, needed: str, seen: tuple[str, ...]) -> None:
        if needed in seen:
            return
        try:
            self.start(needed, seen)
        except WindowsFailure as failure:
            raise WindowsFailure(1068, name) from failure

    def _started(self, name: str) -> None:
        self._known(name).pop("hung", None)
        for writer in self._part("writers").values():
            if writer["service"].lower() == name.lower() and not writer["stuck"]:
                writer.update(state="[1] Stable", error="No error")
        if name.lower() in AGENT_SERVICES:
            self._in_force("strong_crypto", not self.without_strong_crypto())
            self._new_certificate()

    def _new_certificate(self) -> None:
        held = self._part("certificates").setdefault(MY_STORE, [])
        if not any(one["subject"] == CRP for one in held):
            until = self.now() + timedelta(days=365)
            held.append({"subject": CRP, "thumbprint": f"{len(held):X}" * 40, "until": until.date().isoformat()})

    # Registry

    @property
    def registry(self) -> dict[str, dict[str, Json]]:
        """Values by name, by key."""
        return self._part("registry")

    def values(self, key: str) -> dict[str, Json] | None:
        """Return the values of a key, or ``None`` when it does not exist."""
        found = self._named(self.registry, key)
        if found in self.registry:
            return self.registry[found]
        inside = found.lower() + "\\"
        return {} if any(one.lower().startswith(inside) for one in self.registry) else None

    def value(self, key: str, name: str) -> Json | None:
        """Return a value as ``{"type", "value"}``."""
        values = self.values(key) or {}
        return values.get(self._named(values, name))

    def set_value(self, key: str, name: str, kind: str, value: str | int) -> None:
        """Write a value, and the key if it does not exist."""
        values = self.registry.setdefault(self._named(self.registry, key), {})
        values[self._named(values, name)] = {"type": kind, "value": value}

    def delete_value(self, key: str, name: str) -> None:
        """Take a value away."""
        values = self.values(key) or {}
        values.pop(self._named(values, name), None)

    def delete_key(self, key: str) -> dict[str, dict[str, Json]]:
        """Take a key away with all below it, and return what that was."""
        inside = key.lower() + "\\"
        gone = [one for one in self.registry if one.lower() == key.lower() or one.lower().startswith(inside)]
        return {one: self.registry.pop(one) for one in gone}

    def keys(self, pattern: str) -> list[str]:
        """Return every existing key that matches a name whose last part may be a wildcard."""
        parent, _, last = pattern.rpartition("\\")
        if "*" not in last:
            return [self._named(self.registry, pattern)] if self.values(pattern) is not None else []
        depth = pattern.count("\\") + 1
        below = {"\\".join(key.split("\\")[:depth]) for key in self.registry if key.count("\\") + 1 >= depth}
        return sorted(
            key
            for key in below
            if key.rpartition("\\")[0].lower() == parent.lower()
            and fnmatchcase(key.rpartition("\\")[2].lower(), last.lower())
        )

    # Files

    @property
    def files(self) -> dict[str, Json]:
        """Files and folders by path."""
        return self._part("files")

    def file(self, path: str) -> Json | None:
        """Return a file or folder; a folder exists, too, when something is in it."""
        path = expand(path)
        found = self.files.get(self._named(self.files, path))
        if found is not None:
            return found
        inside = path.lower() + "\\"
        return {"folder": True} if any(one.lower().startswith(inside) for one in self.files) else None

    def glob(self, pattern: str) -> list[str]:
        """Return the paths that match a pattern in which ``*`` stays within one folder; the highest version first."""
        parts = [part.lower() for part in expand(pattern).split("\\")]
        found = {"\\".join(path.split("\\")[: len(parts)]) for path in self.files}
        matching = (path for path in found if _matches(path.lower().split("\\"), parts))
        return sorted(matching, key=_version, reverse=True)

    def rename(self, path: str, new: str) -> None:
        """Rename a file, or a folder with all in it.

        Raises:
            WindowsFailure: it does not exist, or the new name does already.
        """
        path, new = expand(path), expand(new)
        if self.file(path) is None:
            raise WindowsFailure(2, path)
        if self.file(new) is not None:
            raise WindowsFailure(183, new)
        moved = [
            one for one in self.files if one.lower() == path.lower() or one.lower().startswith(path.lower() + "\\")
        ]
        for one in moved:
            self.files[new + one[len(path) :]] = self.files.pop(one)

    # The whole

    def writers(self) -> Iterator[tuple[str, Json]]:
        """Yield the VSS writers that report: those whose service runs, or is started by being asked."""
        for name, writer in self._part("writers").items():
            service = self.service(writer["service"])
            if service and service["start"] != "Disabled" and (service["state"] == "Running" or service.get("demand")):
                yield name, writer

    def without_strong_crypto(self) -> list[str]:
        """Return the keys of .NET versions that do not ask for strong cryptography."""
        keys = [key for parent in DOT_NET for key in self.keys(f"{parent}\\v*")]
        return [key for key in keys if (self.value(key, "SchUseStrongCrypto") or {}).get("value") != 1]

    def heap(self) -> str:
        """Return the three sizes of ``SharedSection`` as the registry has them."""
        value = (self.value(SUBSYSTEMS, "Windows") or {}).get("value", "")
        found = re.search(r"SharedSection=(\S*)", str(value))
        return found[1] if found else ""

    def boot(self) -> None:
        """Start the machine anew: services by their start mode, and everything in force that waited for it."""
        for name, service in self.services.items():
            registered = (self.value(f"{SERVICES_KEY}\\{name}", "Start") or {}).get("value")
            service["start"] = next((mode for mode, value in START_VALUES.items() if value == registered), "Disabled")
            service["state"] = "Stopped"
            service.pop("hung", None)
            if service.get("hangs") == UNTIL_RESTART:
                del service["hangs"]
        for writer in self._part("writers").values():
            writer.update(state="[1] Stable", error="No error", stuck=False)
        self.state["reboot_pending"] = []
        self.files.update(self.state["installer"].pop("pending", {}))
        self._in_force("heap", self.heap())
        for name, service in self.services.items():
            if service["start"] == "Automatic" or name in self.state["started_on_demand"]:
                self._try(name)

    def _try(self, name: str) -> None:
        try:
            self.start(name)
        except WindowsFailure:
            self.services[name]["state"] = "Stopped"

    def _in_force(self, what: str, value: Any) -> None:
        self.state["in_force"][what] = value

    def _part(self, name: str) -> dict[str, Any]:
        part: dict[str, Any] = self.state[name]
        return part

    @staticmethod
    def _named(known: Iterable[str], name: str) -> str:
        return next((one for one in known if one.lower() == name.lower()), name)


def expand(path: str) -> str:
    """Return a path with the variables of its folders replaced."""
    return re.sub(r"%\w+%", lambda found: FOLDERS.get(found[0].lower(), found[0]), path)


def _matches(parts: list[str], pattern: list[str]) -> bool:
    return len(parts) == len(pattern) and all(map(fnmatchcase, parts, pattern))


def _version(path: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path)]
