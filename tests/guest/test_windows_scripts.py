"""The scripts for Windows, read and checked without running them: no PowerShell can be had here."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from actions.guest.scripts import WINDOWS, Script, scripts

from .windows_lint import RULES, Code

Json = dict[str, Any]
HERE = Path(__file__).parent
ROOT = HERE.parents[1]
FOLDER = ROOT / "actions" / "guest" / "windows"
SCRIPTS = tuple(one for one in scripts().values() if one.os == WINDOWS)
SCHEMA = json.loads((HERE / "windows_manifest.schema.json").read_text(encoding="utf-8"))
BAD = json.loads((HERE / "windows_bad.json").read_text(encoding="utf-8"))
KINDS = frozenset(one["properties"]["kind"]["const"] for one in SCHEMA["$defs"]["item"]["oneOf"])
LOOKS_ONLY = frozenset({"look", "refuse", "registry_export"})
"""Kinds of items that change nothing on the machine."""
AGENT = ("WindowsAzureGuestAgent", "RdAgent")
LEFT_ALONE = re.compile(
    r"(?i)^(MSSQL.*|SQLSERVERAGENT|SQLWriter|SQLAgent.*|ClusSvc|NTDS|Netlogon|Kdc|DFSR?|NtFrs|DNS|MSExchange.*|vmms|"
    r"W3SVC|IISADMIN|CertSvc|DHCPServer|WINS|LanmanServer|EventLog|Schedule|TermService|TSGateway|RpcSs)$"
)
"""Services that no script may restart or stop: data, names, logons, files, or half of Windows hangs on them."""


def items(script: Script) -> Iterator[Json]:
    """Every item of a script's table, those of a task included."""
    for item in script.table:
        yield item
        yield from item.get("items", ())


def kinds(script: Script) -> set[str]:
    return {item["kind"] for item in items(script)}


@cache
def code(action: str) -> Code:
    script = scripts()[action]
    return Code(script.text(script.verbs[0]), json.dumps(script.table))


def manifest(action: str) -> Json:
    found: Json = json.loads((FOLDER / f"{action}.json").read_text(encoding="utf-8"))
    return found


every_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda one: one.action)


@every_script
def test_what_is_sent_is_understood_for_every_verb(script: Script):
    for verb in script.verbs:
        text = script.text(verb)
        assert not Code(text).root.has_error
        assert f"\n$ScriptVerb = '{verb}'\n" in text


@every_script
def test_a_script_keeps_every_rule(script: Script):
    found = {name: list(rule(code(script.action))) for name, rule in RULES.items()}
    assert {name: some for name, some in found.items() if some} == {}


@pytest.mark.parametrize("bad", BAD, ids=lambda one: f"{one['rule']}-{one['says']}")
def test_a_rule_finds_what_breaks_it(bad: Json):
    script = scripts()["start_comsysapp"]
    good, last = script.text("check"), 'Invoke-GuestScript -Word "$args"\n'
    old, new = (bad["replace"], bad["with"]) if "replace" in bad else (f"\n{last}", f"\n{bad['add']}\n\n{last}")
    assert good.count(old) == 1
    rule = RULES[bad["rule"]]
    assert list(rule(Code(good, json.dumps(script.table)))) == []
    found = list(rule(Code(good.replace(old, new), json.dumps(script.table))))
    assert any(bad["says"] in one for one in found), found


def test_every_rule_has_something_that_breaks_it():
    assert {one["rule"] for one in BAD} == set(RULES)


@every_script
def test_a_manifest_has_its_form(script: Script):
    told = manifest(script.action)
    jsonschema.Draft202012Validator(SCHEMA).validate(told)
    order = [name for name in SCHEMA["properties"] if name in told]
    assert list(told) == order
    assert told["action"] == script.action


