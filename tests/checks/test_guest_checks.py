"""What the checks make of what a script has told from inside the VM: well, amiss, missing, and nonsense."""

from __future__ import annotations

import copy
import json
import re
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from arm.facts.backup import Protection
from arm.facts.collect import VmFacts
from arm.facts.compute import VirtualMachine
from arm.facts.fleet import KnownFacts
from arm.facts.graph import VmReference
from arm.facts.guest import MOST_CHARACTERS, MOST_ITEMS, GuestFacts
from arm.facts.inventory import SqlMachine
from arm.facts.monitor import Metric
from arm.facts.network import IpConfiguration, NetworkInterface
from runbooks import agent_causes
from runbooks.checks import CHECKS, Status, Where, look
from runbooks.checks.guest import LET_LOOK
from runbooks.model import Standing
from simulator.guest.windows import healthy
from simulator.guest.windows_machine import Machine
from simulator.guest.windows_probe import guest_found

from ..drill import Drill

FOLDER = Path(__file__).with_name("guest")
ROOT = Path(__file__).resolve().parents[2]
VM = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/web-01"
THEN = datetime(2026, 3, 2, tzinfo=timezone.utc)
SYSTEMS = ("linux", "windows")
UNHURRIED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
PLENTY = settings(suppress_health_check=UNHURRIED, max_examples=150, deadline=None)


