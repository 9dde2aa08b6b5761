"""The table of a Windows script: which function does what its items say, and the order in which it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from simulator.wire import Json

from . import windows_system as system
from . import windows_things as things
from .windows_machine import Machine, WindowsFailure
from .windows_script import Failed, Refused, Run

LOOK, REFUSE, DETACHED = "look", "refuse", "detached"
WAITS = "task_waits"
RECENT = 900

Test = Callable[[Run, Json], bool]
Act = Callable[[Run, Json], object]


def _never(_run: Run, _item: Json) -> bool:
    return False


def _nothing(_run: Run, _item: Json) -> None:
    """Change nothing."""


def _look(run: Run, item: Json) -> bool:
    if "key" in item:
        seen = (run.machine.value(item["key"], item["name"]) or {}).get("value")
    elif "service" in item:
        seen = system.service_text(run.machine, item["service"])
    else:
        seen = bool(run.machine.glob(run.path(item["path"])))
    run.found[item["as"]] = seen
    return False


def _tasks(run: Run) -> list[Json]:
    tasks: list[Json] = run.machine.state["tasks"]
    return tasks


def _waits(run: Run) -> bool:
    return any(task["action"] == run.head.action for task in _tasks(run))


def _differs_detached(run: Run, item: Json) -> bool:
    waits = _waits(run)
    if waits:
        run.found[WAITS] = True
        run.pending = item.get("pending", "agent restart")
    needed = [applies(run, one) and DIFFERS[one["kind"]](run, one) for one in item["items"]]
    return any(needed) and not waits and DETACHED not in run.done and not _recent(run)


def _recent(run: Run) -> bool:
    """Say whether the task has ended well within the last quarter of an hour: a restart leaves no other trace."""
    return run.result is not None and run.result["ok"] and unix_time(run.machine) - run.result["at"] < RECENT


def unix_time(machine: Machine) -> int:
    """Return the time in seconds since 1970."""
    return int(machine.now().timestamp())


def _set_detached(run: Run, item: Json) -> None:
    run.write_result(None)
    _tasks(run)[:] = [task for task in _tasks(run) if task["action"] != run.head.action]
    after = max(30, item["after"])
    _tasks(run).append({"action": run.head.action, "after": after, "due": "", "table": run.head.table})
    run.done.add(DETACHED)
    run.pending = item.get("pending", "agent restart")
    run.note(DETACHED, f"AzureBackupRemediation-{run.head.action}", "", f"starts in {after} seconds")


DIFFERS: Mapping[str, Test] = {
    "registry": system.differs_registry,
    "registry_delete": system.differs_registry_delete,
    "registry_export": system.differs_registry_export,
    "service": system.differs_service,
    "writer_services": system.differs_writer_services,
    "command": things.differs_command,
    "download": things.differs_download,
    "rename": things.differs_rename,
    "acl": things.differs_acl,
    "certificates": things.differs_certificates,
    "defender_exclusion": things.differs_defender_exclusion,
    "dhcp": things.differs_dhcp,
    "proxy": things.differs_proxy,
    "unzip": things.differs_unzip,
    DETACHED: _differs_detached,
    LOOK: _look,
    REFUSE: _never,
}
"""Whether an item would change something, by its kind; what was seen goes to ``found``."""

SETS: Mapping[str, Act] = {
    "registry": system.set_registry,
    "registry_delete": system.set_registry_delete,
    "registry_export": system.set_registry_export,
    "service": system.set_service,
    "writer_services": system.set_writer_services,
    "command": things.set_command,
    "download": things.set_download,
    "rename": things.set_rename,
    "acl": things.set_acl,
    "certificates": things.set_certificates,
    "defender_exclusion": things.set_defender_exclusion,
    "dhcp": things.set_dhcp,
    "proxy": things.set_proxy,
    "unzip": things.set_unzip,
    DETACHED: _set_detached,
    LOOK: _nothing,
    REFUSE: _nothing,
}

UNDOS: Mapping[str, Act] = {
    "registry": system.undo_registry,
    "registry_delete": system.undo_registry_delete,
    "registry_export": system.undo_registry_export,
    "service": system.undo_service,
    "rename": things.undo_rename,
    "acl": things.undo_acl,
    "defender_exclusion": things.undo_defender_exclusion,
    "dhcp": things.undo_dhcp,
    "proxy": things.undo_proxy,
    "unzip": things.undo_unzip,
}
"""How an entry of the record is put back, by its kind; of other kinds nothing can be."""

CONFIRMS: Mapping[str, Act] = {
    "registry": system.confirm_registry,
    "service": system.confirm_service,
    "rename": things.confirm_rename,
}
"""What has to be looked at before anything is put back."""


def _any_name(machine: Machine, names: str, *, running: bool) -> bool:
    for name in names.split(","):
        if "\\" in name:
            if machine.glob(name):
                return True
        elif any(not running or machine.services[one]["state"] == "Running" for one in machine.find_services(name)):
            return True
    return False


def _is_set(machine: Machine, value: str) -> bool:
    key, _, name = value.rpartition("\\")
    return machine.value(key, name) is not None


CONDITIONS: Mapping[str, Callable[[Machine, str], bool]] = {
    "present": lambda machine, names: _any_name(machine, names, running=False),
    "absent": lambda machine, names: not _any_name(machine, names, running=False),
    "running": lambda machine, names: _any_name(machine, names, running=True),
    "stopped": lambda machine, names: any(not _any_name(machine, one, running=True) for one in names.split(",")),
    "key": lambda machine, key: machine.values(key) is not None,
    "set": _is_set,
}
"""The words of ``when``, and what each asks of the machine."""


def applies(run: Run, item: Json) -> bool:
    """Say whether the condition of an item holds."""
    word, _, rest = str(item.get("when", "")).partition(":")
    return not word or CONDITIONS[word](run.machine, rest)


def confirm_table(items: Iterable[Json]) -> None:
    """Look through a table before anything is done.

    Raises:
        Failed: it has a kind or a condition that is not known.
    """
    for item in items:
        if item.get("kind") not in DIFFERS:
            raise Failed(f"no such kind: {item.get('kind')}")
        when = str(item.get("when", ""))
        if when and when.partition(":")[0] not in CONDITIONS:
            raise Failed(f"no such condition: {when}")
        confirm_table(item.get("items", ()))


def set_items(run: Run, items: Iterable[Json]) -> None:
    """Do items in their order. When one fails, what follows is left out, but services that have to run are started."""
    left = list(items)
    try:
        while left:
            _set_item(run, left.pop(0))
    except (Failed, Refused, WindowsFailure, ValueError):
        for item in left:
            if item["kind"] == "service" and item.get("state") == "Running":
                _start_anyway(run, item["name"])
        raise


def _set_item(run: Run, item: Json) -> None:
    if item["kind"] == "registry_export" or DIFFERS[item["kind"]](run, item):
        SETS[item["kind"]](run, item)
        run.pending = item.get("pending") or run.pending


def _start_anyway(run: Run, name: str) -> None:
    try:
        run.machine.start(name)
    except WindowsFailure as failure:
        run.note("service", name, "", failure)


def active_items(run: Run) -> list[Json]:
    """Return the items whose condition holds, but those that only refuse."""
    return [item for item in run.head.table if item["kind"] != REFUSE and applies(run, item)]


def _refusals(run: Run) -> list[str]:
    return [item["why"] for item in run.head.table if item["kind"] == REFUSE and applies(run, item)]


def look_at_table(run: Run) -> None:
    """Look at all items, and note what would be refused."""
    for item in active_items(run):
        run.needed |= DIFFERS[item["kind"]](run, item)
    if why := _refusals(run):
        run.found["refuses"] = why


def confirm_place(run: Run) -> None:
    """Refuse a machine that the table says must not be touched."""
    if why := _refusals(run):
        raise Refused(why[0])


def set_table(run: Run) -> None:
    """Do all items, unless the machine is one that must not be touched."""
    confirm_place(run)
    set_items(run, active_items(run))


def undo_table(run: Run) -> None:
    """Put back all that the record says, the last first, once it is sure that nobody else has changed it since."""
    entries = list(reversed(run.record))
    for entry in entries:
        CONFIRMS.get(entry["kind"], _nothing)(run, entry)
    for entry in entries:
        if entry["kind"] not in UNDOS:
            raise Failed(f"what was done to {entry['what']} cannot be put back")
        UNDOS[entry["kind"]](run, entry)
        run.strike(entry)