@pytest.mark.parametrize(
    "change",
    [
        {"impact": "small"},
        {"table": [{"kind": "format_disk"}]},
        {"table": [{"kind": "registry_delete", "key": "HKLM\\SOFTWARE\\*"}]},
        {"table": [{"kind": "registry_delete", "key": "HKLM\\SOFTWARE\\Microsoft\\*"}]},
        {"table": [{"kind": "registry", "key": "HKLM\\*\\x", "name": "y", "type": "String", "value": "z"}]},
        {"table": [{"kind": "service", "name": "VSS"}]},
        {"table": [{"kind": "service", "name": "V*", "state": "Running"}]},
        {"table": [{"kind": "service", "name": "VSS", "account": "CONTOSO\\admin"}]},
        {
            "table": [
                {"kind": "download", "url": "https://example.com/", "to": "a.msi", "signer": "Microsoft Corporation"}
            ]
        },
        {"table": [{"kind": "rename", "path": "C:\\Windows", "suffix": "_old"}]},
        {"table": [{"kind": "certificates", "store": "Cert:\\LocalMachine\\My", "subjects": ["CN=*"]}]},
        {"table": [{"kind": "defender_exclusion", "path": "C:\\"}]},
        {"table": [{"kind": "detached", "after": 5, "items": [{"kind": "dhcp"}]}]},
        {"table": [{"kind": "refuse", "when": "someday:x", "why": "because it is so"}]},
        {"table": []},
        {"extra": 1},
    ],
    ids=json.dumps,
)
def test_a_manifest_of_another_form_is_found(change: Json):
    told = manifest("start_comsysapp")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(told | change)


def test_every_script_has_a_manifest_and_every_manifest_a_script():
    written = {one.stem for one in FOLDER.glob("*.ps1")} - {"common"}
    assert written == {one.stem for one in FOLDER.glob("*.json")} == {one.action for one in SCRIPTS}
    assert written


def test_every_part_is_sent_with_some_script():
    assert {one.name for one in (FOLDER / "parts").iterdir()} == {part for one in SCRIPTS for part in one.parts}


@every_script
def test_every_kind_in_a_table_can_be_looked_at_and_set(script: Script):
    functions = {name.lower() for name in code(script.action).functions}
    for kind in kinds(script) - {"refuse"}:
        word = kind.replace("_", "")
        assert f"test-{word}item" in functions
        assert kind == "look" or f"set-{word}item" in functions


@every_script
def test_a_script_can_do_what_its_manifest_says_and_nothing_more(script: Script):
    functions = code(script.action).functions
    changes = bool(kinds(script) - LOOKS_ONLY)
    assert script.verbs == (
        ("check", "apply", "undo") if script.undo else ("check", "apply") if changes else ("check",)
    )
    assert ("Set-It" in functions) == changes
    assert ("Undo-It" in functions) == script.undo
    assert script.detached == ("detached" in kinds(script))
    assert changes or script.impact.value == script.effect == "none"


@every_script
def test_undo_is_offered_only_where_everything_can_be_put_back(script: Script):
    if not script.undo:
        return
    functions = {name.lower() for name in code(script.action).functions}
    for item in items(script):
        if item["kind"] not in LOOKS_ONLY:
            assert f"undo-{item['kind'].replace('_', '')}entry" in functions, item
            assert item.get("restart") != "always", item


@every_script
def test_what_a_script_touches_is_told_in_words(script: Script):
    changing = [item for item in items(script) if item["kind"] not in LOOKS_ONLY | {"detached"}]
    assert len(script.touches) >= len(changing)
    assert not any(re.search(r"\{\w*\}", one) for one in script.touches)


@every_script
def test_no_script_stops_the_agent_that_runs_it(script: Script):
    for item in script.table:
        if item["kind"] == "service" and item["name"] in AGENT:
            assert item.get("state") != "Stopped"
            assert "restart" not in item


@every_script
def test_no_script_restarts_what_others_live_on(script: Script):
    for item in items(script):
        named = [item["name"]] if item["kind"] == "service" else list(item.get("services", {}).values())
        named = [] if item["kind"] == "look" else [*named, *item.get("dependents", ())]
        assert [one for one in named if LEFT_ALONE.match(one)] == []


def test_writers_of_databases_directories_and_clusters_are_never_touched():
    (item,) = scripts()["restart_failed_vss_writers"].table
    assert {"SqlServerWriter", "Microsoft Exchange Writer", "NTDS", "Cluster Database", "FRS Writer"} <= set(
        item["never"]
    )
    assert not set(item["never"]) & set(item["services"])


def test_the_coordinator_is_left_alone_in_a_cluster_and_not_installed_anew_beside_a_database():
    refused = {
        action: {item["when"] for item in scripts()[action].table if item["kind"] == "refuse"}
        for action in ("set_msdtc_network_service", "reinstall_msdtc")
    }
    assert all("present:ClusSvc" in some for some in refused.values())
    assert "running:MSSQLSERVER,MSSQL$*" in refused["reinstall_msdtc"]


