"""Every action for Windows, as the text that is sent, on a simulated machine that needs it."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from windows_drill import ask, canon, guest, work_off

from actions.guest.scripts import APPLY, CHECK, HERE, UNDO, WINDOWS, find_script, scripts
from simulator.guest import windows_table as table
from simulator.guest.windows_faults import troubles
from simulator.guest.windows_probe import GAC

ACTIONS = sorted(name for name, script in scripts().items() if script.os == WINDOWS)


@dataclass(frozen=True)
class Mend:
    """On which machine an action is needed.

    ``ends``: the trouble that is over afterwards, perhaps after a restart; ``again``: it does its work each time anew.
    """

    faults: tuple[str, ...] = ()
    ends: str = ""
    restart: bool = False
    again: bool = False
    parameters: tuple[tuple[str, str], ...] = ()


MENDS = {
    "start_comsysapp": Mend(("com-plus-stopped",), "ExtensionSnapshotFailedCOM"),
    "set_msdtc_network_service": Mend(("msdtc-local-system",), "ExtensionInstallationFailedMDTC"),
    "reinstall_msdtc": Mend(("msdtc-damaged",), "ExtensionInstallationFailedMDTC"),
    "restart_failed_vss_writers": Mend(("vss-writer-failed",), "ExtensionFailedVssWriterInBadState"),
    "restart_vss_service": Mend(("vss-hung",), "ExtensionFailedVssServiceInBadState", again=True),
    "set_snapshot_without_threads": Mend(),
    "set_host_snapshot_keys": Mend(("snapshots-slow",), "ExtensionFailedTimeoutVMNetworkUnresponsive"),
    "set_vss_copy_backup": Mend(("sql-server",)),
    "reset_provider_flags": Mend(),
    "restart_guest_agent_windows": Mend(("agent-hung",), restart=True),
    "add_defender_exclusions": Mend(("defender-scans",)),
    "delete_crp_certificates": Mend(("crp-certificates",), "ExtensionConfigParsingFailure"),
    "enable_iaasvmprovider_service": Mend(("iaasvmprovider-disabled",)),
    "install_vcredist": Mend(("vcredist-missing",), "ExtensionVCRedistInstallationFailure"),
    "repair_windows_installer": Mend(("installer-disabled",), again=True),
    "reset_machinekeys_acl": Mend(("machinekeys-closed",), "ExtensionConfigParsingFailure"),
    "set_strong_crypto": Mend(("strong-crypto-off",), "ExtensionSnapshotFailedNoSecureNetwork", restart=True),
    "deep_reinstall_vmsnapshot_windows": Mend(restart=True),
    "enable_dhcp_windows": Mend(("static-address",), restart=True, parameters=(("address", "10.0.0.4"),)),
    "reinstall_guest_agent_windows": Mend(("agent-outdated",), restart=True),
    "rename_gac_storage_assembly": Mend(("gac-storage",), "ExtensionCommandExecFailure"),
    "restore_extension_manifest": Mend(("manifest-missing",), "ExtensionOperationFailed"),
    "set_bits_no_proxy": Mend(("desktop-proxy",), "ExtensionFailedTimeoutDelayInNetwork"),
    "set_com_desktop_heap": Mend(("com-plus-heap",), "ExtensionInstallProviderCOMMemoryQuotaReached", restart=True),
}
CHANGING = [name for name in ACTIONS if not find_script(name).reads_only]


def machine_for(action):
    return guest(*MENDS[action].faults)


def sent(action, verb):
    return find_script(action).text(verb, dict(MENDS[action].parameters) if action in MENDS else {})


@pytest.mark.parametrize("action", ACTIONS)
def test_a_check_never_changes_anything(action):
    for machine in (guest(), machine_for(action) if action in MENDS else guest("com-plus-stopped")):
        before = canon(machine)
        ask(machine, sent(action, CHECK))
        assert canon(machine) == before


@pytest.mark.parametrize("action", CHANGING)
def test_an_action_mends_what_is_broken(action):
    mend, machine = MENDS[action], machine_for(action)
    assert not mend.ends or mend.ends in troubles(machine.machine)
    assert ask(machine, sent(action, CHECK))["needed"] is True
    done = ask(machine, sent(action, APPLY))
    assert (done["needed"], done["applied"], bool(done["changed"])) == (True, True, True)
    work_off(machine)
    assert (done["pending"] != "") == mend.restart
    if mend.restart:
        machine.boot()
    if done["pending"] == "agent restart":
        ask(machine, sent("restart_guest_agent_windows", APPLY))
        work_off(machine)
    assert not mend.ends or mend.ends not in troubles(machine.machine)


@pytest.mark.parametrize("action", [name for name in CHANGING if not MENDS[name].again])
def test_a_second_apply_changes_nothing(action):
    machine = machine_for(action)
    ask(machine, sent(action, APPLY))
    work_off(machine)
    after = canon(machine)
    again = ask(machine, sent(action, APPLY))
    assert (again["needed"], again["applied"], again["changed"]) == (False, True, [])
    assert canon(machine) == after


@pytest.mark.parametrize("action", [name for name in CHANGING if find_script(name).undo])
def test_undo_puts_everything_back_to_the_last_byte(action):
    machine = machine_for(action)
    before = canon(machine)
    ask(machine, sent(action, APPLY))
    assert canon(machine) != before
    assert ask(machine, sent(action, UNDO))["applied"] is True
    assert canon(machine) == before


@pytest.mark.parametrize("action", [name for name in CHANGING if not MENDS[name].again])
def test_nothing_is_needed_on_a_machine_that_was_mended(action):
    machine = machine_for(action)
    ask(machine, sent(action, APPLY))
    work_off(machine)
    assert ask(machine, sent(action, CHECK))["needed"] is False


@pytest.mark.parametrize(
    ("action", "faults"),
    [
        ("set_msdtc_network_service", ("msdtc-local-system", "cluster-node")),
        ("reinstall_msdtc", ("msdtc-damaged", "cluster-node")),
        ("reinstall_msdtc", ("msdtc-damaged", "sql-server")),
        ("set_vss_copy_backup", ()),
        ("enable_dhcp_windows", ("static-address", "cluster-node")),
        ("add_defender_exclusions", ("defender-passive",)),
        ("add_defender_exclusions", ("defender-absent",)),
        ("add_defender_exclusions", ("defender-policy",)),
    ],
)
def test_a_machine_that_must_not_be_touched_is_refused(action, faults):
    machine = guest(*faults)
    before = canon(machine)
    assert ask(machine, sent(action, APPLY), code=3)["refused"]
    assert canon(machine) == before


def change_state(machine, *way, value):
    part = machine.state
    for step in way[:-1]:
        part = part[step]
    part[way[-1]] = value


SUBSYSTEMS = "HKLM\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\\SubSystems"
RELEASE = "HKLM\\SOFTWARE\\Microsoft\\NET Framework Setup\\NDP\\v4\\Full"
LINE = guest().state["registry"][SUBSYSTEMS]["Windows"]["value"]
PLUGIN = "C:\\Packages\\Plugins\\Microsoft.Azure.RecoveryServices.VMSnapshot"
ODD = {
    "another address in Azure": (
        "enable_dhcp_windows", ("interfaces", "Ethernet", "addresses"), ["10.0.0.9"], "its address in Azure",
    ),
    "two addresses": (
        "enable_dhcp_windows", ("interfaces", "Ethernet", "addresses"), ["10.0.0.4", "10.0.0.5"], "may be only one",
    ),
    "two interfaces": (
        "enable_dhcp_windows", ("interfaces", "Backup"), {"dhcp": False, "addresses": ["10.1.0.4"]}, "2 interfaces",
    ),
    "a line of another form": (
        "set_com_desktop_heap", ("registry", SUBSYSTEMS, "Windows", "value"), f"{LINE} Odd=?", "unusual form",
    ),
    "a line of another type": (
        "set_com_desktop_heap", ("registry", SUBSYSTEMS, "Windows", "type"), "String", "of type String",
    ),
    "a larger heap": (
        "set_com_desktop_heap", ("registry", SUBSYSTEMS, "Windows", "value"), LINE.replace("20480,768", "20480,8192"),
        "larger already",
    ),
    "an old .NET": (
        "reinstall_guest_agent_windows", ("registry", RELEASE, "Release", "value"), 378388,
        "here the release is: 378388",
    ),
    "an assembly in use": (
        "rename_gac_storage_assembly",
        ("files", f"{GAC}\\x.dll"), {"in_use": True},
        "a program is using it",
    ),
    "a newer version without archive": (
        "restore_extension_manifest", ("files", f"{PLUGIN}\\1.0.90.0"), {"folder": True}, "no archive",
    ),
    "a snapshot being made": (
        "restart_vss_service", ("writers", "ASR Writer", "state"), "[3] Waiting for freeze", "a snapshot is being made",
    ),
}  # fmt: skip
"""Where something is odd about a machine that an action would mend, and what the refusal says."""


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_machine_is_refused_and_nothing_is_changed(odd):
    action, way, value, words = ODD[odd]
    machine = guest("sql-server") if action == "restart_vss_service" else machine_for(action)
    change_state(machine, *way, value=value)
    before = canon(machine)
    assert words in ask(machine, sent(action, APPLY), code=3)["refused"]
    assert canon(machine) == before


def test_an_address_that_nobody_told_is_no_reason_to_enable_dhcp():
    machine = machine_for("enable_dhcp_windows")
    text = find_script("enable_dhcp_windows").text(APPLY)
    assert "its address in Azure" in ask(machine, text, code=3)["refused"]


def test_an_address_that_dhcp_gives_otherwise_is_set_by_hand_again():
    machine = machine_for("enable_dhcp_windows")
    machine.state["interfaces"]["Ethernet"]["offered"] = "10.0.0.77"
    ask(machine, sent("enable_dhcp_windows", APPLY))
    work_off(machine)
    told = ask(machine, sent("enable_dhcp_windows", CHECK))
    assert (told["needed"], told["found"]["result"]["ok"]) == (True, False)
    assert machine.state["interfaces"]["Ethernet"]["addresses"] == ["10.0.0.4"]


def test_the_backup_extension_is_cleared_away_and_the_agent_runs_again():
    machine = guest()
    ask(machine, sent("deep_reinstall_vmsnapshot_windows", APPLY))
    assert machine.agent_reports()
    work_off(machine)
    assert machine.agent_reports()
    assert machine.machine.file(PLUGIN) is None
    assert machine.machine.file(f"{PLUGIN}_old") is not None
    handlers = [key for key in machine.state["registry"] if "HandlerState\\" in key]
    assert [key.rpartition("\\")[2] for key in handlers] == ["Microsoft.Compute.CustomScriptExtension_1.10.15"]


def test_com_plus_and_the_coordinator_are_only_started_where_that_is_enough():
    machine = guest("msdtc-stopped", "com-plus-stopped")
    told = ask(machine, sent("reinstall_msdtc", APPLY))
    assert [one["after"] for one in told["changed"]] == ["started; not installed anew"]


def parts(verb):
    """The kinds that have a function of that verb in the scripts."""
    texts = (path.read_text(encoding="ascii") for path in (HERE / WINDOWS / "parts").glob("*.ps1"))
    what = "Item" if verb in {"Test", "Set"} else "Entry"
    return {
        kind.lower() for text in texts for kind in re.findall(rf"^function {verb}-(\w+){what} ", text, re.MULTILINE)
    }


@pytest.mark.parametrize(
    ("verb", "known"),
    [("Test", table.DIFFERS), ("Set", table.SETS), ("Undo", table.UNDOS), ("Confirm", table.CONFIRMS)],
)
def test_the_simulator_knows_exactly_the_kinds_that_the_scripts_know(verb, known):
    idle = {table.LOOK, table.REFUSE} if verb == "Set" else {table.REFUSE}
    assert parts(verb) - idle == {kind.replace("_", "") for kind in known if kind not in idle}


def test_the_simulator_knows_exactly_the_conditions_that_the_scripts_know():
    text = (HERE / WINDOWS / "common.ps1").read_text(encoding="ascii")
    body = re.search(r"^function Test-Condition {$(.*?)^}$", text, re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"^        '(\w+)' \{", body[1], re.MULTILINE)) == set(table.CONDITIONS)
