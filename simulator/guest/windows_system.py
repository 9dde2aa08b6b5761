"""Items of a Windows script's table that concern the registry and services: look, change, put back.

Each function does to the simulated machine what the function of the same kind in the scripts' common part does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from simulator.wire import Json

from .windows_machine import Machine
from .windows_script import Failed, Refused, Run

PLAIN = ("String", "ExpandString", "DWord")
BUILT_IN = ("localsystem", "localservice", "networkservice")
ERRORS = ("Retryable", "Non-retryable", "Inconsistent", "Timed out", "Unexpected", "Out of")
"""How the last error of a VSS writer begins that had one."""
BUSY = (2, 3, 4)
"""States of a VSS writer while a snapshot is made."""


# kind "registry"


def item_keys(machine: Machine, item: Json) -> list[str]:
    """Return the keys that an item is about: those that fit, or the one, there or not."""
    key: str = item["key"]
    if "*" in key.rpartition("\\")[2]:
        return machine.keys(key)
    return [key] if not item.get("if_exists") or machine.values(key) is not None else []


def wanted_value(item: Json, now: Json | None) -> Json:
    """Return type and data that a value has to have.

    Raises:
        Failed: the part to replace does not stand in it exactly once.
    """
    part = item.get("part", "")
    if not part:
        return {"type": item["type"], "value": item["value"]}
    text = str((now or {}).get("value", ""))
    pattern = rf"(^|\s)({re.escape(part)}=)\S*"
    if len(re.findall(pattern, text)) != 1:
        raise Failed(f"{item['name']} does not hold {part} exactly once")
    return {"type": item["type"], "value": re.sub(pattern, lambda one: f"{one[1]}{one[2]}{item['value']}", text)}


def differs_registry(run: Run, item: Json) -> bool:
    """Say whether a value differs in any of the keys."""
    needed = False
    for key in item_keys(run.machine, item):
        now = run.machine.value(key, item["name"])
        run.found[f"{key}\\{item['name']}"] = (now or {}).get("value")
        needed |= now != wanted_value(item, now)
    return needed


def set_registry(run: Run, item: Json) -> None:
    """Write a value wherever it differs."""
    for key in item_keys(run.machine, item):
        what = f"{key}\\{item['name']}"
        now = run.machine.value(key, item["name"])
        wanted = wanted_value(item, now)
        if now == wanted:
            continue
        if now and now["type"] not in PLAIN:
            raise Refused(f"{what} is a {now['type']}")
        there = run.machine.values(key) is not None
        before = {"key": key, "name": item["name"], "was": now, "wanted": wanted["value"], "key_was_there": there}
        run.write_down("registry", what, before)
        run.machine.set_value(key, item["name"], wanted["type"], wanted["value"])
        run.note("registry", what, (now or {}).get("value"), wanted["value"])


def undo_registry(run: Run, entry: Json) -> None:
    """Write the value that was, or take it away with a key that was made for it."""
    was = entry["before"]
    now = run.machine.value(was["key"], was["name"])
    if was["was"] is not None:
        run.machine.set_value(was["key"], was["name"], was["was"]["type"], was["was"]["value"])
    elif now is not None:
        run.machine.delete_value(was["key"], was["name"])
        if not was["key_was_there"] and not run.machine.values(was["key"]):
            run.machine.delete_key(was["key"])
    run.note("registry", entry["what"], (now or {}).get("value"), (was["was"] or {}).get("value"))


def confirm_registry(run: Run, entry: Json) -> None:
    """Refuse to put back a value that somebody else has changed since."""
    was = entry["before"]
    now = (run.machine.value(was["key"], was["name"]) or {}).get("value")
    if now not in (was["wanted"], (was["was"] or {}).get("value")):
        raise Refused(f"{entry['what']} was changed since by somebody else, to: {now}")


# kinds "registry_delete" and "registry_export"


def _there(machine: Machine, key: str) -> list[str]:
    return [one for one in machine.keys(key) if machine.values(one) is not None]


def differs_registry_delete(run: Run, item: Json) -> bool:
    """Say whether there is a key that has to go."""
    if len(item["key"].split("\\")) < 5 or "\\*" in item["key"]:
        raise Failed(f"not a key that may be deleted: {item['key']}")
    run.found[item["key"]] = _there(run.machine, item["key"])
    return bool(run.found[item["key"]])


def set_registry_delete(run: Run, item: Json) -> None:
    """Delete keys with all below them, once they are written down."""
    for key in _there(run.machine, item["key"]):
        run.write_down("registry_delete", key, {"export": _copy(run.machine, key)})
        run.machine.delete_key(key)
        run.note("registry_delete", key, "exported", "")


def undo_registry_delete(run: Run, entry: Json) -> None:
    """Write a key with all below it again."""
    for key, values in entry["before"]["export"].items():
        for name, one in values.items():
            run.machine.set_value(key, name, one["type"], one["value"])
        run.machine.registry.setdefault(key, {})
    run.note("registry_delete", entry["what"], "", "imported again")


def differs_registry_export(run: Run, item: Json) -> bool:
    """Note whether a key is there; that is never the reason to do anything."""
    run.found[f"exists {item['key']}"] = run.machine.values(item["key"]) is not None
    return False


def undo_registry_export(run: Run, entry: Json) -> None:
    """Note that the exported key stays for a person."""
    run.found[f"exported {entry['what']}"] = "kept"


def set_registry_export(run: Run, item: Json) -> None:
    """Write down a key with all below it."""
    if run.machine.values(item["key"]) is not None:
        run.write_down("registry_export", item["key"], {"export": _copy(run.machine, item["key"])})
        run.note("registry_export", item["key"], "", "exported")


def _copy(machine: Machine, key: str) -> Json:
    inside = f"{key.lower()}\\"
    return {
        one: {name: dict(value) for name, value in values.items()}
        for one, values in machine.registry.items()
        if f"{one.lower()}\\".startswith(inside)
    }


# kind "service"


def service_text(machine: Machine, name: str) -> str:
    """Return state, start mode and account of a service, or ``missing``."""
    service = machine.service(name)
    return "missing" if service is None else f"{service['state']}/{service['start']}/{service['account']}"


def plain_account(name: str) -> str:
    """Return the name of an account in one spelling."""
    plain = name.lower().replace(" ", "").replace("ntauthority\\", "").replace(".\\", "")
    return "localsystem" if plain == "system" else plain


def _known(machine: Machine, name: str) -> Json:
    service = machine.service(name)
    if service is None:
        raise Failed(f"service {name} is missing")
    return service


def _differences(run: Run, item: Json) -> set[str]:
    service = _known(run.machine, item["name"])
    different: set[str] = {field for field in ("start", "state") if field in item and service[field] != item[field]}
    if "account" in item and plain_account(service["account"]) != plain_account(item["account"]):
        different.add("account")
    if item.get("restart") == "always" and f"restart {item['name']}" not in run.done:
        different.add("restart")
    return different


def differs_service(run: Run, item: Json) -> bool:
    """Say whether a service is set up or runs differently, or is missing."""
    run.found[f"service {item['name']}"] = service_text(run.machine, item["name"])
    if run.machine.service(item["name"]) is None:
        return bool(item.get("state") != "Stopped")
    return bool(_differences(run, item))


def set_service(run: Run, item: Json) -> None:
    """Set a service up, and start, stop or restart it."""
    name, wanted, again = item["name"], item.get("state"), item.get("restart")
    different = _differences(run, item)
    service = _known(run.machine, name)
    text = service_text(run.machine, name)
    before = {field: service[field] for field in ("start", "account", "state")}
    run.write_down("service", name, before)
    if "start" in different:
        run.machine.set_start(name, item["start"])
    if "account" in different:
        service["account"] = item["account"]
    changed = again == "changed" and bool(different & {"start", "account"})
    if wanted == "Stopped":
        stop(run, name, item.get("dependents", ()))
    elif before["state"] != "Stopped" and (again == "always" or changed):
        restart(run, name, item.get("dependents", ()))
    elif again == "always" or wanted == "Running":
        run.machine.start(name)
    run.done.add(f"restart {name}")
    _note_service(run, name, text)


def undo_service(run: Run, entry: Json) -> None:
    """Set a service up as it was, and let it run or not as it did; a password is known to nobody here."""
    name, was = entry["what"], entry["before"]
    service = _known(run.machine, name)
    text = service_text(run.machine, name)
    changed = plain_account(service["account"]) != plain_account(was["account"])
    if service["start"] != was["start"]:
        run.machine.set_start(name, was["start"])
    if changed:
        service["account"] = was["account"]
    if was["state"] == "Stopped":
        stop(run, name, ())
    elif service["state"] == "Running" and changed:
        restart(run, name, ())
    else:
        run.machine.start(name)
    _note_service(run, name, text)


def confirm_service(run: Run, entry: Json) -> None:
    """Refuse to put back an account whose password the record does not know."""
    name, was = entry["what"], entry["before"]["account"]
    now = (run.machine.service(name) or {"account": ""})["account"]
    if plain_account(now) != plain_account(was) and plain_account(was) not in BUILT_IN:
        raise Refused(f"service {name} ran as {was}, whose password only a person can enter")


def _note_service(run: Run, name: str, before: str) -> None:
    after = service_text(run.machine, name)
    if after != before:
        run.note("service", name, before, after)


def _dependents(run: Run, name: str, allowed: Iterable[str]) -> list[str]:
    _known(run.machine, name)
    found = run.machine.dependents(name)
    for one in found:
        if one.lower() not in {name.lower() for name in allowed}:
            raise Refused(f"service {one} depends on {name} and would be stopped too")
    return found


def stop(run: Run, name: str, dependents: Iterable[str]) -> None:
    """Stop a service, and before it those that depend on it, if all of them may be."""
    for one in (*_dependents(run, name, dependents), name):
        run.machine.stop(one)


def restart(run: Run, name: str, dependents: Iterable[str]) -> None:
    """Restart a service, and those that depend on it, if all of them may be; all are started, whatever happens."""
    if _known(run.machine, name)["start"] == "Disabled":
        raise Failed(f"service {name} is disabled")
    stopped = _dependents(run, name, dependents)
    try:
        for one in (*stopped, name):
            run.machine.stop(one)
    finally:
        for one in (name, *stopped):
            run.machine.start(one)
    run.note("service", name, "running", ", with ".join(["restarted", *stopped]))


# kind "writer_services"


def writer_state(writer: Json) -> int:
    """Return the number of the state that a VSS writer is in."""
    found = re.match(r"\[(\d+)\]", writer["state"])
    return int(found[1]) if found else 0


def stable(writer: Json) -> bool:
    """Say whether a VSS writer works, and tells of no error."""
    return writer_state(writer) == 1 and not writer["error"].startswith(ERRORS)


def vss_writers(machine: Machine) -> dict[str, Json]:
    """Return the VSS writers, as ``vssadmin list writers`` does.

    Raises:
        Failed: the service behind it cannot be started, or hangs.
    """
    service = machine.service("VSS")
    if service is None or service["start"] == "Disabled":
        raise Failed("vssadmin.exe list writers ended with 2: Error: A Volume Shadow Copy Service component failed.")
    if service.get("hung"):
        raise Failed("vssadmin.exe did not end within 120 seconds")
    return dict(machine.writers())


def _plan(run: Run, item: Json) -> dict[str, list[str]]:
    plan: dict[str, list[str]] = {"services": [], "unstable": [], "left": [], "busy": []}
    for name, writer in vss_writers(run.machine).items():
        if stable(writer):
            continue
        plan["unstable"].append(f"{name}: {writer['state']}: {writer['error']}")
        if writer_state(writer) in BUSY:
            plan["busy"].append(name)
        service = item["services"].get(name, "")
        if name in item.get("never", ()) or not service or run.machine.service(service) is None:
            plan["left"].append(name)
        elif service not in plan["services"]:
            plan["services"].append(service)
    return plan


def differs_writer_services(run: Run, item: Json) -> bool:
    """Say whether a writer is not stable whose service may be restarted."""
    plan = _plan(run, item)
    run.found.update(writers=plan["unstable"], restart=plan["services"], left=plan["left"])
    return bool(plan["services"])


def set_writer_services(run: Run, item: Json) -> None:
    """Restart the services behind the writers that are not stable."""
    plan = _plan(run, item)
    if plan["busy"]:
        raise Refused(f"a snapshot is being made: {', '.join(plan['busy'])}")
    for name in plan["services"]:
        if _known(run.machine, name)["start"] == "Disabled":
            raise Refused(f"service {name} is disabled")
        _dependents(run, name, item.get("dependents", ()))
    for name in plan["services"]:
        restart(run, name, item.get("dependents", ()))