def test_the_old_settings_of_the_coordinator_are_exported_before_it_is_removed():
    order = [item["kind"] for item in scripts()["reinstall_msdtc"].table]
    assert order.index("registry_export") < order.index("command")


def test_a_copy_backup_is_refused_where_somebody_has_decided_already():
    table = scripts()["set_vss_copy_backup"].table
    key = "HKLM\\SOFTWARE\\Microsoft\\BcdrAgent"
    refused = {item["when"] for item in table if item["kind"] == "refuse"}
    assert {f"set:{key}\\UseVssFullBackup", f"set:{key}\\USEVSSCOPYBACKUP", "absent:MSSQLSERVER,MSSQL$*"} <= refused
    assert any("SqlIaaSAgent" in one for one in refused)


def told_names() -> list[str]:
    """What the health checks read of a look into a Windows VM, in its order."""
    example = ROOT / "tests" / "checks" / "guest" / "windows_healthy.json"
    return list(json.loads(example.read_text(encoding="utf-8")))


def test_the_look_tells_everything_that_the_checks_read():
    calls = code("check_guest_windows").calls
    inside = ("Add-Machine", "Add-Surroundings", "Add-Backup", "Add-Writers")
    added = [one for one in calls if one.inside in inside and one.name in ("Add-Seen", "Add-SeenList", "Add-Found")]
    assert {(one.parameters["Name"] or "").strip("'") for one in added} == set(told_names())


def test_everything_that_the_look_looks_at_stands_in_its_table():
    listed = {item["as"] for item in scripts()["check_guest_windows"].table}
    looked = {one.parameters["As"] or "" for one in code("check_guest_windows").calls if "As" in one.parameters}
    assert {one.strip("'") for one in looked if not one.startswith("$")} == listed


def test_an_answer_of_usual_size_is_far_below_what_azure_keeps():
    example = ROOT / "tests" / "checks" / "guest" / "windows_healthy.json"
    found = json.loads(example.read_text(encoding="utf-8"))
    answer = {"contract": 1, "action": "check_guest_windows", "verb": "check", "needed": False, "found": found}
    assert len(json.dumps(answer, separators=(",", ":"))) < 2500


def test_an_answer_is_cut_to_fit_before_it_is_written():
    text = code("check_guest_windows").text
    assert text.count("$MostBytes = 3900") == 1
    body = text[text.index("function Write-Answer") :]
    body = body[: body.index("\n}")]
    assert re.search(r"if \(\$text\.Length -gt \$MostBytes\) \{\s+\[void\]\$State\.Found\.Clear\(\)", body)
    assert body.rstrip().endswith("Write-Output -InputObject $text")


def knowledge() -> Json:
    folder = Path(os.environ.get("KNOWLEDGE") or ROOT.parent / "shared" / "knowledge")
    path = folder / "actions.json"
    if not path.is_file():
        pytest.skip(f"no {path.name} at {path.parent} (KNOWLEDGE names another place)")
    told: Json = json.loads(path.read_text(encoding="utf-8"))
    return {name: one for name, one in told.items() if one["plane"] == "guest-windows"}


def test_every_action_of_the_catalogue_inside_windows_has_a_script():
    assert {one.action for one in SCRIPTS} == set(knowledge())


@every_script
def test_the_impact_is_the_one_of_the_catalogue(script: Script):
    told = knowledge()[script.action]
    if told["destructive"]:
        allowed = {"destructive"}
    elif told["disruptive"]:
        allowed = {"disruptive"}
    elif told["approval"]:
        allowed = {"security", "disruptive"}
    else:
        allowed = {"none"}
    assert script.impact.value in allowed


PAGE = (ROOT / "docs" / "guest-scripts.md").read_text(encoding="utf-8")


def test_the_page_lists_every_script_as_its_manifest_has_it():
    rows = {
        f"| `{one.action}` | {one.os.capitalize()} | {one.title} | {one.effect} | {one.impact.value} | "
        f"{'yes' if one.undo else 'no'} |"
        for one in scripts().values()
    }
    listed = {line for line in PAGE.split("## The scripts\n", 1)[1].splitlines() if line.startswith("| `")}
    assert listed == rows


def test_the_page_explains_every_kind_and_says_that_no_script_has_run_on_windows():
    assert [kind for kind in sorted(KINDS) if f"\n| `{kind}` |" not in PAGE] == []
    assert "The scripts for Windows have not\nrun on Windows." in PAGE
