"""Items of a Windows script's table that concern programs, files, permissions, certificates, Defender and the network.

Each function does to the simulated machine what the function of the same kind in the scripts' common part does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from simulator.wire import Json

from .windows_machine import WindowsFailure
from .windows_programs import REBOOT, fetch, run_program
from .windows_script import RECORDS, Failed, Refused, Run

RIGHTS = {
    "ReadData": 0x1, "ListDirectory": 0x1, "WriteData": 0x2, "CreateFiles": 0x2, "AppendData": 0x4,
    "CreateDirectories": 0x4, "ReadExtendedAttributes": 0x8, "WriteExtendedAttributes": 0x10, "ExecuteFile": 0x20,
    "Traverse": 0x20, "DeleteSubdirectoriesAndFiles": 0x40, "ReadAttributes": 0x80, "WriteAttributes": 0x100,
    "Write": 0x116, "Delete": 0x10000, "ReadPermissions": 0x20000, "Read": 0x20089, "ReadAndExecute": 0x200A9,
    "Modify": 0x301BF, "ChangePermissions": 0x40000, "TakeOwnership": 0x80000, "Synchronize": 0x100000,
    "FullControl": 0x1F01FF,
}  # fmt: skip
"""Names of access rights and their bits (``System.Security.AccessControl.FileSystemRights``)."""


# kinds "command" and "download"


def _program(run: Run, item: Json) -> str:
    found = run.machine.glob(run.path(item["file"]))
    return found[0] if found else ""


def _call(item: Json) -> str:
    return f"{item['file']} {' '.join(item.get('arguments', ()))}"


def differs_command(run: Run, item: Json) -> bool:
    """Say whether the program has not been run yet: of programs nothing else is known."""
    if "%RECORD%" not in item["file"]:
        run.found[f"program {item['file']}"] = _program(run, item)
    return _call(item) not in run.done


def set_command(run: Run, item: Json) -> None:
    """Run a program, if it is signed as it has to be."""
    path = _program(run, item)
    if not path:
        raise Failed(f"there is no {item['file']}")
    confirm_signer(run.machine.file(path) or {}, path, item.get("signer", ""))
    words = [run.path(word) for word in item.get("arguments", ())]
    code = run_program(run.machine, path, words)
    what = f"{path} {' '.join(words)}"
    if code not in item["exit_codes"]:
        raise Failed(f"{what} ended with {code}: ")
    if code == REBOOT:
        run.pending = "reboot"
    run.done.add(_call(item))
    run.note("command", what, "", f"ended with {code}")


def confirm_signer(file: Json, path: str, signer: str) -> None:
    """Refuse a file that carries no valid signature of an organisation; without one any file will do.

    Raises:
        Refused: it is not signed by it.
    """
    if signer and "signer" not in file:
        raise Refused(f"the signature of {path} is NotSigned")
    if signer and file["signer"] != signer:
        raise Refused(f"{path} is signed by O={file['signer']}, not by {signer}")


def differs_download(run: Run, item: Json) -> bool:
    """Say whether the file has not been fetched yet."""
    return f"download {item['to']}" not in run.done


def set_download(run: Run, item: Json) -> None:
    """Fetch a file into the record's folder."""
    plain = re.fullmatch(r"[A-Za-z0-9_-]+\.(msi|exe)", item["to"])
    if not plain or not re.match(r"https://(go|download)\.microsoft\.com/", item["url"]):
        raise Failed(f"not a documented download: {item['url']} to {item['to']}")
    path = f"{RECORDS}\\{run.head.action}\\{item['to']}"
    run.machine.files[path] = fetch(run.machine, item["url"])
    confirm_signer(run.machine.files[path], path, item["signer"])
    run.done.add(f"download {item['to']}")
    run.note("download", item["url"], "", path)


# kinds "rename" and "unzip"


def differs_rename(run: Run, item: Json) -> bool:
    """Say whether the folder or file is there."""
    there = run.machine.file(run.path(item["path"])) is not None
    run.found[item["path"]] = there
    return there


def set_rename(run: Run, item: Json) -> None:
    """Rename it, to a name that is not taken."""
    old = run.path(item["path"])
    if (run.machine.file(old) or {}).get("link"):
        raise Refused(f"{old} is a link")
    new, number = old + item["suffix"], 1
    while run.machine.file(new) is not None:
        number += 1
        new = f"{old}{item['suffix']}{number}"
    run.write_down("rename", old, {"moved_to": new})
    run.machine.rename(old, new)
    run.note("rename", old, old, new)


