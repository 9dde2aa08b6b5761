"""What the scripts for Windows may touch, written down from the catalogue, held against the tables that they read."""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from actions.guest.scripts import WINDOWS, Script, scripts

from .windows_lint import Code

Json = dict[str, Any]
HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EXPECTED: dict[str, Json] = json.loads((HERE / "windows_effects.json").read_text(encoding="utf-8"))
SCRIPTS = tuple(one for one in scripts().values() if one.os == WINDOWS)
AGENT = ("WindowsAzureGuestAgent", "RdAgent")
LEVELS = ("none", "security", "disruptive", "destructive")
TYPES = {"String": "REG_SZ", "DWord": "REG_DWORD", "ExpandString": "REG_EXPAND_SZ"}
STARTS = {"Automatic": "by itself", "Manual": "by hand"}
WHO = {"S-1-1-0": "Everyone", "S-1-5-32-544": "Administrators"}
RIGHTS = {
    "FullControl": "everything",
    "ReadData": "list/read data",
    "ReadAttributes": "read attributes",
    "ReadExtendedAttributes": "read EA",
    "WriteData": "create files/write data",
    "AppendData": "create folders/append data",
    "WriteAttributes": "write attributes",
    "WriteExtendedAttributes": "write EA",
    "ReadPermissions": "read permissions",
}
"""The rights of .NET, as Microsoft's article names them."""

every_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda one: one.action)


def _registry(item: Json) -> Iterator[str]:
    value = f"...{item['part']}={item['value']}..." if "part" in item else item["value"]
    yield f"set {item['key']} {item['name']} {TYPES[item['type']]} {value}"


def _service(item: Json) -> Iterator[str]:
    name = item["name"]
    if "start" in item:
        yield f"let service {name} start {STARTS[item['start']]}"
    if "account" in item:
        yield f"let service {name} run as {item['account']}"
    yield from (f"restart service {one} with what it depends on" for one in item.get("dependents", ()))
    if "restart" in item:
        yield f"restart service {name}{' where its setup was changed' if item['restart'] == 'changed' else ''}"
    if "state" in item:
        yield f"{'start' if item['state'] == 'Running' else 'stop'} service {name}"


def _writers(item: Json) -> Iterator[str]:
    for writer, service in item["services"].items():
        yield f"restart service {service} where {writer} is not stable"
    yield from (f"restart service {one} with what it depends on" for one in item.get("dependents", ()))


def _command(item: Json) -> Iterator[str]:
    signed = f" signed by {item['signer']}" if "signer" in item else ""
    yield " ".join(["run", item["file"], *item["arguments"]]) + signed


def _acl(item: Json) -> Iterator[str]:
    for rule in item["rules"]:
        rights = ", ".join(sorted(RIGHTS[one] for one in rule["rights"]))
        yield f"allow on {item['path']} {WHO[rule['sid']]}: {rights}"


EFFECTS: dict[str, Callable[[Json], Iterator[str]]] = {
    "registry": _registry,
    "registry_delete": lambda item: iter([f"delete {item['key']}"]),
    "registry_export": lambda item: iter([f"export {item['key']}"]),
    "service": _service,
    "writer_services": _writers,
    "command": _command,
    "download": lambda item: iter([f"download {item['url']} signed by {item['signer']}"]),
    "rename": lambda item: iter([f"rename {item['path']} to {item['path']}{item['suffix']}"]),
    "acl": _acl,
    "certificates": lambda item: (
        f"remove from {item['store'].removeprefix('Cert:' + chr(92))} certificates of {one}" for one in item["subjects"]
    ),
    "defender_exclusion": lambda item: iter([f"exclude {item['path']}"]),
    "dhcp": lambda item: iter(["take addresses from DHCP"]),
    "proxy": lambda item: iter([f"set the proxy of {item['account']} to {item['value']}"]),
    "unzip": lambda item: iter([f"put {item['entry']} beside {item['archive']} out of it"]),
    "look": lambda item: iter(()),
    "refuse": lambda item: iter(()),
}
"""What an item of each kind does to a machine, in the words of the expectation."""