def load(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


HEALTHY = {system: load(f"{system}_healthy") for system in SYSTEMS}
CASES = [(system, *case.values()) for system in SYSTEMS for case in load(f"{system}_cases")]
BOTH = ("PENDING-REBOOT", "AGENT-RUNNING", "AGENT-VERSION", "WIRESERVER", "PROXY", "DNS", "DHCP", "STATUS-MISMATCH")
ALL = (*BOTH, "LOAD", "LOGS", "ROOT-SPACE", "TIME-SYNC")
ASKED = {
    "linux": (*ALL, "PYTHON", "WAAGENT-CONF", "FILESYSTEMS", "VMBACKUP-CONF", "SELINUX", "SCRIPTS"),
    "windows": (
        *(*ALL, "DOTNET", "IAASVMPROVIDER", "COM-MSDTC", "VSS", "ANTIVIRUS", "APPLOCKER", "SQL-VSS"),
        *("MACHINEKEYS", "STRONG-CRYPTO", "VCREDIST", "BITLOCKER"),
    ),
}
NEEDED = load("needed")
"""What each check cannot pass without, where Azure itself cannot tell; behind a slash, a name in an object."""


def azure(system: str, *, silent: bool = False, **more: Any) -> dict[str, Any]:
    """What Azure tells of a running VM; of a silent one nothing that answers a check which the guest can answer."""
    agent = {} if silent else {"agent_status": "Ready", "agent_version": HEALTHY[system]["agent_version"]}
    vm = {
        "os_type": system.capitalize(),
        "provisioning_state": "Succeeded",
        "power_state": "running",
        "agent_status": "",
        **agent,
        **more,
    }
    address = IpConfiguration("ipconfig1", "10.0.0.4", "Dynamic", "", "", primary=True)
    servers = ("10.0.0.53",) if silent else ("168.63.129.16",)
    return {
        "vm": VirtualMachine(id=VM, name="web-01", location="westeurope", unique_id="", tags={}, **vm),
        "nics": (NetworkInterface("/nics/nic", "nic", "westeurope", "", VM, True, (address,), "", False, servers),),
        "virtual_networks": (),
        "protection": Protection("", ""),
        "recent_jobs": (),
        "load": (),
        "sql_vm": None,
    }


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    with ExitStack() as stack:
        facts = Drill("healthy", tmp_path_factory.mktemp("guest"), stack).facts()
        facts.vm()  # from now on, Azure's time is known
        yield facts.session


@pytest.fixture
def looked(session):
    """Make the facts of a VM into which a script has looked, and has told this."""

    def make(system: str, found: Any, known: dict[str, Any] | None = None, at: datetime = THEN) -> VmFacts:
        facts = KnownFacts(session, VmReference(VM), known or azure(system))
        facts.tell_guest(GuestFacts(system, found, at))
        return facts

    return make


def without(system: str, path: str) -> dict[str, Any]:
    """A healthy guest that does not tell one thing."""
    found = copy.deepcopy(HEALTHY[system])
    name, _, inner = path.partition("/")
    del (found[name] if inner else found)[inner or name]
    return found


def but(system: str, told: dict[str, Any]) -> dict[str, Any]:
    """A healthy guest but for what is told otherwise; behind a slash, a name in an object."""
    found = copy.deepcopy(HEALTHY[system])
    for path, value in told.items():
        name, _, inner = path.partition("/")
        assert name in found
        (found[name] if inner else found)[inner or name] = value
    return found


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_check_of_the_guest_passes_in_a_healthy_one(looked, system):
    facts = looked(system, HEALTHY[system])
    results = [look(name, facts) for name in ASKED[system]]
    assert [one for one in results if one.status is not Status.PASS] == []
    assert all(one.inside == "" and one.saw for one in results)


def test_the_simulated_windows_on_which_everything_works_passes_every_check(looked):
    found = guest_found(Machine(healthy()))
    assert set(found) == set(HEALTHY["windows"])
    results = [look(name, looked("windows", found)) for name in ASKED["windows"]]
    assert [one for one in results if one.status is not Status.PASS] == []


def test_the_linux_probe_tells_what_the_checks_know():
    text = (ROOT / "actions" / "guest" / "linux" / "check_guest_linux.sh").read_text(encoding="utf-8")
    told = re.findall(r"^ +(?:text|number|flag|lines|found_text|found_object) (\w+)", text, re.MULTILINE)
    assert set(told) == set(HEALTHY["linux"])


def test_every_check_that_the_guest_can_answer_is_asked_here_on_its_system():
    asked = {f"CHK-{name}": {system for system in SYSTEMS if name in ASKED[system]} for name in sum(ASKED.values(), ())}
    wanted = {one.id: {one.os} if one.os else set(SYSTEMS) for one in CHECKS if one.where is not Where.ARM}
    assert asked == wanted
    for system in SYSTEMS:
        assert {case[1] for case in CASES if case[0] == system} == {f"CHK-{name}" for name in ASKED[system]}
        assert set(NEEDED[system]) == set(ASKED[system]) - {"STATUS-MISMATCH"}


@pytest.mark.parametrize(("system", "check", "told", "status", "saw"), CASES)
def test_a_check_tells_what_was_seen_inside(looked, system, check, told, status, saw):
    result = look(check, looked(system, but(system, told)))
    assert (result.status.value, saw in result.saw) == (status, True), result


@pytest.mark.parametrize("system", SYSTEMS)
def test_nobody_has_looked_means_unknown_with_the_way_to_let_a_script_look(session, system):
    facts = KnownFacts(session, VmReference(VM), azure(system))
    for one in CHECKS:
        if one.where is Where.GUEST and one.os in ("", system):
            result = look(one.id, facts)
            assert (result.status, result.saw) == (Status.UNKNOWN, "only visible inside the VM")
            assert result.inside == f"{one.inside}; {LET_LOOK}"


@pytest.mark.parametrize(
    ("system", "check", "path"),
    [(system, check, path) for system in SYSTEMS for check, paths in NEEDED[system].items() for path in paths],
)
def test_no_check_passes_for_what_was_not_told(looked, system, check, path):
    known = azure(system, silent=True)
    assert look(check, looked(system, without(system, path), known)).status is not Status.PASS
    name, _, inner = path.partition("/")
    right = HEALTHY[system][name][inner] if inner else HEALTHY[system][name]
    for odd in (None, [], {}, "\x00", 10**400, 1.5, [None], {"": None}):
        if (type(odd) is not type(right) or odd in ("\x00", [None])) and (check, path, odd) not in ODD:
            facts = looked(system, but(system, {path: odd}), known)
            assert look(check, facts).status is not Status.PASS, odd


ODD = [
    ("VMBACKUP-CONF", "vmbackup_ascii", None),
    *(
        (check, name, "\x00")
        for check, name in (("PROXY", "http_proxy"), ("PROXY", "proxy"), ("LOGS", "extension_log"))
    ),
]
"""What is no value of the right kind, and means all the same that all is well."""


@pytest.mark.parametrize("found", [{}, [], None, "x", 7])
@pytest.mark.parametrize("system", SYSTEMS)
def test_nothing_told_is_the_same_as_nothing_known(looked, system, found):
    facts = looked(system, found)
    for one in CHECKS:
        if one.where is Where.GUEST and one.os in ("", system):
            assert look(one.id, facts).status is Status.UNKNOWN
            assert look(one.id, facts).inside == one.inside
    for name in ("AGENT-RUNNING", "AGENT-VERSION", "DNS"):
        assert "inside the VM" not in look(name, facts).saw


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=400),
    lambda inner: st.lists(inner, max_size=60) | st.dictionaries(st.text(max_size=20), inner, max_size=5),
    max_leaves=30,
)
NAMES = sorted({*HEALTHY["linux"], *HEALTHY["windows"]})


