"""The programs that repairs run inside Windows, as far as they change a simulated machine.

A program that is not known here ends with an error instead of pretending to have worked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from simulator.wire import Json

from .windows_machine import Machine, WindowsFailure

DISABLED, NO_INSTALLER, REBOOT = 1058, 1601, 3010
"""Exit codes of Windows Installer: its service is disabled, it cannot be reached, it worked and asks for a restart."""

RUNTIME = "C:\\Windows\\System32\\msvcr120.dll"
MSDTC_KEY = "HKLM\\SOFTWARE\\Microsoft\\MSDTC"
AGENT_FOLDER = "C:\\WindowsAzure\\Packages"


class UnknownProgramError(ValueError):
    """A program is to be run of which the simulator does not know what it does."""


def run_program(machine: Machine, path: str, arguments: Sequence[str]) -> int:
    """Run a program and return its exit code.

    Raises:
        UnknownProgramError: nothing is known of the program, or of these arguments.
        WindowsFailure: Windows does not start it.
    """
    file = machine.file(path)
    if file is None:
        raise WindowsFailure(2, path)
    program = PROGRAMS.get(file.get("program", ""))
    words = [word.lower() for word in arguments]
    code = program(machine, words) if program else None
    if code is None:
        raise UnknownProgramError(f"the simulator does not know what {path} {' '.join(arguments)} does")
    return code


def fetch(machine: Machine, url: str) -> Json:
    """Return the file behind a link.

    Raises:
        WindowsFailure: there is no such link, or the name of its server cannot be resolved.
    """
    if not machine.state["network"]["dns"]:
        raise WindowsFailure(11001, url, "No such host is known.")
    found = machine.state["downloads"].get(url)
    if found is None:
        raise WindowsFailure(404, url, "Not Found")
    return dict(found)


def installer_fault(machine: Machine) -> int:
    """Return the exit code with which every installation fails, or 0."""
    service = machine.service("msiserver")
    if service is not None and service["start"] == "Disabled":
        return DISABLED
    return 0 if service is not None and machine.state["installer"]["registered"] else NO_INSTALLER


def _vcredist(machine: Machine, words: list[str]) -> int | None:
    if not {"/install", "/i"} & set(words):
        return None
    if fault := installer_fault(machine):
        return fault
    file = {"size": 963232, "version": "12.0.40660"}
    if not machine.state["installer"].get("asks_for_restart"):
        machine.files[RUNTIME] = file
        return 0
    machine.state["installer"]["pending"] = {RUNTIME: file}
    machine.state["reboot_pending"] = sorted({*machine.state["reboot_pending"], "PendingFileRenameOperations"})
    return REBOOT


def _msdtc(machine: Machine, words: list[str]) -> int | None:
    if words == ["-uninstall"]:
        service = machine.service("MSDTC")
        if service is not None and service["state"] == "Running":
            machine.stop("MSDTC")
        machine.remove_service("MSDTC")
        machine.delete_key(MSDTC_KEY)
        return 0
    if words == ["-install"]:
        if machine.service("MSDTC") is None:
            account, needs = "NT AUTHORITY\\NetworkService", ["RpcSs", "SamSs"]
            machine.add_service("MSDTC", {"state": "Stopped", "start": "Automatic", "account": account, "needs": needs})
            machine.set_value(f"{MSDTC_KEY}\\Security", "NetworkDtcAccess", "DWord", 0)
        return 0
    return None


def _msiexec(machine: Machine, words: list[str]) -> int | None:
    if words in (["/unregister"], ["/unreg"]):
        machine.state["installer"]["registered"] = False
        return 0
    if words in (["/register"], ["/regserver"]):
        machine.state["installer"]["registered"] = True
        return 0
    if "/i" not in words or not any(word in words for word in ("/quiet", "/qn")):
        return None
    if fault := installer_fault(machine):
        return fault
    package = machine.file(words[words.index("/i") + 1].strip('"'))
    if package is None:
        return 1619
    if package.get("program") != "agent":
        return None
    machine.state["agent"]["version"] = package["version"]
    for name in ("WaAppAgent.exe", "WindowsAzureGuestAgent.exe"):
        machine.files[f"{AGENT_FOLDER}\\{name}"] = {"size": 500000, "signer": "Microsoft Corporation"}
    for name in ("RdAgent", "WindowsAzureGuestAgent"):
        if machine.service(name) is None:
            service = {"state": "Stopped", "start": "Automatic", "account": "LocalSystem", "needs": []}
            machine.add_service(name, service)
        machine.set_start(name, "Automatic")
        machine.services[name].pop("hangs", None)
        machine.stop(name)
        machine.start(name)
    return 0


def _bitsadmin(machine: Machine, words: list[str]) -> int | None:
    if words[:2] != ["/util", "/setieproxy"] or words[3:] not in (["no_proxy"], ["reset"]):
        return None
    machine.state["proxy"][words[2].upper()] = ""
    return 0


PROGRAMS: dict[str, Callable[[Machine, list[str]], int | None]] = {
    "vcredist": _vcredist,
    "msdtc": _msdtc,
    "msiexec": _msiexec,
    "bitsadmin": _bitsadmin,
}