def effects(script: Script, *, later: bool) -> list[str]:
    """Everything that a script does itself, or (later) that its task does, in its order."""
    tasks = [one for item in script.table if item["kind"] == "detached" for one in item["items"]]
    items = tasks if later else [item for item in script.table if item["kind"] != "detached"]
    return [effect for item in items for effect in EFFECTS[item["kind"]](item)]


def outside(script: Script, expected: Json) -> list[str]:
    """What is touched and not expected, or expected and not touched."""
    wrong = []
    for later, name in ((False, "now"), (True, "later")):
        done, wanted = effects(script, later=later), expected.get(name, [])
        wrong += [f"{name}: {one}" for one in sorted(set(done) ^ set(wanted))]
        if expected.get("in_order") and not wrong and done != wanted:
            wrong.append(f"{name}: in another order")
    refused = {item["when"] for item in script.table if item["kind"] == "refuse"}
    wrong += [f"not refused: {one}" for one in expected.get("never_where", ()) if one not in refused]
    follows = {item["pending"] for item in script.table if "pending" in item}
    if not follows <= set(expected.get("follows", ())) or bool(follows) != bool(expected.get("follows")):
        wrong.append(f"pending: {sorted(follows)}")
    return wrong


def test_every_script_is_expected_and_every_expectation_has_a_script():
    assert {one.action for one in SCRIPTS} == set(EXPECTED)


@every_script
def test_a_script_touches_exactly_what_the_catalogue_says(script: Script):
    assert outside(script, EXPECTED[script.action]) == []


@pytest.mark.parametrize("action", EXPECTED)
def test_an_expectation_rests_on_the_words_of_the_catalogue(action: str):
    path = Path(os.environ.get("KNOWLEDGE") or ROOT.parent / "shared" / "knowledge") / "actions.json"
    if not path.is_file():
        pytest.skip(f"no {path.name} at {path.parent} (KNOWLEDGE names another place)")
    told = json.loads(path.read_text(encoding="utf-8"))[action]
    words = f"{told['what']} {told['facts']} {told['guard']}"
    assert EXPECTED[action]["catalogue"]
    assert [one for one in EXPECTED[action]["catalogue"] if one not in words] == []


def changed(action: str, change: Callable[[list[Json]], None]) -> Script:
    """A script with another table."""
    script = scripts()[action]
    table = copy.deepcopy(list(script.table))
    change(table)
    return replace(script, table=tuple(table))


TOO_MUCH: list[tuple[str, Callable[[list[Json]], None], str]] = [
    ("reset_provider_flags", lambda table: table[0].update(value="True"), "IsProviderInstalled"),
    ("set_strong_crypto", lambda table: table.pop(), "WOW6432Node"),
    ("set_strong_crypto", lambda table: table[0].pop("pending") and table[1].pop("pending"), "pending"),
    ("start_comsysapp", lambda table: table.append({"kind": "service", "name": "W32Time", "state": "Running"}), "W32"),
    ("set_msdtc_network_service", lambda table: table.pop(0), "not refused: present:ClusSvc"),
    ("delete_crp_certificates", lambda table: table[0]["subjects"].append("CN=Other"), "CN=Other"),
    ("reset_machinekeys_acl", lambda table: table[0]["rules"][0]["rights"].append("FullControl"), "Everyone"),
    ("install_vcredist", lambda table: table[0].pop("signer"), "vcredist"),
    ("reinstall_msdtc", lambda table: table.append(table.pop(3)), "in another order"),
    (
        "deep_reinstall_vmsnapshot_windows",
        lambda table: table[-1]["items"][3].update(key="HKLM\\SOFTWARE\\Microsoft\\WindowsAzure\\HandlerState"),
        "delete HKLM",
    ),
    ("restart_guest_agent_windows", lambda table: table.extend(table.pop()["items"]), "now: restart service RdAgent"),
]


