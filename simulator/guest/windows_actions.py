"""What single Windows scripts decide beside their table: when there is work, and when they refuse it.

The scripts say the same in PowerShell; here it is said once more, of the simulated machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from simulator.wire import Json

from .windows_machine import WindowsFailure
from .windows_script import Failed, Refused, Run
from .windows_system import BUSY, vss_writers, wanted_value, writer_state
from .windows_table import DIFFERS, active_items, confirm_place, look_at_table, set_table
from .windows_table import SETS as DO
from .windows_things import fixed_interfaces, unzip_plan

DOT_NET_45 = 378389
LINE = re.compile(
    r"\S+\\system32\\csrss\.exe ObjectDirectory=\\Windows SharedSection=\d{3,6},\d{3,6},\d{3,6} Windows=On "
    r"SubSystemType=Windows( [A-Za-z]+=[A-Za-z0-9:,]+)+\s*",
    re.IGNORECASE,
)
"""The form of the line that starts the subsystem of Windows; with another one Windows does not start."""


def _items(run: Run, kind: str) -> list[Json]:
    return [item for item in active_items(run) if item["kind"] == kind]


# Why scripts refuse


def _passive(run: Run) -> str:
    defender = run.machine.state["defender"]
    if defender["mode"] != "Normal":
        return f"Microsoft Defender is not the active antivirus here, its mode is: {defender['mode']}"
    return "" if defender["state"] == "on" else "the real-time protection of Microsoft Defender is off"


def _other_address(run: Run) -> str:
    fixed = fixed_interfaces(run)
    if len(fixed) != 1:
        return f"{len(fixed)} interfaces have an address that was set by hand, and it may be only one"
    ((name, one),) = fixed.items()
    if len(one["addresses"]) != 1:
        return f"{name} has {len(one['addresses'])} IPv4 addresses, and it may be only one"
    told = run.head.parameters.get("address", "")
    if told != one["addresses"][0]:
        return f"the interface has {one['addresses'][0]}, and the parameter address, its address in Azure, is: {told}"
    return ""


def _unusual_line(run: Run) -> str:
    for item in _items(run, "registry"):
        now = run.machine.value(item["key"], item["name"]) or {"type": "", "value": ""}
        if now["type"] != item["type"]:
            return f"the line is of type {now['type']}"
        for line in (now["value"], wanted_value(item, now)["value"]):
            if not LINE.fullmatch(line) or " ServerDll=basesrv," not in line or " ServerDll=winsrv:" not in line:
                return f"the line has an unusual form: {line}"
        sizes = re.findall(r"\d+", now["value"].partition("SharedSection=")[2].partition(" ")[0])
        if any(int(size) > int(wanted) for size, wanted in zip(sizes, item["value"].split(","), strict=True)):
            return f"one of the sizes is larger already: {','.join(sizes)}"
    return ""


def _old_dot_net(run: Run) -> str:
    for item in run.head.table:
        if item.get("as") == "dotnet_release":
            release = (run.machine.value(item["key"], item["name"]) or {}).get("value")
            if release is None or release < DOT_NET_45:
                return f"the agent needs .NET 4.5 or newer, release {DOT_NET_45}; here the release is: {release}"
    return ""


def _newest_version(run: Run) -> str:
    (look,) = (item for item in run.head.table if item.get("as") == "versions")
    return next(iter(run.machine.glob(run.path(look["path"]))), "")


def _no_archive(run: Run) -> str:
    (item,) = (item for item in run.head.table if item["kind"] == "unzip")
    newest = _newest_version(run)
    if not newest:
        return "the backup extension is not installed"
    archive = unzip_plan(run, item)[0]
    return "" if archive.rpartition("\\")[0] == newest else f"there is no archive in {newest}"


def _in_use(run: Run) -> str:
    for item in _items(run, "rename"):
        inside = run.path(item["path"]).lower() + "\\"
        for path, file in run.machine.files.items():
            if path.lower().startswith(inside) and path.lower().endswith(".dll") and file.get("in_use"):
                return f"a program is using it, or it cannot be told: {path}"
    return ""


def _snapshot(run: Run) -> str:
    try:
        writers = vss_writers(run.machine)
    except Failed:
        return ""
    busy = [name for name, writer in writers.items() if writer_state(writer) in BUSY]
    return f"a snapshot is being made: {busy[0]}" if busy else ""


REASONS: Mapping[str, Callable[[Run], str]] = {
    "add_defender_exclusions": _passive,
    "enable_dhcp_windows": _other_address,
    "reinstall_guest_agent_windows": _old_dot_net,
    "rename_gac_storage_assembly": _in_use,
    "restart_vss_service": _snapshot,
    "restore_extension_manifest": _no_archive,
    "set_com_desktop_heap": _unusual_line,
}
"""Why a script refuses the machine, by action; an empty text: it does not."""


# How scripts look


def _look_and_tell(run: Run) -> None:
    look_at_table(run)
    why = REASONS[run.head.action](run)
    if run.needed and why:
        run.found["refuses"] = [why]


def _look_for_runtime(run: Run) -> None:
    look_at_table(run)
    run.needed |= bool(active_items(run)) and run.pending != "reboot"


def _look_at_exclusions(run: Run) -> None:
    look_at_table(run)
    if not _items(run, "defender_exclusion"):
        run.needed = True
    elif why := _passive(run):
        run.found["passive"] = why


def _look_for_manifest(run: Run) -> None:
    look_at_table(run)
    (item,) = (item for item in run.head.table if item["kind"] == "unzip")
    newest, why = _newest_version(run), _no_archive(run)
    run.needed = not newest or run.machine.file(f"{newest}\\{item['entry']}") is None
    if run.needed and why:
        run.found["refuses"] = [why]


LOOKS: Mapping[str, Callable[[Run], None]] = {
    "add_defender_exclusions": _look_at_exclusions,
    "enable_dhcp_windows": _look_and_tell,
    "install_vcredist": _look_for_runtime,
    "reinstall_guest_agent_windows": _look_and_tell,
    "restore_extension_manifest": _look_for_manifest,
    "set_com_desktop_heap": _look_and_tell,
}
"""How scripts look that do more than look at their table, by action."""


# How scripts change the machine


def set_action(run: Run) -> None:
    """Change what a script changes, unless it refuses the machine.

    Raises:
        Refused: it does.
    """
    if run.head.action in SETS:
        SETS[run.head.action](run)
        return
    confirm_place(run)
    reason = REASONS.get(run.head.action)
    if why := reason(run) if reason else "":
        raise Refused(why)
    set_table(run)


def _reinstall_msdtc(run: Run) -> None:
    try:
        for item in _items(run, "service"):
            if item.get("state") == "Running":
                run.machine.start(item["name"])
        run.note("service", "MSDTC, COMSysApp", "stopped", "started; not installed anew")
    except WindowsFailure as failure:
        run.found["could_not_start"] = str(failure)
        set_table(run)


def _register_installer(run: Run) -> None:
    try:
        set_table(run)
    except (Failed, WindowsFailure, ValueError):
        last = active_items(run)[-1]
        if DIFFERS[last["kind"]](run, last):
            DO[last["kind"]](run, last)
        raise


SETS: Mapping[str, Callable[[Run], None]] = {
    "reinstall_msdtc": _reinstall_msdtc,
    "repair_windows_installer": _register_installer,
}
"""How scripts change the machine that do more than their table says, by action."""

REBOOT_AFTER_UNDO = ("set_com_desktop_heap",)
"""What, put back, is in force only after a restart."""