@PLENTY
@given(system=st.sampled_from(SYSTEMS), found=JSON | st.dictionaries(st.sampled_from(NAMES), JSON))
def test_whatever_a_guest_tells_no_check_raises_and_what_it_saw_stays_short_and_printable(looked, system, found):
    facts = looked(system, found)
    for name in ASKED[system]:
        result = look(name, facts)
        assert len(result.saw) < 4000
        assert result.saw.isprintable()


@PLENTY
@given(data=st.data())
def test_a_pass_rests_on_values_of_the_right_kind(looked, data):
    system = data.draw(st.sampled_from(SYSTEMS))
    names = data.draw(st.sets(st.sampled_from(sorted(HEALTHY[system])), min_size=1, max_size=6))
    found = {**HEALTHY[system], **{name: data.draw(JSON, label=name) for name in names}}
    facts = looked(system, found, azure(system, silent=True))
    for check, paths in NEEDED[system].items():
        if look(check, facts).status is Status.PASS:
            for name in {path.partition("/")[0] for path in paths}:
                assert type(found[name]) is type(HEALTHY[system][name]), (check, name)


def test_a_guest_that_an_agent_does_not_report_for_is_up_if_a_script_ran_there_lately(looked):
    known = azure("linux", agent_status="Not Ready", agent_message="status blob not populated.")
    now = looked("linux", HEALTHY["linux"]).azure_now
    lately = look("STATUS-MISMATCH", looked("linux", HEALTHY["linux"], known, now - timedelta(minutes=30)))
    long_ago = look("STATUS-MISMATCH", looked("linux", HEALTHY["linux"], known, now - timedelta(minutes=31)))
    assert (lately.status, long_ago.status) == (Status.PASS, Status.WARN)
    assert "Not Ready (status blob not populated)" in lately.saw
    assert "shut down from inside; a script ran inside the VM at" in long_ago.saw


@pytest.mark.parametrize("system", SYSTEMS)
def test_an_agent_that_runs_but_does_not_report_fails_with_both_answers(looked, system):
    known = azure(system, agent_status="Not Ready")
    result = look("AGENT-RUNNING", looked(system, HEALTHY[system], known))
    assert result.status is Status.FAIL
    assert result.saw.startswith("agent Not Ready, version ")
    assert result.saw.endswith("; the two contradict each other")


def test_what_ran_before_says_nothing_of_the_agent_of_a_vm_that_is_off(looked):
    known = azure("linux", power_state="deallocated")
    result = look("AGENT-RUNNING", looked("linux", HEALTHY["linux"], known))
    assert (result.status, "inside the VM" in result.saw) == (Status.UNKNOWN, False)
    gone = look("STATUS-MISMATCH", looked("linux", HEALTHY["linux"], known))
    assert (gone.status, "deallocated; before that, a script ran" in gone.saw) == (Status.PASS, True)


def test_the_version_that_the_guest_tells_counts_where_azure_knows_none(looked):
    known = azure("linux", silent=True)
    old = look("AGENT-VERSION", looked("linux", {"agent_version": "2.2.40"}, known))
    new = look("AGENT-VERSION", looked("linux", {"agent_version": "WALinuxAgent-2.2.41"}, known))
    assert (old.status, new.status) == (Status.FAIL, Status.PASS)
    assert new.saw == "the agent has not reported its version; inside the VM: Linux agent WALinuxAgent-2.2.41"


def test_a_new_package_does_not_excuse_an_old_agent_that_still_runs(looked):
    known = azure("linux", agent_status="Ready", agent_version="2.2.40")
    result = look("AGENT-VERSION", looked("linux", HEALTHY["linux"], known))
    assert (result.status, "2.9.1.1" in result.saw) == (Status.FAIL, True)