@pytest.mark.parametrize(("action", "change", "says"), TOO_MUCH, ids=[f"{one[0]}-{one[2]}" for one in TOO_MUCH])
def test_a_table_that_says_something_else_is_found(action: str, change: Callable[[list[Json]], None], says: str):
    found = outside(changed(action, change), EXPECTED[action])
    assert any(says in one for one in found), found


# rules over all tables, whatever the expectation says


def every_item(script: Script) -> Iterator[tuple[Json, bool]]:
    """Every item, and whether a task does it."""
    for item in script.table:
        yield item, False
        yield from ((one, True) for one in item.get("items", ()))


LEAST = {
    "certificates": "destructive",
    "dhcp": "disruptive",
    "download": "disruptive",
    "registry_delete": "disruptive",
    "writer_services": "disruptive",
    "acl": "security",
    "defender_exclusion": "security",
    "proxy": "security",
    "rename": "security",
}
"""The least impact that a script with an item of a kind has to tell."""


def too_harmless(script: Script) -> list[str]:
    """The items that hurt more than the manifest says."""
    wrong = []
    for item, _ in every_item(script):
        least = LEAST.get(item["kind"], "none")
        if item["kind"] == "service" and item.get("state") == "Stopped":
            least = "disruptive"
        elif item["kind"] == "service" and "account" in item:
            least = "security"
        if LEVELS.index(script.impact.value) < LEVELS.index(least):
            wrong.append(f"{item['kind']} needs {least}")
        stops = item["kind"] == "service" and (item.get("state") == "Stopped" or "restart" in item)
        if (stops or item["kind"] in ("writer_services", "dhcp")) and script.effect == "none":
            wrong.append(f"{item['kind']} is felt")
        if item.get("name") in AGENT and stops and script.effect != "agent restart":
            wrong.append("the agent restarts")
        if item.get("pending") == "reboot" and script.effect != "reboot":
            wrong.append("it needs a restart of the machine")
    return wrong


@every_script
def test_what_destroys_or_disturbs_is_told_as_such(script: Script):
    assert too_harmless(script) == []
    assert script.caution or script.impact.value == "none"


@pytest.mark.parametrize("action", [one.action for one in SCRIPTS if one.impact.value in LEVELS[2:]])
def test_an_impact_that_is_told_too_small_is_found(action: str):
    script = scripts()[action]
    harmless = replace(script, impact=type(script.impact)("none"), effect="none")
    assert too_harmless(harmless) != []


def disturbs_agent(item: Json) -> bool:
    """Whether an item stops or restarts the agent that runs the script, or cuts it off."""
    named = [item["name"]] if item["kind"] == "service" else list(item.get("services", {}).values())
    stops = item["kind"] == "writer_services" or item.get("state") == "Stopped" or "restart" in item
    if item["kind"] == "command":
        return "/i" in item["arguments"] or any(name in word for name in AGENT for word in item["arguments"])
    return (stops and any(one in AGENT for one in [*named, *item.get("dependents", ())])) or item["kind"] == "dhcp"


@every_script
def test_only_a_task_stops_the_agent_or_cuts_it_off(script: Script):
    disturbing = [(item, later) for item, later in every_item(script) if disturbs_agent(item)]
    assert [item for item, later in disturbing if not later] == []
    assert script.detached == bool(disturbing)


def test_exactly_these_scripts_disturb_the_agent():
    found = {one.action for one in SCRIPTS if any(disturbs_agent(item) for item, _ in every_item(one))}
    assert found == {
        "restart_guest_agent_windows",
        "reinstall_guest_agent_windows",
        "deep_reinstall_vmsnapshot_windows",
        "enable_dhcp_windows",
    }