def undo_rename(run: Run, entry: Json) -> None:
    """Give it its name back."""
    new = entry["before"]["moved_to"]
    if run.machine.file(new) is not None:
        run.machine.rename(new, entry["what"])
        run.note("rename", entry["what"], new, entry["what"])


def confirm_rename(run: Run, entry: Json) -> None:
    """Refuse to rename over what has come since."""
    new = entry["before"]["moved_to"]
    if run.machine.file(entry["what"]) is not None and run.machine.file(new) is not None:
        raise Refused(f"{entry['what']} is there again; the old one is {new}")


def unzip_plan(run: Run, item: Json) -> tuple[str, str]:
    """Return the newest archive and the file to put beside it; empty without one."""
    found = run.machine.glob(run.path(item["archive"]))
    return (found[0], f"{found[0].rpartition(chr(92))[0]}\\{item['entry']}") if found else ("", "")


def differs_unzip(run: Run, item: Json) -> bool:
    """Say whether the file beside the newest archive is missing."""
    archive, path = unzip_plan(run, item)
    there = run.machine.file(path) is not None if archive else None
    run.found[item["entry"]] = there
    return there is False


def set_unzip(run: Run, item: Json) -> None:
    """Take the file out of the archive."""
    archive, path = unzip_plan(run, item)
    holds = (run.machine.file(archive) or {}).get("holds", {})
    if item["entry"] not in holds:
        raise Failed(f"{archive} does not hold {item['entry']}")
    run.write_down("unzip", path, {"there": False})
    run.machine.files[path] = {"size": holds[item["entry"]]}
    run.note("unzip", path, "", f"from {archive}")


def undo_unzip(run: Run, entry: Json) -> None:
    """Take the file away again."""
    if run.machine.file(entry["what"]) is not None:
        del run.machine.files[entry["what"]]
        run.note("unzip", entry["what"], "present", "absent")


# kind "acl"


def access(rules: Iterable[Json]) -> dict[str, int]:
    """Return what each principal may do; Windows lets everybody who may do something also wait for it."""
    found: dict[str, int] = {}
    for rule in rules:
        for right in rule["rights"]:
            found[rule["sid"]] = found.get(rule["sid"], RIGHTS["Synchronize"]) | RIGHTS[right]
    return found


def rules_text(rules: Iterable[Json]) -> str:
    """Return the rules of an access list that inherits nothing: who, which rights, and that nothing inherits them."""
    return "True: " + "; ".join(sorted(f"{sid} {rights} Allow None" for sid, rights in access(rules).items()))


def _rules(run: Run, path: str) -> list[Json]:
    rules: list[Json] = run.machine.state["acl"].get(path, [])
    return rules


def differs_acl(run: Run, item: Json) -> bool:
    """Say whether somebody has other rights on a folder than they should have."""
    path = run.path(item["path"])
    if run.machine.file(path) is None:
        raise Failed(f"there is no {path}")
    run.found[item["path"]] = rules_text(_rules(run, path))
    return access(_rules(run, path)) != access(item["rules"])


def set_acl(run: Run, item: Json) -> None:
    """Replace the access list of a folder; what is in it keeps its own."""
    path = run.path(item["path"])
    before = _rules(run, path)
    run.write_down("acl", path, {"rules": before})
    run.machine.state["acl"][path] = [{"sid": one["sid"], "rights": list(one["rights"])} for one in item["rules"]]
    run.note("acl", path, rules_text(before), rules_text(item["rules"]))


def undo_acl(run: Run, entry: Json) -> None:
    """Put the access list back."""
    before = _rules(run, entry["what"])
    run.machine.state["acl"][entry["what"]] = entry["before"]["rules"]
    run.note("acl", entry["what"], rules_text(before), rules_text(entry["before"]["rules"]))


# kind "certificates"


def _certificates(run: Run, item: Json) -> list[Json]:
    held = run.machine.state["certificates"].get(item["store"], [])
    return [one for one in held if one["subject"] in item["subjects"]]


def differs_certificates(run: Run, item: Json) -> bool:
    """Say whether the store has certificates of exactly these subjects."""
    run.found["certificates"] = [f"{one['thumbprint']} until {one['until']}" for one in _certificates(run, item)]
    return bool(run.found["certificates"])


def set_certificates(run: Run, item: Json) -> None:
    """Delete them; their public part is written down, their private keys are gone."""
    for one in _certificates(run, item):
        run.write_down("certificates", one["thumbprint"], {"subject": one["subject"]})
        run.machine.state["certificates"][item["store"]].remove(one)
        run.note("certificates", f"{one['subject']} {one['thumbprint']}", "exported", "")