def test_several_addresses_excuse_a_guest_without_dhcp(looked):
    known = azure("windows")
    nic = known["nics"][0]
    second = IpConfiguration("ipconfig2", "10.0.0.5", "Static", "", "", primary=False)
    known["nics"] = (replace(nic, configurations=(*nic.configurations, second)),)
    result = look("DHCP", looked("windows", {"dhcp": {"Ethernet": False}}, known))
    assert (result.status, "they are often set in the guest by hand; inside the VM: DHCP is off" in result.saw) == (
        Status.WARN,
        True,
    )
    assert look("DHCP", looked("windows", {"dhcp": {"Ethernet": True}}, known)).status is Status.PASS


@pytest.mark.parametrize(
    ("told", "auto_backup", "status", "saw"),
    [
        ({"sql": ["MSSQLSERVER"], "vss_copy_backup": "", "vss_full_backup": ""}, False, "pass", "neither"),
        ({"sql": ["MSSQLSERVER"], "vss_copy_backup": "TRUE", "vss_full_backup": ""}, True, "warn", "may delay"),
        ({"sql": []}, False, "warn", "no SQL Server runs inside it: the two contradict each other"),
        ({}, False, "pass", "registered as a SQL VM"),
    ],
)
def test_a_registered_sql_vm_is_judged_by_both_answers(looked, told, auto_backup, status, saw):
    sql = SqlMachine("/sql", "Full", "SQL2022-WS2022", "PAYG", auto_backup)
    result = look("SQL-VSS", looked("windows", told, {**azure("windows"), "sql_vm": sql}))
    assert (result.status.value, saw in result.saw) == (status, True), result


def test_measurements_of_the_backup_count_for_more_than_a_look_at_another_time(looked):
    known = {**azure("linux"), "load": (Metric("Percentage CPU", "Percent", ((THEN, 5.0),)),)}
    result = look("LOAD", looked("linux", {"cpu_percent": 99, "memory_percent": 99}, known))
    assert (result.status, "CPU 5 %" in result.saw) == (Status.PASS, True)


CAUSES = [
    ("linux", agent_causes.guest_path, {"wireserver": {"80": False, "32526": True}}),
    ("windows", agent_causes.guest_path, {"wireserver": {"80": True, "32526": False}}),
    ("linux", agent_causes.agent_settings_wrong, {"extensions_enable": "n"}),
    ("windows", agent_causes.application_control, {"app_control": ["IaaSBcdrExtension.exe was blocked"]}),
]


@pytest.mark.parametrize(("system", "cause", "amiss"), CAUSES, ids=[f"{row[0]}-{row[1].__name__}" for row in CAUSES])
def test_a_look_inside_finds_a_cause_or_rules_it_out(looked, system, cause, amiss):
    known = azure(system, agent_status="Not Ready")
    assert cause(looked(system, {**HEALTHY[system], **amiss}, known)).standing is Standing.FOUND
    assert cause(looked(system, HEALTHY[system], known)).standing is Standing.RULED_OUT
    assert cause(looked(system, {}, known)).standing is Standing.POSSIBLE


def test_a_look_inside_outlives_what_is_forgotten(looked):
    facts = looked("linux", HEALTHY["linux"])
    facts.refresh()
    assert facts.guest() == GuestFacts("linux", HEALTHY["linux"], THEN)


def test_what_a_guest_tells_is_bounded_and_fit_to_be_shown():
    link = "https://x.blob.core.windows.net/c?sv=1&sig=abc%2F&se=2 \x1b[31mred\n"
    told = GuestFacts(
        "linux",
        {
            "long": "x" * 9999,
            "many": ["y"] * 9999,
            "link": link,
            "large": 10**30,
            "flag": True,
            "odd": {"a": {"b": 1}, "c": "d", "e": None, "f": 10**30},
            "proxy": "http://me:secret@proxy:8080",
        },
        THEN,
    )
    assert len(told.text("long") or "") == MOST_CHARACTERS
    assert len(told.texts("many")) == MOST_ITEMS
    assert told.text("link") == "https://x.blob.core.windows.net/c?sv=1&sig=***&se=2  [31mred "
    assert told.text("proxy") == "http://***@proxy:8080"
    assert (told.number("large"), told.number("flag"), told.flag("flag")) == (None, None, True)
    assert (told.mapping("odd"), told.mapped("odd")) == ({"c": "d"}, None)
    assert (told.mapped("flag"), told.listed("flag"), told.texts("flag"), told.null("flag")) == (None, None, (), False)