@every_script
def test_a_task_that_stops_the_agent_starts_it_again_after_all_else(script: Script):
    for item in script.table:
        if item["kind"] != "detached" or not any(disturbs_agent(one) for one in item["items"]):
            continue
        if item["items"] == [{"kind": "dhcp"}]:
            continue
        last = item["items"][-2:]
        assert {one["name"] for one in last} == set(AGENT)
        assert {one["state"] for one in last} == {"Running"}


# the record: what is replaced is written down first

CHANGES = {
    "registry": ("Set-RegistryItem", "Write-RegistryData"),
    "registry_delete": ("Set-RegistryDeleteItem", "DeleteSubKeyTree"),
    "service": ("Set-ServiceItem", "Write-ServiceSetup"),
    "rename": ("Set-RenameItem", "Move-Item"),
    "acl": ("Set-AclItem", "::SetAccessControl"),
    "certificates": ("Set-CertificatesItem", "Remove-Item"),
    "defender_exclusion": ("Set-DefenderExclusionItem", "Add-MpPreference"),
    "dhcp": ("Set-DhcpItem", "EnableDHCP"),
    "proxy": ("Set-ProxyItem", "Invoke-System"),
    "unzip": ("Set-UnzipItem", "::Copy("),
}
"""The function that does an item of a kind, and what in it changes the machine."""
NO_RECORD = {"command", "download", "detached", "writer_services", "look", "refuse", "registry_export"}


def body(text: str, name: str) -> str:
    """The text of a function, its comments left out."""
    found = re.search(rf"^function {re.escape(name)} {{$(.*?)^}}$", text, re.MULTILINE | re.DOTALL | re.IGNORECASE)
    assert found, name
    return re.sub(r"^\s*#.*$", "", found[1], flags=re.MULTILINE)


def recorded_first(text: str, kind: str) -> bool:
    """Whether the function of a kind writes down what it replaces before it changes anything."""
    name, change = CHANGES[kind]
    inside = body(text, name)
    records = [inside.find(word) for word in ("Add-Record", "Export-RegistryKey") if word in inside]
    return bool(records) and change in inside and min(records) < inside.index(change)


@every_script
def test_what_is_replaced_is_written_down_before(script: Script):
    text = script.text(script.verbs[0])
    kinds = {item["kind"] for item, _ in every_item(script)}
    assert kinds <= set(CHANGES) | NO_RECORD
    assert [kind for kind in sorted(kinds & set(CHANGES)) if not recorded_first(text, kind)] == []


@pytest.mark.parametrize("kind", CHANGES)
def test_a_change_without_a_record_is_found(kind: str):
    script = next(one for one in SCRIPTS if any(item["kind"] == kind for item, _ in every_item(one)))
    text = script.text(script.verbs[0])
    assert recorded_first(text, kind)
    silent = text.replace("Add-Record", "Add-Nothing").replace("Export-RegistryKey", "Leave-RegistryKey")
    assert not recorded_first(silent, kind)
    name, change = CHANGES[kind]
    inside = body(text, name)
    late = inside.replace(change, "").replace("Add-Record", f"{change}\n    Add-Record", 1)
    late = late.replace("Export-RegistryKey", f"{change}\n    Export-RegistryKey", 1)
    assert not recorded_first(text.replace(inside, late), kind)


def test_the_record_of_an_export_is_written_with_the_file_that_it_names():
    inside = body(scripts()["deep_reinstall_vmsnapshot_windows"].text("check"), "Export-RegistryKey")
    assert inside.index("'export'") < inside.index("Add-Record")


# refusals that single scripts decide themselves

REASONS = {
    "reinstall_guest_agent_windows": "Get-OldDotNetReason",
    "enable_dhcp_windows": "Get-AddressReason",
    "set_com_desktop_heap": "Get-LineReason",
    "add_defender_exclusions": "Get-PassiveReason",
    "rename_gac_storage_assembly": "Get-LoadedFile",
    "restore_extension_manifest": "Get-Manifest",
}