# kind "defender_exclusion"


MERGE_POLICY = "HKLM\\SOFTWARE\\Policies\\Microsoft\\Windows Defender", "DisableLocalAdminMerge"


def _exclusions(run: Run) -> list[str]:
    service = run.machine.service("WinDefend")
    if service is None or service["state"] != "Running":
        raise Failed("Operation failed with the following error: 0x800106ba")
    exclusions: list[str] = run.machine.state["defender"]["exclusions"]
    return exclusions


def differs_defender_exclusion(run: Run, item: Json) -> bool:
    """Say whether Defender looks into a folder."""
    there = run.path(item["path"]).lower() in [one.lower() for one in _exclusions(run)]
    run.found[f"exclusion {item['path']}"] = there
    return not there


def set_defender_exclusion(run: Run, item: Json) -> None:
    """Exclude a folder; where a policy manages Defender, that has no effect."""
    path = run.path(item["path"])
    run.write_down("defender_exclusion", path, {"excluded": False})
    policy = (run.machine.value(*MERGE_POLICY) or {}).get("value") == 1
    if not policy and not run.machine.state["defender"]["managed"]:
        _exclusions(run).append(path)
    run.note("defender_exclusion", path, "not excluded", "excluded")


def undo_defender_exclusion(run: Run, entry: Json) -> None:
    """Let Defender look into the folder again."""
    if entry["what"] in _exclusions(run):
        _exclusions(run).remove(entry["what"])
    run.note("defender_exclusion", entry["what"], "excluded", "not excluded")


# kinds "dhcp" and "proxy"


def fixed_interfaces(run: Run) -> dict[str, Json]:
    """Return the network interfaces whose address was set by hand."""
    return {name: one for name, one in run.machine.state["interfaces"].items() if not one["dhcp"]}


def differs_dhcp(run: Run, _item: Json) -> bool:
    """Say whether an interface has an address that was set by hand."""
    run.found["fixed"] = [f"{name}: {' '.join(one['addresses'])}" for name, one in fixed_interfaces(run).items()]
    return bool(run.found["fixed"])


def set_dhcp(run: Run, _item: Json) -> None:
    """Let interfaces ask for their address; one that gets another keeps the one it had."""
    for name, one in fixed_interfaces(run).items():
        if len(one["addresses"]) != 1:
            raise Refused(f"{name} has {len(one['addresses'])} IPv4 addresses")
    for name, one in fixed_interfaces(run).items():
        address = one["addresses"][0]
        run.write_down("dhcp", name, {"address": list(one["addresses"])})
        if one.get("offered", address) != address:
            raise Failed(f"DHCP did not give {address} within a minute: the fixed address is back")
        one["dhcp"] = True
        run.note("dhcp", name, f"fixed {address}", "DHCP")


def undo_dhcp(run: Run, entry: Json) -> None:
    """Give an interface its fixed address back."""
    address = entry["before"]["address"]
    run.machine.state["interfaces"][entry["what"]].update(dhcp=False, addresses=address)
    run.note("dhcp", entry["what"], "DHCP", f"fixed {address[0]}")


def _proxy(run: Run) -> str:
    server: str = run.machine.state["proxy"]["LOCALSYSTEM"]
    return f"flags 3 {server}" if server else "NO_PROXY"


def differs_proxy(run: Run, item: Json) -> bool:
    """Say whether the account uses another proxy."""
    run.found[f"proxy {item['account']}"] = _proxy(run)
    return bool(_proxy(run) != item["value"])


def set_proxy(run: Run, item: Json) -> None:
    """Set the proxy of the account."""
    before = _proxy(run)
    run.write_down("proxy", item["account"], {"server": run.machine.state["proxy"]["LOCALSYSTEM"]})
    path = "C:\\Windows\\System32\\bitsadmin.exe"
    code = run_program(run.machine, path, ["/Util", "/SetIEProxy", item["account"], item["value"]])
    if code:
        raise WindowsFailure(code, path, f"ended with {code}")
    run.note("proxy", item["account"], before, _proxy(run))


def undo_proxy(run: Run, entry: Json) -> None:
    """Give the account its proxy back."""
    before = _proxy(run)
    run.machine.state["proxy"]["LOCALSYSTEM"] = entry["before"]["server"]
    run.note("proxy", entry["what"], before, _proxy(run))
