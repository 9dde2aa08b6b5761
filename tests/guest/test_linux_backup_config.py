"""The scripts for the files in /etc/azure, run for real. Python's own configparser and json, with which the backup
extension reads these files, say whether the result is right."""

from __future__ import annotations

import configparser
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions.guest.scripts import find_script
from arm.errors import UsageError

from .guestroot import RECORD, GuestRoot, Ran, matches

Guest = Callable[..., GuestRoot]
CONF, JSON = "/etc/azure/vmbackup.conf", "/etc/azure/VMSnapshotScriptPluginConfig.json"
SKIP, SEQUENTIAL, NOT_FAILED = "set_mounts_to_skip", "set_sequential_snapshot", "set_isanysnapshotfailed_false"
ENCODING, RIGHTS, TIMEOUT = "fix_vmbackup_conf_encoding", "fix_script_permissions", "set_script_timeout"
VALIDATE = "validate_script_config"
TEMPLATE = "/var/lib/waagent/Microsoft.Azure.RecoveryServices.VMSnapshotLinux-{}/main/tempPlugin/vmbackup.conf"
AWKS = [one for one in ("mawk", "gawk", "gawk --posix", "busybox awk", "original-awk") if shutil.which(one.split()[0])]


def ok(ran: Ran) -> dict[str, Any]:
    assert ran.status == 0, (ran.output, ran.errors)
    return ran.answer


def refused(ran: Ran, why: str) -> None:
    """Prove that it was refused with these words, and that nothing was touched."""
    assert ran.status == 3, (ran.output, ran.errors)
    assert why in ran.answer["refused"]
    assert (ran.touched, ran.answer["applied"], ran.answer["changed"]) == ((), False, [])
    assert set(ran.record) <= {RECORD, f"{RECORD}/lock"}


def all_of_it(root: GuestRoot, action: str, touched: set[str], **parameters: str) -> bytes:
    """Check, apply, check, apply again, undo: only ``touched`` changes, and all is as it was. Returns CONF or JSON."""
    before = root.state()
    seen = root.run(action, "check", parameters)
    assert (ok(seen)["needed"], seen.answer["applied"], seen.touched, seen.record) == (True, False, (), ())
    applied = root.run(action, "apply", parameters)
    assert (ok(applied)["needed"], applied.answer["applied"]) == (True, True)
    assert applied.answer["changed"]
    assert set(applied.touched) == touched
    assert [one for one in touched if one in (CONF, JSON) and not matches(one, find_script(action).touches)] == []
    [path] = {CONF, JSON} & touched or {JSON}
    result = root.at(path).read_bytes()
    again = root.run(action, "check", parameters)
    assert (ok(again)["needed"], again.answer["applied"], again.answer["found"]["recorded"]) == (False, True, True)
    twice = root.run(action, "apply", parameters)
    assert (ok(twice)["needed"], twice.answer["applied"], twice.touched, twice.record) == (False, True, (), ())
    undone = root.run(action, "undo", parameters)
    assert (ok(undone)["applied"], set(undone.touched)) == (True, touched)
    after = root.state()
    differs = {one for one in before.keys() | after.keys() if before.get(one) != after.get(one)}
    assert differs <= {RECORD, f"{RECORD}/lock"}
    return result