@pytest.mark.parametrize("action", REASONS)
def test_a_reason_against_it_ends_a_script_before_it_changes_anything(action: str):
    script = Code(scripts()[action].text("apply"))
    order = [one.name for one in script.calls if one.inside == "Set-It"]
    assert order[0] == "Confirm-Table"
    assert order.index(REASONS[action]) < order.index("Deny-It") < order.index("Set-Table")
    assert "Set-OneItem" not in order


def test_the_installer_is_registered_again_even_when_a_step_before_fails():
    inside = body(scripts()["repair_windows_installer"].text("apply"), "Set-It")
    caught = inside[inside.index("} catch {") :]
    assert "[-1]" in caught
    assert caught.index("Set-OneItem") < caught.index("throw $problem")
    assert scripts()["repair_windows_installer"].table[-1]["arguments"] == ["/register"]


def test_the_agent_is_not_installed_without_the_dot_net_that_it_needs():
    text = body(scripts()["reinstall_guest_agent_windows"].text("apply"), "Get-OldDotNetReason")
    assert "$null -eq $release -or $release -lt 378389" in text


def test_the_address_must_be_told_to_switch_to_dhcp_and_can_only_be_an_address():
    script = scripts()["enable_dhcp_windows"]
    assert script.parameters["address"].default == ""
    assert re.fullmatch(script.parameters["address"].pattern, "10.0.0.4")
    assert not re.fullmatch(script.parameters["address"].pattern, "10.0.0.4; whoami")
    text = body(script.text("apply"), "Get-AddressReason")
    assert text.count(".Count -ne 1) { return") == 2
    assert "if ($told -ne $addresses[0]) {" in text


USUAL = (
    "%SystemRoot%\\system32\\csrss.exe ObjectDirectory=\\Windows SharedSection=1024,20480,768 Windows=On "
    "SubSystemType=Windows ServerDll=basesrv,1 ServerDll=winsrv:UserServerDllInitialization,3 ServerDll=sxssrv,4 "
    "ProfileControl=Off MaxRequestThreads=16"
)
"""The line as Windows Server 2022 has it."""
LINES = {
    "as it is": (USUAL, True),
    "with larger sizes": (USUAL.replace("20480,768", "20480,4096"), True),
    "with the console of older versions": (
        USUAL.replace(",3 ", ",3 ServerDll=winsrv:ConServerDllInitialization,2 "),
        True,
    ),
    "with a blank at its end": (USUAL + " ", True),
    "empty": ("", False),
    "without the program": (USUAL.replace("csrss.exe", "cmd.exe"), False),
    "with two sizes": (USUAL.replace(",768", ""), False),
    "with four sizes": (USUAL.replace(",768", ",768,512"), False),
    "without sizes": (USUAL.replace("SharedSection=1024,20480,768 ", ""), False),
    "with a size that is no number": (USUAL.replace("768", "7x8"), False),
    "without winsrv": (USUAL.replace("ServerDll=winsrv:UserServerDllInitialization,3 ", ""), False),
    "without basesrv": (USUAL.replace("ServerDll=basesrv,1 ", ""), False),
    "cut off": (USUAL[:80], False),
    "with something behind it": (USUAL + " & calc", False),
}


@pytest.mark.parametrize("name", LINES)
def test_only_a_line_of_the_usual_form_lets_windows_start(name: str):
    line, good = LINES[name]
    text = body(scripts()["set_com_desktop_heap"].text("apply"), "Test-Line")
    form = "".join(re.findall(r"\$form \+?= '([^']*)'", text))
    more = re.findall(r"\$Line -match '([^']*)'", text)
    assert form.startswith("^")
    assert len(more) == 2
    assert all(re.search(one, line, re.IGNORECASE) for one in (form, *more)) is good