def read(text: bytes) -> dict[str, dict[str, str]]:
    """Read a vmbackup.conf as the extension does."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(text.decode("ascii").replace("\r\n", "\n"))
    return {name: dict(parser[name]) for name in parser.sections()}


# ---- vmbackup.conf: one key in [SnapshotThread] -----------------------------------------------------------------

MERGED = {
    "the extension's own": (
        b"[SnapshotThread]\n\n# a comment\nfsfreeze: True\n\n# MountsToSkip:\n\n# last\n\n",
        b"[SnapshotThread]\n\n# a comment\nfsfreeze: True\nMountsToSkip = /data\n\n# MountsToSkip:\n\n# last\n\n",
    ),
    "an empty file": (b"", b"[SnapshotThread]\nMountsToSkip = /data\n"),
    "comments only": (b"# nothing\n; here\n", b"# nothing\n; here\n\n[SnapshotThread]\nMountsToSkip = /data\n"),
    "an empty section": (b"[SnapshotThread]\n", b"[SnapshotThread]\nMountsToSkip = /data\n"),
    "another section": (
        b"[Monitor]\nRun = False\n",
        b"[Monitor]\nRun = False\n\n[SnapshotThread]\nMountsToSkip = /data\n",
    ),
    "a section in another case": (
        b"[snapshotthread]\na = 1\n",
        b"[snapshotthread]\na = 1\n\n[SnapshotThread]\nMountsToSkip = /data\n",
    ),
    "sections around it": (
        b"[A]\nx = 1\n[SnapshotThread]\ntimeout = 60\n\n[B]\nx = 2\n",
        b"[A]\nx = 1\n[SnapshotThread]\ntimeout = 60\nMountsToSkip = /data\n\n[B]\nx = 2\n",
    ),
    "no line end": (b"[SnapshotThread]\nfsfreeze: True", b"[SnapshotThread]\nfsfreeze: True\nMountsToSkip = /data"),
    "Windows line ends": (
        b"[SnapshotThread]\r\nfsfreeze: True\r\n\r\n[B]\r\n",
        b"[SnapshotThread]\r\nfsfreeze: True\r\nMountsToSkip = /data\r\n\r\n[B]\r\n",
    ),
    "Windows line ends and no last one": (
        b"# c\r\n[A]\r\nx=1",
        b"# c\r\n[A]\r\nx=1\r\n\r\n[SnapshotThread]\r\nMountsToSkip = /data",
    ),
    "another mount": (
        b"[SnapshotThread]\nMountsToSkip = /mnt/resource\n",
        b"[SnapshotThread]\nMountsToSkip = /mnt/resource,/data\n",
    ),
    "another mount, in another way": (
        b"[SnapshotThread]\nMOUNTSTOSKIP:/mnt/resource  \r\nfsfreeze:True\n",
        b"[SnapshotThread]\nMOUNTSTOSKIP:/mnt/resource,/data\r\nfsfreeze:True\n",
    ),
    "a list with blanks, which has no effect": (
        b"[SnapshotThread]\nMountsToSkip = /a, /data , /b\n",
        b"[SnapshotThread]\nMountsToSkip = /a, /data , /b,/data\n",
    ),
    "a list with a comma at its end": (
        b"[SnapshotThread]\nMountsToSkip = /a,\n",
        b"[SnapshotThread]\nMountsToSkip = /a,/data\n",
    ),
    "a list of two lines": (
        b"[SnapshotThread]\nMountsToSkip = /a,\n  /b\nfsfreeze = True\n",
        b"[SnapshotThread]\nMountsToSkip = /a,\n  /b,/data\nfsfreeze = True\n",
    ),
    "a list with a comment in between": (
        b"[SnapshotThread]\nMountsToSkip = /a,\n# why\n  /b\n",
        b"[SnapshotThread]\nMountsToSkip = /a,\n# why\n  /b,/data\n",
    ),
    "no value": (b"[SnapshotThread]\nMountsToSkip =\n", b"[SnapshotThread]\nMountsToSkip = /data\n"),
    "a colon only": (b"[SnapshotThread]\nMountsToSkip:\nx:1\n", b"[SnapshotThread]\nMountsToSkip: /data\nx:1\n"),
    "the key twice": (
        b"[SnapshotThread]\nMountsToSkip = /a\nfsfreeze: True\nmountstoskip = /b\n",
        b"[SnapshotThread]\nMountsToSkip = /a,/b,/data\nfsfreeze: True\n",
    ),
    "the key twice, with the mount": (
        b"[SnapshotThread]\nMountsToSkip = /a\nMountsToSkip = /data\n",
        b"[SnapshotThread]\nMountsToSkip = /a,/data\n",
    ),
    "the key in another section": (
        b"[Monitor]\nMountsToSkip = /x\n[SnapshotThread]\nfsfreeze: True\n",
        b"[Monitor]\nMountsToSkip = /x\n[SnapshotThread]\nfsfreeze: True\nMountsToSkip = /data\n",
    ),
    "the name of it within another": (
        b"[SnapshotThread]\nMountsToSkipX = 1\n#MountsToSkip = /data\n",
        b"[SnapshotThread]\nMountsToSkipX = 1\nMountsToSkip = /data\n#MountsToSkip = /data\n",
    ),
    "settings that are indented": (
        b"[SnapshotThread]\n  fsfreeze: True\n  timeout = 60\n[B]\n",
        b"[SnapshotThread]\n  fsfreeze: True\n  timeout = 60\n  MountsToSkip = /data\n[B]\n",
    ),
    "hostile text": (
        b"[SnapshotThread]\nx = $(touch /tmp/owned)`id` %s \\n & \\1 \"'\n",
        b"[SnapshotThread]\nx = $(touch /tmp/owned)`id` %s \\n & \\1 \"'\nMountsToSkip = /data\n",
    ),
    "a huge file": (
        b"# " + b"x" * 70 + b"\n" + b"[SnapshotThread]\n" + b"".join(b"k%d = v\n" % one for one in range(5000)),
        b"# " + b"x" * 70 + b"\n" + b"[SnapshotThread]\n" + b"".join(b"k%d = v\n" % one for one in range(5000))
        + b"MountsToSkip = /data\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MERGED)
def test_a_mount_point_is_added_and_everything_else_stays(guest: Guest, case: str) -> None:
    root = guest()
    before, after = MERGED[case]
    root.write(CONF, before, 0o640, (0, 65534))
    root.shell("mkdir /data; mount -t tmpfs data /data")
    assert all_of_it(root, SKIP, {CONF}, mounts="/data") == after
    assert "/data" in read(after)["SnapshotThread"]["mountstoskip"].split(",")
    if "twice" not in case:
        was, now = read(before), read(after)
        was.setdefault("SnapshotThread", {}).pop("mountstoskip", None)
        now["SnapshotThread"].pop("mountstoskip")
        assert now == was


@pytest.mark.parametrize("awk", AWKS)
def test_every_awk_reads_and_writes_alike(guest: Guest, awk: str) -> None:
    root = guest()
    root.tool("awk", f'#!/bin/sh\nexec {awk} "$@"\n')
    root.shell("mkdir /data; mount -t tmpfs data /data")
    for before, after in MERGED.values():
        root.write(CONF, before)
        ran = root.run(SKIP, "apply", {"mounts": "/data"})
        assert (ok(ran)["applied"], root.at(CONF).read_bytes()) == (True, after)
        ok(root.run(SKIP, "undo"))
    for before, after in ENCODED.values():
        root.write(CONF, before)
        ok(root.run(ENCODING, "apply"))
        assert root.at(CONF).read_bytes() == after
        ok(root.run(ENCODING, "undo"))
    root.write(JSON, '{"x":"\\"\\u65e5\\ud83d\\ude00 日","timeout\\u0049nSeconds":7,"y":[{"z":-1.5e3}]}')
    assert ok(root.run(TIMEOUT, "apply", {"seconds": "60"}))["applied"] is True
    assert json.loads(root.read(JSON))["timeoutInSeconds"] == 60


def test_mode_owner_and_links_of_the_file_stay(root: GuestRoot) -> None:
    root.write(CONF, "[SnapshotThread]\n", 0o604, (0, 65534))
    assert ok(root.run(SEQUENTIAL, "apply"))["applied"] is True
    seen = root.at(CONF).stat()
    assert (oct(seen.st_mode), seen.st_uid, seen.st_gid) == ("0o100604", 0, 65534)
    assert [one.name for one in root.at("/etc/azure").iterdir()] == ["vmbackup.conf"]


def test_several_mount_points_are_added_and_those_that_are_there_stay_once(guest: Guest) -> None:
    root = guest()
    root.write(CONF, "[SnapshotThread]\nMountsToSkip = /b\n")
    for name in ("a", "b", "c d"):
        root.at(f"/{name}").mkdir()
        root.shell(f"mount -t tmpfs x '/{name}'")
    wanted = "/a,/b,/c d,/a"
    result = all_of_it(root, SKIP, {CONF}, mounts=wanted)
    assert result == b"[SnapshotThread]\nMountsToSkip = /b,/a,/c d\n"


@pytest.mark.parametrize("value", ["2", "0", "1", "", "2 and more"])
def test_snapshots_one_after_the_other(guest: Guest, value: str) -> None:
    root = guest()
    root.write(CONF, f"[SnapshotThread]\nfsfreeze: True\nseqsnapshot = {value}\n# end\n")
    if value == "2":
        assert ok(root.run(SEQUENTIAL, "apply"))["needed"] is False
        return
    result = all_of_it(root, SEQUENTIAL, {CONF})
    assert result == b"[SnapshotThread]\nfsfreeze: True\nseqsnapshot = 2\n# end\n"


def test_a_value_of_two_lines_becomes_one(guest: Guest) -> None:
    root = guest()
    root.write(CONF, "[SnapshotThread]\nseqsnapshot = 0\n  more\n  and more\nx = 1\n")
    assert all_of_it(root, SEQUENTIAL, {CONF}) == b"[SnapshotThread]\nseqsnapshot = 2\nx = 1\n"


@pytest.mark.parametrize(("value", "needed"), [("True", True), ("yes", True), ("False", False), ("false", False)])
def test_no_snapshot_counts_as_failed(guest: Guest, value: str, needed: bool) -> None:
    root = guest()
    root.write(CONF, f"[SnapshotThread]\nIsAnySnapshotFailed: {value}\nseqsnapshot = 1\n")
    if not needed:
        assert ok(root.run(NOT_FAILED, "apply"))["needed"] is False
        return
    result = all_of_it(root, NOT_FAILED, {CONF})
    assert result == b"[SnapshotThread]\nIsAnySnapshotFailed: False\nseqsnapshot = 1\n"


@pytest.mark.parametrize("before", [None, b"[SnapshotThread]\nfsfreeze: True\n", b""])
def test_where_nothing_says_that_a_snapshot_failed_nothing_is_changed(guest: Guest, before: bytes | None) -> None:
    root = guest()
    if before is not None:
        root.write(CONF, before)
    ran = root.run(NOT_FAILED, "apply")
    assert (ok(ran)["needed"], ran.touched) == (False, ())


def test_a_missing_file_is_made_from_the_newest_one_that_the_extension_brings(root: GuestRoot) -> None:
    for version in ("1.0.9170.0", "1.0.10000.0", "1.0.9182.0"):
        root.write(TEMPLATE.format(version), f"# {version}\n[SnapshotThread]\nfsfreeze: True\n")
    result = all_of_it(root, SEQUENTIAL, {"/etc/azure", CONF})
    assert result == b"# 1.0.10000.0\n[SnapshotThread]\nfsfreeze: True\nseqsnapshot = 2\n"


@pytest.mark.parametrize("template", [b"\xff\xfe[\x00", b"no section = 1\n", None])
def test_without_a_file_to_begin_with_a_new_one_has_nothing_but_the_key(guest: Guest, template: bytes | None) -> None:
    root = guest()
    root.shell("mkdir /etc/azure")
    if template:
        root.write(TEMPLATE.format("1.0.9182.0"), template)
    assert all_of_it(root, SEQUENTIAL, {CONF}) == b"[SnapshotThread]\nseqsnapshot = 2\n"
    ok(root.run(SEQUENTIAL, "apply"))
    assert oct(root.at(CONF).stat().st_mode) == "0o100644"


UNREADABLE = {
    "a setting before any section": (b"a = 1\n[SnapshotThread]\n", "line 1 stands before the first section"),
    "a line that is nothing": (b"[SnapshotThread]\nnothing\n", "line 2 is neither a section nor a setting"),
    "no name": (b"[SnapshotThread]\n= 1\n", "line 2 is neither a section nor a setting"),
    "a section twice": (b"[SnapshotThread]\n[B]\n[SnapshotThread]\n", "section [SnapshotThread] stands there twice"),
    "another key twice": (b"[SnapshotThread]\nA = 1\na = 2\n", "a stands twice in section [SnapshotThread]"),
    "the key for all sections": (b"[DEFAULT]\nseqsnapshot = 1\n", "seqsnapshot stands in section [DEFAULT]"),
    "a comment behind the value": (b"[SnapshotThread]\nseqsnapshot = 1 ; so\n", "a comment stands behind the value"),
    "UTF-16": ("[SnapshotThread]\n".encode("utf-16"), "is not ASCII: convert it first"),
    "a byte order mark": (b"\xef\xbb\xbf[SnapshotThread]\n", "is not ASCII: convert it first"),
    "zero bytes": (b"[SnapshotThread]\n\x00", "is not ASCII: convert it first"),
    "too large": (b"#" * 1048577, "larger than 1 MiB"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_the_extension_cannot_read_or_no_file_should_hold_is_left_alone(guest: Guest, case: str) -> None:
    root = guest()
    text, why = UNREADABLE[case]
    root.write(CONF, text)
    seen = ok(root.run(SEQUENTIAL, "check"))
    assert (seen["needed"], why in seen["found"]["would_refuse"]) == (True, True)
    refused(root.run(SEQUENTIAL, "apply"), why)


@pytest.mark.parametrize("case", [one for one in UNREADABLE if "comment" not in one and "all sections" not in one])
def test_the_extension_s_own_reader_rejects_the_same_files(case: str) -> None:
    text = UNREADABLE[case][0]
    if case == "too large":
        return
    with pytest.raises((configparser.Error, UnicodeError)):
        read(text.replace(b"\x00", b"\xff"))


@pytest.mark.parametrize("action", [SEQUENTIAL, ENCODING])
def test_a_link_or_a_directory_in_its_place_is_left_alone(guest: Guest, action: str) -> None:
    root = guest()
    root.write("/home/conf", "[SnapshotThread]\n\xe9\n")
    root.shell(f"mkdir -p /etc/azure; ln -s /home/conf {CONF}")
    ran = root.run(action, "apply")
    assert (ran.status, ran.touched) == (3, ())
    root.shell(f"rm {CONF}; mkdir {CONF}")
    ran = root.run(action, "apply")
    assert (ran.status, ran.touched) == (3, ())


@pytest.mark.parametrize("action", [SKIP, SEQUENTIAL, NOT_FAILED, ENCODING])
def test_while_a_backup_is_at_work_the_file_stays(guest: Guest, action: str) -> None:
    root = guest()
    text = b"[SnapshotThread]\nisanysnapshotfailed = True\n" + (b"# \xc3\xa9\n" if action == ENCODING else b"")
    root.write(CONF, text)
    root.shell("mkdir /data; mount -t tmpfs data /data")
    root.process("python3 /var/lib/waagent/Microsoft.Azure.RecoveryServices.VMSnapshotLinux-1.0.9182.0/main/handle.py")
    refused(root.run(action, "apply", {"mounts": "/data"} if action == SKIP else {}), "a backup is at work")


def test_what_the_extension_has_changed_since_is_not_put_back(guest: Guest) -> None:
    root = guest()
    root.write(CONF, "[SnapshotThread]\nseqsnapshot = 0\n")
    ok(root.run(SEQUENTIAL, "apply"))
    root.write(CONF, "[SnapshotThread]\nseqsnapshot = 1\n")
    ran = root.run(SEQUENTIAL, "undo")
    assert (ran.status, ran.touched) == (3, ())
    assert "was changed since by somebody else" in ran.answer["refused"]


@pytest.mark.parametrize("action", [SEQUENTIAL, ENCODING, TIMEOUT])
def test_on_a_full_disk_nothing_is_changed(guest: Guest, action: str) -> None:
    root = guest(size="4m")
    root.write(CONF, b"[SnapshotThread]\n# \xc3\xa9\n" if action == ENCODING else b"[SnapshotThread]\n")
    root.write(JSON, good())
    root.fill()
    ran = root.run(action, "apply", {"seconds": "60"} if action == TIMEOUT else {})
    assert (ran.status, ran.touched, ran.answer["changed"]) == (1, (), [])
    assert "record" in ran.answer["error"]


# ---- set_mounts_to_skip -----------------------------------------------------------------------------------------


def test_a_mount_point_that_is_not_there_is_refused(guest: Guest) -> None:
    root = guest()
    root.write(CONF, "[SnapshotThread]\n")
    root.shell("mkdir /data")
    assert ok(root.run(SKIP, "check", {"mounts": "/data,/proc"}))["found"]["not_mounted"] == ["/data"]
    refused(root.run(SKIP, "apply", {"mounts": "/data,/proc"}), "nothing is mounted there")
    refused(root.run(SKIP, "apply", {"mounts": "/proc/"}), "nothing is mounted there")
    refused(root.run(SKIP, "apply", {"mounts": "//"}), "nothing is mounted there")
    refused(root.run(SKIP, "apply"), "no mount point is named")


@pytest.mark.parametrize(
    "value",
    ["/", "/data,/", "/,/data", "data", "/data,", "/a\n/b", "/a%b", "/a;b", "/a#b", "/a ", "/$(id)", "/a'b", "/a,b"],
)
def test_no_root_and_no_odd_name_is_ever_sent(value: str) -> None:
    with pytest.raises(UsageError):
        find_script(SKIP).text("apply", {"mounts": value})


# ---- fix_vmbackup_conf_encoding ---------------------------------------------------------------------------------

PLAIN = "[SnapshotThread]\r\nfsfreeze: True\n; last"
ENCODED = {
    "a byte order mark": (b"\xef\xbb\xbf" + PLAIN.encode(), PLAIN.encode()),
    "UTF-16 of Windows": (b"\xff\xfe" + PLAIN.encode("utf-16-le"), PLAIN.encode()),
    "UTF-16, the other way": (b"\xfe\xff" + PLAIN.encode("utf-16-be"), PLAIN.encode()),
    "UTF-16 without a mark": (PLAIN.encode("utf-16-le"), PLAIN.encode()),
    "UTF-16, the other way, without a mark": (PLAIN.encode("utf-16-be"), PLAIN.encode()),
    "comments in UTF-8": ("# Größe 日本 \U0001f600\nx = 1\n  ; é\n".encode(), b"# Gr??e ?? ?\nx = 1\n  ; ?\n"),
    "comments in Latin-1": ("# Größe\n[A]\nx = 1\n".encode("latin-1"), b"# Gr??e\n[A]\nx = 1\n"),
    "comments in UTF-16": ("[A]\n# Größe 日本\nx = 1".encode("utf-16"), b"[A]\n# Gr??e ??\nx = 1"),
}


@pytest.mark.parametrize("case", ENCODED)
def test_a_file_becomes_ascii(guest: Guest, case: str) -> None:
    root = guest()
    before, after = ENCODED[case]
    root.write(CONF, before, 0o600)
    assert all_of_it(root, ENCODING, {CONF}) == after


LOSSY = {
    "in a value": "[A]\nx = é\n".encode(),
    "in a name": "[A]\né = 1\n".encode(),
    "in a section": "[é]\n".encode(),
    "behind a value": "[A]\nx = 1 # é\n".encode(),
    "a hard blank before a comment": "[A]\n\u00a0# c\n".encode(),
    "a second mark": b"\xef\xbb\xbf\xef\xbb\xbf[A]\n",
    "in UTF-16": "[A]\nx = é\n".encode("utf-16"),
    "in Latin-1": "[A]\nx = é\n".encode("latin-1"),
    "broken UTF-16": b"\xff\xfe[\x00A\x00]\x00\n",
    "UTF-32": "[A]\n".encode("utf-32"),
    "zero bytes here and there": b"[A]\nx = \x00\x00\x001\n",
}


@pytest.mark.parametrize("case", LOSSY)
def test_a_file_that_would_lose_something_stays_as_it_is(guest: Guest, case: str) -> None:
    root = guest()
    root.write(CONF, LOSSY[case])
    seen = ok(root.run(ENCODING, "check"))
    assert (seen["needed"], bool(seen["found"]["would_refuse"])) == (True, True)
    ran = root.run(ENCODING, "apply")
    refused(ran, seen["found"]["would_refuse"])
    assert root.at(CONF).read_bytes() == LOSSY[case]


@pytest.mark.parametrize("text", [None, b"", b"[A]\nx = 1\n", b"\x7f\x01"])
def test_a_file_in_ascii_or_none_needs_nothing(guest: Guest, text: bytes | None) -> None:
    root = guest()
    if text is not None:
        root.write(CONF, text)
    ran = root.run(ENCODING, "apply")
    assert (ok(ran)["needed"], ran.touched) == (False, ())


def test_without_iconv_nothing_is_converted(guest: Guest) -> None:
    root = guest()
    root.hide("iconv")
    root.write(CONF, b"\xef\xbb\xbf[A]\n")
    refused(root.run(ENCODING, "apply"), "iconv is missing")


# ---- VMSnapshotScriptPluginConfig.json --------------------------------------------------------------------------


def good(**changes: Any) -> str:
    """Return a right configuration, with other values, or without those that are ``None``."""
    members: dict[str, Any] = {
        "pluginName": "ScriptRunner",
        "preScriptLocation": "/etc/azure/pre.sh",
        "postScriptLocation": "/etc/azure/post.sh",
        "preScriptParams": ["", ""],
        "postScriptParams": ["a b", "c"],
        "preScriptNoOfRetries": 0,
        "postScriptNoOfRetries": 0,
        "timeoutInSeconds": 30,
        "continueBackupOnFailure": True,
        "fsFreezeEnabled": True,
        "ScriptsExecutionPollTimeSeconds": 3,
    }
    members.update(changes)
    return json.dumps({name: value for name, value in members.items() if value is not None}, indent=4) + "\n"


def with_scripts(root: GuestRoot, text: str | bytes | None = None, mode: int = 0o600) -> None:
    root.write(JSON, good() if text is None else text, mode)
    root.write("/etc/azure/pre.sh", "#!/bin/sh\n", 0o700)
    root.write("/etc/azure/post.sh", "#!/bin/sh\n", 0o700)


def no_python(root: GuestRoot) -> None:
    root.hide(*(one.name for one in Path("/usr/bin").glob("python3*")))


# ---- validate_script_config -------------------------------------------------------------------------------------

WRONG = {
    "pluginName is Mine, and has to be ScriptRunner": {"pluginName": "Mine"},
    "preScriptLocation is missing": {"preScriptLocation": None},
    "postScriptLocation names no file": {"postScriptLocation": ""},
    "preScriptLocation names no file": {"preScriptLocation": 5},
    "preScriptLocation is not an absolute path: pre.sh": {"preScriptLocation": "pre.sh"},
    "postScriptLocation: there is no file /etc/azure/gone.sh": {"postScriptLocation": "/etc/azure/gone.sh"},
    "postScriptLocation: there is no file /etc/azure": {"postScriptLocation": "/etc/azure"},
    "preScriptParams is no list of strings": {"preScriptParams": "a"},
    "postScriptParams is no list of strings": {"postScriptParams": ["a", 1]},
    "timeoutInSeconds is 1801, and has to be from 1 to 1800": {"timeoutInSeconds": 1801},
    "timeoutInSeconds is 0, and has to be from 1 to 1800": {"timeoutInSeconds": 0},
    "timeoutInSeconds is no number": {"timeoutInSeconds": "30"},
    "timeoutInSeconds is 1.5, and has to be a whole number from 1 to 1800": {"timeoutInSeconds": 1.5},
    "timeoutInSeconds is -1, and has to be a whole number from 1 to 1800": {"timeoutInSeconds": -1},
    "preScriptNoOfRetries is no number": {"preScriptNoOfRetries": True},
    "continueBackupOnFailure is neither true nor false": {"continueBackupOnFailure": "true"},
    "fsFreezeEnabled is neither true nor false": {"fsFreezeEnabled": 1},
    "ScriptsExecutionPollTimeSeconds is 6, and has to be from 1 to 5": {"ScriptsExecutionPollTimeSeconds": 6},
}


@pytest.mark.parametrize("python", [True, False], ids=["with Python", "without Python"])
def test_a_right_configuration_is_valid(root: GuestRoot, python: bool) -> None:
    if not python:
        no_python(root)
    with_scripts(root)
    said = ok(root.run(VALIDATE, "check"))
    assert (said["needed"], said["applied"], said["found"]) == (False, True, {"script_config": "valid"})


@pytest.mark.parametrize("why", WRONG)
def test_a_wrong_value_is_named(guest: Guest, why: str) -> None:
    root = guest()
    with_scripts(root, good(**WRONG[why]))
    said = ok(root.run(VALIDATE, "check"))
    assert (said["needed"], said["found"]["script_config"]) == (True, f"invalid: {why}")
    assert said["found"]["wrong"] == [why]


def test_unknown_missing_and_double_names_are_noted_and_do_no_harm(guest: Guest) -> None:
    root = guest()
    text = good(fsFreezeEnabled=None, timeOutInSeconds=30)
    with_scripts(root, text.rstrip("}\n") + ', "pluginName": "ScriptRunner"}')
    said = ok(root.run(VALIDATE, "check"))
    assert said["found"]["script_config"] == "valid"
    assert said["found"]["notes"] == [
        "pluginName stands 2 times: the last one counts",
        "the extension does not know timeOutInSeconds",
        "fsFreezeEnabled is missing: the extension takes its own default",
    ]


DOCUMENTS = [
    "", " ", "{}", "[]", "null", "1", '"a"', "{", "}", "{]", '{"a"}', '{"a":}', '{"a":1,}', '{,"a":1}',
    '{"a":1 "b":2}', "{'a':1}", "{a:1}", '{"a":01}', '{"a":+1}', '{"a":1.}', '{"a":.5}', '{"a":1e}', '{"a":-}',
    '{"a":tru}', '{"a":True}', '{"a":"b}', '{"a":"\\x"}', '{"a":"\\u12"}', '{"a":"\\u12G4"}', '{"a":"b\nc"}',
    '{"a":"b\tc"}', '{"a":[1,]}', '{"a":[1 2]}', '{"a":[}', '{"a":{"b":}}', '{"a":1}{', '{"a":1} x', '{"a":1}//c',
    '/*c*/{"a":1}', '{"a":1,"a":2}', '{"a":[],"b":{},"c":[[]],"d":{"e":[1,"f"]}}', '{"a":-0.5e+10}',
    '{"a":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00"}', '{"a":"\\ud83d"}', '\ufeff{"a":1}', '{"a":"é日本"}',
    '{"":1}', '\t\r\n {"a"\n:\n1\r\n}\n\n', '{"a":1e400}', '{"a": "\x7f"}', "{" + '"a":[' * 30 + "]" * 30 + "}",
    '{"a":"$(touch /tmp/owned)`id`"}', '{"a":"\'; touch /tmp/owned; \'"}',
]  # fmt: skip


@pytest.mark.parametrize("python", [True, False], ids=["with Python", "without Python"])
def test_it_is_json_exactly_when_python_says_so(guest: Guest, python: bool) -> None:
    root = guest()
    if not python:
        no_python(root)
    for text in DOCUMENTS:
        root.write(JSON, text)
        try:
            right = isinstance(json.loads(text), dict)
        except ValueError:
            right = False
        ran = root.run(VALIDATE, "check")
        said = ok(ran)["found"]["script_config"]
        assert ran.touched == ()
        assert said.startswith(("invalid: ", "unknown: ")), (text, said)
        if right:
            about = (
                "invalid: preScriptLocation is missing",
                "unknown: it is not ASCII, and there is no Python 3 to ask",
            )
            assert said in about, (text, said)
        elif python:
            assert said.startswith("invalid: "), (text, said)
        else:
            assert said.startswith("unknown: "), (text, said)
            assert said.endswith("(there is no Python 3 to ask)")


def test_without_a_configuration_there_is_nothing_to_validate(root: GuestRoot) -> None:
    said = ok(root.run(VALIDATE, "check"))
    assert (said["needed"], said["found"]) == (False, {"script_config": "none"})


@pytest.mark.parametrize("text", [b'{"a":"\xff"}', b"{}\x00", '{"a":1}'.encode("utf-16")])
def test_bytes_that_are_no_utf_8_are_invalid(guest: Guest, text: bytes) -> None:
    root = guest()
    root.write(JSON, text)
    assert ok(root.run(VALIDATE, "check"))["found"]["script_config"].startswith("invalid: ")


def test_a_configuration_that_is_too_large_or_a_link_is_unknown(guest: Guest) -> None:
    root = guest()
    root.write(JSON, '{"a":"' + "x" * 70000 + '"}')
    assert "larger than 64 KiB" in ok(root.run(VALIDATE, "check"))["found"]["script_config"]
    root.shell(f"mv {JSON} /home/real; ln -s /home/real {JSON}")
    assert ok(root.run(VALIDATE, "check"))["found"]["script_config"].startswith("unknown: ")


# ---- set_script_timeout -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("python", [True, False], ids=["with Python", "without Python"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (good(), good(timeoutInSeconds=1800)),
        (good(timeoutInSeconds=30.5), good(timeoutInSeconds=1800)),
        ('{"timeoutInSeconds":30}', '{"timeoutInSeconds":1800}'),
        ('{"a":{"timeoutInSeconds":5},\r\n"timeoutInSeconds"\t:\r\n-3e2 ,"b":1}\r\n',
         '{"a":{"timeoutInSeconds":5},\r\n"timeoutInSeconds"\t:\r\n1800 ,"b":1}\r\n'),
        ('{"x":"\\"timeoutInSeconds\\": 5 \u65e5","timeout\\u0049nSeconds":7}',
         '{"x":"\\"timeoutInSeconds\\": 5 \u65e5","timeout\\u0049nSeconds":1800}'),
    ],
)  # fmt: skip
def test_only_the_number_is_replaced(guest: Guest, before: str, after: str, python: bool) -> None:
    root = guest()
    if not python:
        no_python(root)
    root.write(JSON, before, 0o640)
    assert all_of_it(root, TIMEOUT, {JSON}, seconds="1800").decode() == after


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (good(timeoutInSeconds="30"), "timeoutInSeconds is no number"),
        (good(timeoutInSeconds=None), "has no timeoutInSeconds"),
        ('{"timeoutInSeconds":1,"timeoutInSeconds":2}', "timeoutInSeconds stands 2 times"),
        ('{"timeoutInSeconds":30,}', "is no JSON: no name at byte 23"),
        ('{"timeoutInSeconds":NaN}', "is no JSON: no value at byte 20"),
        ("", "is no JSON: no object"),
    ],
)
def test_what_is_not_clear_is_left_to_a_person(guest: Guest, text: str, why: str) -> None:
    root = guest()
    root.write(JSON, text)
    assert why in ok(root.run(TIMEOUT, "check", {"seconds": "60"}))["found"]["would_refuse"]
    refused(root.run(TIMEOUT, "apply", {"seconds": "60"}), why)


def test_without_scripts_there_is_no_time_to_set(guest: Guest) -> None:
    root = guest()
    refused(root.run(TIMEOUT, "apply", {"seconds": "60"}), "no pre or post script is set up")
    root.write(JSON, good())
    refused(root.run(TIMEOUT, "apply"), "no number of seconds is named")


@pytest.mark.parametrize("value", ["0", "1801", "-1", "1e3", "060", "99999", "60 ", "60\n", "abc"])
def test_a_time_out_of_bounds_is_never_sent(value: str) -> None:
    with pytest.raises(UsageError):
        find_script(TIMEOUT).text("apply", {"seconds": value})


# ---- fix_script_permissions -------------------------------------------------------------------------------------


def test_configuration_and_scripts_are_given_to_root_alone(root: GuestRoot) -> None:
    with_scripts(root, mode=0o644)
    root.at("/etc/azure/pre.sh").chmod(0o755)
    root.shell("chown 65534:65534 /etc/azure/post.sh")
    root.write("/etc/azure/other.sh", "not named\n", 0o755)
    pre, post = "/etc/azure/pre.sh", "/etc/azure/post.sh"
    seen = ok(root.run(RIGHTS, "check"))
    assert seen["found"]["wrong"] == [f"{JSON} 644 root", f"{pre} 755 root", f"{post} 700 nobody"]
    before = [root.at(one).stat() for one in (JSON, pre, post)]
    ran = root.run(RIGHTS, "apply")
    assert (ok(ran)["applied"], ran.touched) == (True, (JSON, post, pre))
    now = [root.at(one).stat() for one in (JSON, pre, post)]
    assert [(oct(one.st_mode), one.st_uid) for one in now] == [("0o100600", 0), ("0o100700", 0), ("0o100700", 0)]
    assert now[2].st_gid == 65534
    twice = root.run(RIGHTS, "apply")
    assert (ok(twice)["needed"], twice.touched) == (False, ())
    undone = root.run(RIGHTS, "undo")
    assert (ok(undone)["applied"], undone.touched) == (True, (JSON, post, pre))
    again = [root.at(one).stat() for one in (JSON, pre, post)]
    facts = [[(one.st_mode, one.st_uid, one.st_gid) for one in some] for some in (before, again)]
    assert facts[0] == facts[1]
    assert not root.exists(f"{RECORD}/{RIGHTS}")


def test_right_permissions_and_no_configuration_need_nothing(guest: Guest) -> None:
    root = guest()
    assert ok(root.run(RIGHTS, "apply"))["needed"] is False
    with_scripts(root)
    ran = root.run(RIGHTS, "apply")
    assert (ok(ran)["needed"], ran.touched) == (False, ())


def test_a_script_that_is_not_there_hinders_nothing(guest: Guest) -> None:
    root = guest()
    with_scripts(root, good(preScriptLocation="/etc/azure/gone.sh", postScriptLocation=""), mode=0o644)
    ran = root.run(RIGHTS, "apply")
    assert (ok(ran)["applied"], ran.touched) == (True, (JSON,))
    assert ran.answer["found"]["preScriptLocation"] == "missing: /etc/azure/gone.sh"


def test_names_with_anything_in_them_are_only_names(guest: Guest) -> None:
    root = guest()
    name = "/opt/-f $(touch owned) `id` 'q' \"d\" \\ *?[a]; é/pre script.sh"
    with_scripts(root, good(preScriptLocation=name))
    root.write(name, "#!/bin/sh\n", 0o755)
    ran = root.run(RIGHTS, "apply")
    assert (ok(ran)["applied"], ran.touched) == (True, (name,))
    assert [one["what"] for one in ran.answer["changed"]] == [name]
    undone = root.run(RIGHTS, "undo")
    assert (ok(undone)["applied"], undone.touched) == (True, (name,))


PLACES = {
    "/bin/sh": "not a place for such a script",
    "/usr/bin/dash": "not a place for such a script",
    "/etc/passwd": "not a place for such a script",
    "/etc/azure/../passwd": "not a plain path",
    "/etc//passwd": "not a plain path",
    "/dev/null": "not a place for such a script",
    "/proc/self/status": "not a place for such a script",
    "/tmp/pre.sh": "not a place for such a script",
    "/pre.sh": "not a place for such a script",
    "etc/passwd": "not a place for such a script",
    "/opt": "not a place for such a script",
    "/opt/folder": "is no plain file",
    "/opt/link": "is a symbolic link",
    "/opt/linked/pre.sh": "/opt/linked is a symbolic link",
    "/opt/anybody/pre.sh": "anybody can write to /opt/anybody",
    "/opt/sticky/pre.sh": "anybody can write to /opt/sticky",
    "/opt/group/pre.sh": "a group can write to /opt/group",
    "/opt/somebody/pre.sh": "/opt/somebody does not belong to root",
    "/opt/hard": "has a second name",
    "/opt/open": "anybody could have written to /opt/open",
    "/opt/program": "is a program, not a script",
}


@pytest.mark.parametrize("path", PLACES)
def test_a_file_in_the_wrong_place_or_of_the_wrong_kind_is_left_alone(guest: Guest, path: str) -> None:
    root = guest()
    with_scripts(root, good(preScriptLocation=path), mode=0o644)
    for name in ("pre.sh", "opt/real/pre.sh", "opt/open", "opt/hard", "tmp/pre.sh"):
        root.write(f"/{name}", "#!/bin/sh\n", 0o755)
    for name in ("anybody", "sticky", "group", "somebody"):
        root.write(f"/opt/{name}/pre.sh", "#!/bin/sh\n", 0o755)
    root.shell("cd /opt; mkdir folder; ln -s /etc/passwd link; ln -s real linked; ln hard hard2; chmod 757 open")
    root.shell(
        "cd /opt; chmod 777 anybody; chmod 1777 sticky; chgrp 65534 group; chmod 775 group; chown 65534 somebody"
    )
    root.shell("cp /usr/bin/true /opt/program; chmod 755 /opt/program")
    seen = ok(root.run(RIGHTS, "check"))
    assert (seen["needed"], PLACES[path] in seen["found"]["would_refuse"]) == (True, True)
    refused(root.run(RIGHTS, "apply"), PLACES[path])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"preScriptLocation":', "is no JSON"),
        ('{"preScriptLocation":"/etc/azure/pre.sh","preScriptLocation":"/opt/x"}', "preScriptLocation stands 2 times"),
        ('{"preScriptLocation":"/etc/azure/a\\nb"}', "preScriptLocation has control characters"),
        ('{"preScriptLocation":"/etc/azure/a\\u0000"}', "preScriptLocation has control characters"),
    ],
)
def test_a_configuration_that_is_not_clear_is_left_to_a_person(guest: Guest, text: str, why: str) -> None:
    root = guest()
    with_scripts(root, text)
    refused(root.run(RIGHTS, "apply"), why)


def test_the_configuration_as_a_link_is_left_alone(guest: Guest) -> None:
    root = guest()
    root.write("/home/real.json", good(), 0o644)
    root.shell(f"mkdir -p /etc/azure; ln -s /home/real.json {JSON}")
    refused(root.run(RIGHTS, "apply"), "is a symbolic link")
