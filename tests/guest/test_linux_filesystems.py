"""The scripts for file systems and mounts, run for real: loop devices with ext4 that really is not clean, real tune2fs,
e2fsck, umount and mount. Stand-ins: a slow e2fsck around the real one, xfs_repair, and sysfs where a disk is gone."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions.guest.scripts import find_script
from arm.errors import UsageError

from .guestroot import RECORD, GuestRoot, Ran

Guest = Callable[..., GuestRoot]
FSCK, STALE, DOUBLE = "fsck_unclean_mounts", "unmount_stale_recovery_mounts", "report_duplicate_mounts"
OURS = (RECORD, f"{RECORD}/lock")
pytestmark = pytest.mark.usefixtures("disks")


def fsck(root: GuestRoot, verb: str, mount: str = "/data") -> Ran:
    return root.run(FSCK, verb, {"mount": mount})


def ok(ran: Ran) -> dict[str, Any]:
    assert ran.status == 0, (ran.output, ran.errors)
    assert (ran.answer["refused"], ran.answer["error"]) == ("", "")
    return ran.answer


def refused(ran: Ran, why: str) -> dict[str, Any]:
    """Prove that it was refused with these words, and that nothing was touched."""
    assert ran.status == 3, (ran.output, ran.errors)
    assert why in ran.answer["refused"]
    assert (ran.touched, ran.answer["applied"], ran.answer["changed"]) == ((), False, [])
    assert set(ran.record) <= set(OURS)
    return ran.answer


def options(root: GuestRoot, mount: str = "/data") -> str:
    [line] = [one for one in root.shell("cat /proc/mounts").splitlines() if one.split()[1] == mount]
    return line.split()[3]


def state_of(root: GuestRoot, device: str) -> str:
    return root.shell(f"tune2fs -l {device} | sed -n 's/^Filesystem state: *//p'").strip()


def number_of(root: GuestRoot, device: str) -> str:
    major, minor = root.shell(f"stat -c '%t %T' {device}").split()
    return f"{int(major, 16)}:{int(minor, 16)}"


def loop_of(root: GuestRoot, device: str) -> str:
    return f"loop{int(root.shell(f'stat -c %T {device}'), 16)}"


# ---- fsck_unclean_mounts ----------------------------------------------------------------------------------------


def test_an_unclean_file_system_is_repaired_and_mounted_again(root: GuestRoot) -> None:
    device = root.disk("/data", unclean=True)
    seen = ok(fsck(root, "check"))
    assert (seen["needed"], seen["applied"]) == (True, False)
    assert seen["found"] == {
        "mount": "/data", "device": device, "type": "ext4", "state": "not clean with errors", "used_by": [],
    }  # fmt: skip
    ran = fsck(root, "apply")
    said = ok(ran)
    assert (said["needed"], said["applied"], said["found"]["state"]) == (True, True, "clean")
    [change] = said["changed"]
    assert (change["what"], change["before"]) == (f"/data ({device})", "not clean with errors")
    assert change["after"].startswith("clean; e2fsck: ")
    assert (ran.touched, ran.record) == ((), OURS)
    assert root.read("/data/hello") == "hello\n"
    assert ok(fsck(root, "check"))["applied"] is True
    twice = fsck(root, "apply")
    assert (ok(twice)["needed"], twice.answer["changed"], twice.touched, twice.record) == (False, [], (), ())


@pytest.mark.parametrize("kind", ["ext2", "ext3"])
def test_older_ext_file_systems_are_repaired_too(guest: Guest, kind: str) -> None:
    root = guest()
    device = root.disk("/data", unclean=True, kind=kind)
    assert ok(fsck(root, "apply"))["applied"] is True
    assert root.read("/data/hello") == "hello\n"
    root.shell("umount /data")
    assert state_of(root, device) == "clean"


def test_without_a_journal_not_clean_is_the_rule_while_it_is_mounted(guest: Guest) -> None:
    root = guest()
    device = root.disk("/data", kind="ext2")
    assert state_of(root, device) == "not clean"
    assert ok(fsck(root, "apply"))["needed"] is False


def test_it_is_mounted_again_with_the_options_that_it_had(guest: Guest) -> None:
    root = guest()
    device = root.disk("/data", unclean=True, mounted=False)
    root.shell(f"mount -t ext4 -o ro,nosuid,nodev,noexec,noatime,errors=remount-ro,commit=30 {device} /data")
    before = options(root)
    ran = fsck(root, "apply")
    assert (ok(ran)["applied"], ran.touched) == (True, ())
    assert options(root) == before
    assert {"ro", "nosuid", "nodev", "noexec", "noatime", "errors=remount-ro", "commit=30"} <= set(before.split(","))


def test_what_the_kernel_made_read_only_after_an_error_is_writable_again(guest: Guest) -> None:
    root = guest()
    device = root.disk("/data", mounted=False)
    root.shell(f"mount -t ext4 -o errors=remount-ro {device} /data")
    before = options(root)
    Path(f"/sys/fs/ext4/{loop_of(root, device)}/trigger_fs_error").write_text("a test")
    made = root.shell("grep ' - ext4' /proc/self/mountinfo").split()[-1].split(",")
    assert {"ro", "emergency_ro"} & set(made), "the kernel says it in one of two ways"
    assert ok(fsck(root, "check"))["found"]["state"] == "clean with errors"
    assert ok(fsck(root, "apply"))["found"]["state"] == "clean"
    assert options(root) == before
    root.shell("echo more >/data/more")


def lose_a_file(root: GuestRoot, device: str) -> None:
    """Leave an inode without a name: e2fsck asks what to do with it, and -p gives up."""
    root.shell(f"debugfs -w -R 'write /etc/fstab orphan' {device}; debugfs -w -R 'unlink orphan' {device}")


def test_what_the_kernel_made_read_only_stays_so_when_it_cannot_be_repaired(guest: Guest) -> None:
    root = guest()
    device = root.disk("/data", mounted=False)
    lose_a_file(root, device)
    root.shell(f"mount -t ext4 -o noatime,errors=remount-ro {device} /data")
    Path(f"/sys/fs/ext4/{loop_of(root, device)}/trigger_fs_error").write_text("a test")
    ran = fsck(root, "apply")
    assert ran.status == 3
    assert "left it to a person" in ran.answer["refused"]
    assert {"ro", "noatime", "errors=remount-ro"} <= set(options(root).split(","))


def test_what_needs_an_answer_is_left_to_a_person_and_mounted_again(root: GuestRoot) -> None:
    device = root.disk("/data", unclean=True, mounted=False)
    lose_a_file(root, device)
    root.shell("mount /data")
    before = options(root)
    ran = fsck(root, "apply")
    assert (ran.status, ran.answer["applied"], ran.touched) == (3, False, ())
    assert "left it to a person (status 4" in ran.answer["refused"]
    assert "RUN fsck MANUALLY" in ran.answer["refused"]
    assert options(root) == before
    assert root.read("/data/hello") == "hello\n"
    assert state_of(root, device) != "clean"
    assert ok(fsck(root, "check"))["needed"] is True


USES = {
    "an open file": ("exec 5</data/hello; echo up >/run/up; exec sleep 1000", "(sleep)"),
    "a working directory": ("cd /data; echo up >/run/up; exec sleep 1000", "(sleep)"),
    "a program": (
        "cp /usr/bin/dash /data/worker; exec /data/worker -c 'echo up >/run/up; read -r it </run/up'",
        "(worker)",
    ),
}


@pytest.mark.parametrize("how", USES)
def test_a_file_system_in_use_is_left_alone(guest: Guest, how: str) -> None:
    root = guest()
    root.disk("/data", unclean=True)
    root.write("/run/user.sh", USES[how][0])
    root.shell("mkfifo /run/up; sh /run/user.sh >/dev/null 2>&1 </dev/null &")
    assert root.shell("cat /run/up") == "up\n"
    seen = ok(fsck(root, "check"))
    assert seen["found"]["would_refuse"].startswith("in use by process ")
    assert [one.split()[-1] for one in seen["found"]["used_by"]] == [USES[how][1]]
    refused(fsck(root, "apply"), "in use by process ")


def test_a_loop_device_with_a_file_of_it_counts_as_use(guest: Guest) -> None:
    root = guest()
    root.disk("/data", unclean=True)
    root.write("/data/image", bytes(1024 * 1024))
    image = str(root.at("/data/image"))
    loop = subprocess.run(["losetup", "--find", "--show", image], capture_output=True, text=True, check=True).stdout
    try:
        refused(fsck(root, "apply"), "in use by loop device with /data/image")
    finally:
        subprocess.run(["losetup", "--detach", loop.strip()], check=True)


def test_a_mount_inside_of_it_is_left_alone(guest: Guest) -> None:
    root = guest()
    root.disk("/data", unclean=True)
    root.shell("mkdir /data/inner; mount -t tmpfs inner /data/inner")
    refused(fsck(root, "apply"), "something is mounted inside of it: /data/inner")


def test_a_file_system_that_is_mounted_twice_is_left_alone(guest: Guest) -> None:
    root = guest()
    root.disk("/data", unclean=True)
    root.shell("mkdir /second; mount --bind /data /second")
    refused(fsck(root, "apply"), "mounted at /second too")
    root.shell("umount /second; mount --bind /data /data")
    refused(fsck(root, "apply"), "more than one file system is mounted at /data")


def test_a_file_system_that_another_name_space_has_too_is_mounted_again_unchecked(guest: Guest) -> None:
    root = guest()
    device = root.disk("/data", unclean=True)
    other = "unshare --mount --propagation private sh -c 'echo up >/run/up; exec sleep 1000'"
    root.shell(f"mkfifo /run/up; {other} >/dev/null 2>&1 </dev/null &")
    assert root.shell("cat /run/up") == "up\n"
    before = options(root)
    ran = fsck(root, "apply")
    assert (ran.status, ran.touched) == (3, ())
    assert "mounted in another name space too; /data is mounted again" in ran.answer["refused"]
    assert (options(root), state_of(root, device)) == (before, "not clean with errors")


@pytest.mark.parametrize("mount", ["/boot", "/boot/efi", "/var/lib/waagent", "/etc/azure", "/root"])
def test_a_mount_point_of_the_system_is_left_alone(guest: Guest, mount: str) -> None:
    root = guest()
    root.disk(mount, unclean=True)
    refused(fsck(root, "apply", mount), "check it from a repair VM")


def test_the_root_and_what_is_no_ext_is_refused(guest: Guest) -> None:
    root = guest()
    refused(fsck(root, "apply", "/"), "/ is tmpfs: only ext2, ext3 and ext4 can be checked")
    refused(fsck(root, "apply", "/proc"), "/proc is proc")
    refused(fsck(root, "apply", "/data"), "nothing is mounted at /data")
    refused(fsck(root, "apply", "/data/"), "nothing is mounted at /data/")
    refused(fsck(root, "apply", ""), "no mount point is named")


FSTABS = {
    "no entry": ("", "/etc/fstab has no entry for /data"),
    "another place": ("/dev/sdc1 /data2 ext4 defaults 0 2\n", "/etc/fstab has no entry for /data"),
    "a comment": ("#/dev/sdc1 /data ext4 defaults 0 2\n", "/etc/fstab has no entry for /data"),
    "twice": ("/dev/sdc1 /data ext4 defaults 0 2\n" * 2, "/etc/fstab has more than one entry for /data"),
    "noauto": ("/dev/sdc1 /data ext4 noauto 0 2\n", "/etc/fstab says noauto for /data"),
    "on demand": ("/dev/sdc1 /data ext4 x-systemd.automount 0 2\n", "/data is mounted on demand"),
    "another device": ("/dev/null /data ext4 defaults 0 2\n", "/etc/fstab names another device for /data"),
    "an unknown label": ("LABEL=nowhere /data ext4 defaults 0 2\n", "/etc/fstab names another device for /data"),
}


@pytest.mark.parametrize("case", FSTABS)
def test_fstab_has_to_bring_it_back(guest: Guest, case: str) -> None:
    root = guest()
    root.disk("/data", unclean=True, fstab=False)
    root.write("/etc/fstab", FSTABS[case][0])
    refused(fsck(root, "apply"), FSTABS[case][1])


@pytest.mark.parametrize("spec", ["UUID={uuid}", 'UUID="{uuid}"', "/dev/by-link"])
def test_fstab_may_name_the_device_in_any_way(guest: Guest, spec: str) -> None:
    root = guest()
    device = root.disk("/data", unclean=True, fstab=False)
    uuid = root.shell(f"tune2fs -l {device} | sed -n 's/^Filesystem UUID: *//p'").strip()
    root.shell(f"ln -s {device} /dev/by-link")
    root.write("/etc/fstab", f"{spec.format(uuid=uuid)}\t/data/\text4\tdefaults,nofail\t0\t2\n")
    assert ok(fsck(root, "apply"))["applied"] is True


BUILT = {
    "slaves/dm-1/dm/name=vg-data-real": "/dev/sdc1 has LVM snapshots, or is one",
    "slaves/dm-1/dm/name=vg-snap-cow": "/dev/sdc1 has LVM snapshots, or is one",
    "holders/dm-3/dev=254:3": "dm-3 is built on /dev/sdc1",
    "dm/suspended=1": "/dev/sdc1 is suspended",
}


@pytest.mark.parametrize("sysfs", BUILT)
def test_a_device_that_others_are_built_on_is_left_alone(guest: Guest, sysfs: str) -> None:
    root = guest()
    device = root.disk("/data", unclean=True)
    root.shell(f"mount -t tmpfs block /sys/dev/block; ln -s /run/device /sys/dev/block/{number_of(root, device)}")
    path, value = sysfs.split("=")
    root.write(f"/run/device/{path}", f"{value}\n")
    refused(fsck(root, "apply"), BUILT[sysfs])


def test_while_a_backup_is_at_work_nothing_is_unmounted(guest: Guest) -> None:
    root = guest()
    root.disk("/data", unclean=True)
    root.process("python3 /var/lib/waagent/Microsoft.Azure.RecoveryServices.VMSnapshotLinux-1.0.9182.0/main/handle.py")
    refused(fsck(root, "apply"), "a backup is at work")


@pytest.mark.parametrize("data", ["mysql/ibdata1", "pg/14/main/PG_VERSION", "mongod.lock"])
def test_a_running_database_keeps_its_files(guest: Guest, data: str) -> None:
    root = guest()
    root.disk("/data", unclean=True)
    root.write(f"/data/{data}", "")
    root.shell("cp /usr/bin/sleep /var/tmp/mysqld; /var/tmp/mysqld 1000 >/dev/null 2>&1 </dev/null &")
    root.shell("until grep -qsx mysqld /proc/[0-9]*/comm; do :; done")
    refused(fsck(root, "apply"), "mysqld is running, and its data may be here")


def test_a_database_with_its_files_elsewhere_is_no_hindrance(guest: Guest) -> None:
    root = guest()
    root.disk("/data", unclean=True)
    root.shell("cp /usr/bin/sleep /var/tmp/mysqld; /var/tmp/mysqld 1000 >/dev/null 2>&1 </dev/null &")
    root.shell("until grep -qsx mysqld /proc/[0-9]*/comm; do :; done")
    assert ok(fsck(root, "apply"))["applied"] is True


def test_when_no_record_can_be_written_nothing_is_unmounted(guest: Guest) -> None:
    root = guest(size="4m")
    root.disk("/data", unclean=True)
    root.fill()
    before = options(root)
    ran = fsck(root, "apply")
    assert (ran.status, ran.touched) == (1, ())
    assert "no record can be written" in ran.answer["error"]
    assert options(root) == before


@pytest.mark.parametrize("tool", ["e2fsck", "setsid", "findfs"])
def test_without_a_tool_nothing_is_unmounted(guest: Guest, tool: str) -> None:
    root = guest()
    root.hide(tool)
    root.disk("/data", unclean=True)
    refused(fsck(root, "apply"), f"the tool {tool} is missing")


HOSTILE = [
    "/mnt/two words",
    "/mnt/a'b\"c",
    "/mnt/$(touch owned)`touch owned`;touch owned",
    "/mnt/back\\slash\\040",
    "/mnt/-n *",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_mount_point_with_any_name_is_found_by_it(guest: Guest, name: str) -> None:
    root = guest()
    device = root.disk("/unused", unclean=True, mounted=False, fstab=False)
    kernel = name.replace("\\", "\\134").replace(" ", "\\040")
    root.write("/etc/fstab", f"{device} {kernel} ext4 defaults,nofail 0 2\n")
    root.at(name).mkdir()
    root.shell("mount -a")
    seen = ok(fsck(root, "check", name))
    assert (seen["found"]["mount"], seen["found"]["device"], seen["needed"]) == (name, device, True)
    assert ok(fsck(root, "check", kernel))["found"]["device"] == device
    ran = fsck(root, "apply", name)
    assert (ok(ran)["applied"], ran.touched) == (True, ())
    assert options(root, kernel)


def test_a_name_with_line_ends_cannot_pass_for_another_mount(guest: Guest) -> None:
    root = guest()
    root.disk("/data", unclean=True)
    false = "/mnt/x\n999 1 7:0 \\ /other rw - ext4 /dev/sdc1 rw"
    root.at(false).mkdir(parents=True)
    root.shell("mount -t tmpfs x /mnt/x*/other*/dev/*")
    assert ok(fsck(root, "check"))["needed"] is True
    refused(fsck(root, "apply", "/other"), "nothing is mounted at /other")
    assert ok(fsck(root, "apply"))["applied"] is True


@pytest.mark.parametrize("value", ["data", "relative/path", "/data\nmore", "/da\tta", "/x\x7f"])
def test_a_mount_point_that_is_no_plain_path_is_never_sent(value: str) -> None:
    with pytest.raises(UsageError):
        find_script(FSCK).text("apply", {"mount": value})


def test_a_path_with_dots_is_refused_in_the_guest(guest: Guest) -> None:
    root = guest()
    root.disk("/data", unclean=True)
    ran = fsck(root, "apply", "/data/../data")
    assert (ran.status, ran.touched) == (1, ())
    assert "not a plain path" in ran.answer["error"]


def test_it_cannot_be_asked_to_undo() -> None:
    with pytest.raises(UsageError):
        find_script(FSCK).text("undo", {"mount": "/data"})


# ---- when it is stopped in the middle ---------------------------------------------------------------------------

_SLOW = """#!/bin/sh
echo at work >/run/checking
read -r go </run/go
exec /run/e2fsck "$@"
"""


def start_slowly(root: GuestRoot) -> str:
    """Start apply with an e2fsck that waits, and return its process once the check goes on."""
    device = root.disk("/data", unclean=True)
    root.write("/run/slow", _SLOW, 0o755)
    root.shell("cp /usr/sbin/e2fsck /run/e2fsck; mkfifo /run/checking /run/go /run/ended")
    root.shell("mount --bind /run/slow /usr/sbin/e2fsck")
    root.write("/run/apply.sh", find_script(FSCK).text("apply", {"mount": "/data"}), 0o700)
    script = "echo $$ >/run/pid; exec env --default-signal sh /run/apply.sh"
    whole = f"( setsid sh -c '{script}' >/run/out 2>/run/err; echo $? >/run/ended ) >/dev/null 2>&1 </dev/null &"
    root.write("/run/start.sh", whole)
    root.shell("sh /run/start.sh")
    assert root.shell("cat /run/checking") == "at work\n"
    assert not [one for one in root.shell("cat /proc/mounts").splitlines() if one.split()[1] == "/data"]
    assert state_of(root, device) == "not clean with errors"
    return root.read("/run/pid").strip()


def ended(root: GuestRoot) -> tuple[int, dict[str, Any]]:
    status = int(root.shell("cat /run/ended"))
    return status, Ran(status, root.at("/run/out").read_bytes(), "", (), (), ()).answer


@pytest.mark.parametrize("signal", ["TERM", "HUP", "INT"])
def test_a_signal_ends_the_check_and_the_file_system_is_mounted_again(root: GuestRoot, signal: str) -> None:
    pid = start_slowly(root)
    root.shell(f"kill -{signal} {pid}")
    status, answer = ended(root)
    assert status == 1
    assert answer["error"] == "the script was stopped from outside; /data is mounted again"
    assert (answer["applied"], answer["needed"]) == (False, True)
    assert options(root)
    assert root.read("/data/hello") == "hello\n"
    root.shell("umount /usr/sbin/e2fsck")
    assert ok(fsck(root, "apply"))["applied"] is True


def test_when_the_agent_kills_it_the_check_still_ends_and_the_file_system_is_mounted_again(root: GuestRoot) -> None:
    pid = start_slowly(root)
    root.shell(f"kill -KILL -{pid}")
    assert root.shell("cat /run/ended") == "137\n"
    going = ok(fsck(root, "check"))
    assert (going["needed"], going["found"]["state"]) == (True, "not mounted: a check was cut off, or still goes on")
    refused(fsck(root, "apply"), "another script of this kind is at work")
    root.shell("echo go >/run/go")
    root.shell(f"flock {RECORD}/lock true")
    after = ok(fsck(root, "check"))
    assert (after["applied"], after["found"]["state"]) == (True, "clean")
    assert root.read("/data/hello") == "hello\n"


def test_what_a_crash_left_unmounted_is_mounted_and_checked_by_the_next_run(guest: Guest) -> None:
    root = guest()
    start_slowly(root)
    root.shell("kill -KILL -1; true")
    root.shell("umount /usr/sbin/e2fsck")
    assert ok(fsck(root, "check"))["needed"] is True
    ran = fsck(root, "apply")
    assert (ok(ran)["applied"], ran.answer["found"]["state"]) == (True, "clean")
    assert [one["kind"] for one in ran.answer["changed"]] == ["mount", "filesystem"]
    assert options(root)


def test_what_a_crash_left_unmounted_comes_before_any_other(guest: Guest) -> None:
    root = guest()
    start_slowly(root)
    root.shell("kill -KILL -1; true")
    root.shell("umount /usr/sbin/e2fsck")
    root.disk("/other", unclean=True)
    refused(fsck(root, "apply", "/other"), "an earlier run has left /data unmounted")
    assert ok(fsck(root, "apply"))["applied"] is True
    assert ok(fsck(root, "apply", "/other"))["applied"] is True


def test_the_script_says_loudly_when_it_cannot_be_mounted_again(guest: Guest) -> None:
    root = guest()
    start_slowly(root)
    root.shell("rmdir /data; echo go >/run/go")
    status, answer = ended(root)
    assert (status, answer["applied"]) == (1, False)
    assert "/data IS NOT MOUNTED ANY MORE" in answer["error"]
    assert "/dev/sdc1" in answer["error"]
    assert ok(fsck(root, "check"))["found"]["state"].startswith("not mounted")
    root.shell("mkdir /data")
    assert ok(fsck(root, "apply"))["applied"] is True


# ---- XFS --------------------------------------------------------------------------------------------------------


def xfs(root: GuestRoot, said: str, status: int) -> None:
    """Mount a real XFS at /data, and let xfs_repair say what it would say there."""
    root.tool("xfs_repair", f'#!/bin/sh\necho "$*" >/run/xfs_repair\necho "{said}"\nexit {status}\n')
    device = root.disk("/data", mounted=False)
    image = gzip.decompress((Path(__file__).parent / "images" / "xfs.img.gz").read_bytes())
    Path("/dev", loop_of(root, device)).write_bytes(image)
    root.shell("if [ -e /usr/sbin/xfs_repair ]; then mount --bind /usr/bin/xfs_repair /usr/sbin/xfs_repair; fi")
    root.shell(f"mount -t xfs {device} /data")


MOUNTED = "xfs_repair: /dev/sdc1 contains a mounted and writable filesystem"


def test_xfs_is_looked_at_and_never_repaired(guest: Guest) -> None:
    root = guest()
    xfs(root, MOUNTED, 1)
    ran = fsck(root, "apply")
    assert (ran.status, ran.touched) == (3, ("/run/xfs_repair",))
    assert "/data is XFS, and is only looked at" in ran.answer["refused"]
    assert ran.answer["found"]["xfs_repair"] == MOUNTED
    assert root.read("/run/xfs_repair") == "-n -m 512 /dev/sdc1\n"
    assert options(root)


def test_xfs_that_is_well_needs_nothing(guest: Guest) -> None:
    root = guest()
    xfs(root, "No modify flag set, skipping filesystem flush and exiting.", 0)
    assert ok(fsck(root, "apply"))["found"]["state"] == "clean"


# ---- report_duplicate_mounts ------------------------------------------------------------------------------------


def test_nothing_twice_is_nothing_to_report(root: GuestRoot) -> None:
    root.disk("/data")
    said = ok(root.run(DOUBLE, "check"))
    assert (said["needed"], said["found"]) == (
        False,
        {"duplicates": [], "in_fstab": [], "same_device": [], "failed_thaw": [], "failed_freeze": []},
    )


def test_what_is_mounted_or_listed_twice_is_reported(guest: Guest) -> None:
    root = guest()
    root.disk("/data")
    root.disk("/data")
    root.shell("mkdir /second; mount --bind /data /second")
    ran = root.run(DOUBLE, "check")
    assert (ok(ran)["needed"], ran.touched, ran.record) == (True, (), ())
    assert ran.answer["found"]["duplicates"] == ["/data: /dev/sdc1 ext4, /dev/sdd1 ext4"]
    assert ran.answer["found"]["in_fstab"] == ["/data: /dev/sdc1, /dev/sdd1"]
    assert ran.answer["found"]["same_device"] == ["/dev/sdd1: /data /second"]


def test_only_what_the_backup_freezes_counts_as_a_duplicate(guest: Guest) -> None:
    root = guest()
    root.disk("/data")
    root.shell("mkdir -p /over; mount -t tmpfs a /over; mount -t tmpfs b /over")
    assert ok(root.run(DOUBLE, "check"))["found"]["duplicates"] == []


def test_the_log_of_the_extension_names_what_could_not_be_thawed(guest: Guest) -> None:
    root = guest()
    log = "/var/log/azure/Microsoft.Azure.RecoveryServices.VMSnapshotLinux/extension.log"
    old = "/var/log/azure/Microsoft.Azure.RecoveryServices.VMSnapshotLinux/1.0.9170.0/extension.log"
    root.write(
        log, b"2026-01-05 03:00:01 : Failed to FITHAW: /data\r\nFailed to FIFREEZE: /mnt/a b\nFailed to FITHAW: /data\n"
    )
    root.write(old, b"Failed to FITHAW: $(touch /tmp/owned)\n\x00\xff Failed to FITHAW: \xff\x01\n")
    ran = root.run(DOUBLE, "check")
    assert (ok(ran)["needed"], ran.touched) == (False, ())
    assert ran.answer["found"]["failed_thaw"] == ["$(touch /tmp/owned)", "/data", "\ufffd\x01"]
    assert ran.answer["found"]["failed_freeze"] == ["/mnt/a b"]


def test_a_report_has_nothing_to_apply() -> None:
    assert find_script(DOUBLE).verbs == ("check",)


# ---- unmount_stale_recovery_mounts ------------------------------------------------------------------------------


def devices(root: GuestRoot, *kinds: tuple[str, str]) -> None:
    """Make a sysfs that knows these devices only: ``real``, ``vendor``, ``target``, ``lvm`` or ``mixed``."""
    root.shell("mount -t tmpfs class /sys/class; mount -t tmpfs block /sys/dev/block; mkdir -p /run/devices")
    for index, (device, kind) in enumerate(kinds):
        top = f"/run/devices/host{index}/session{index}/block/sd{index}"
        number = number_of(root, device)
        root.shell(f"mkdir -p {top}/sd{index}1/slaves {top}/device; ln -s {top}/sd{index}1 /sys/dev/block/{number}")
        root.write(f"{top}/device/vendor", "MABILR I\n" if kind == "vendor" else "Msft    \n")
        if kind == "target":
            name = "iqn.2016-01.microsoft.azure.backup:6415301910816619591-351380-158330665433466-1114.6384287"
            root.shell(f"mkdir -p /sys/class/iscsi_session/session{index}")
            root.write(f"/sys/class/iscsi_session/session{index}/targetname", name + "\n")
        if kind in ("lvm", "mixed"):
            for part in range(2):
                other = f"/run/devices/part{index}{part}"
                root.shell(f"mkdir -p {other}/device; ln -s {other} {top}/sd{index}1/slaves/part{part}")
                root.write(f"{other}/dev", f"8:{part}\n")
                vendor = "MABILR I\n" if kind == "lvm" or part == 0 else "Msft\n"
                root.write(f"{other}/device/vendor", vendor)


def unmounted(ran: Ran) -> set[str]:
    """Return which mount points are touched, after proving that nothing else is."""
    mounts = {one.removeprefix("mount ") for one in ran.touched if one.startswith("mount ")}
    assert [one for one in ran.touched if not one.startswith(("mount ", *(f"{point}/" for point in mounts)))] == []
    return mounts


def points(root: GuestRoot) -> set[str]:
    return {one.split()[1] for one in root.shell("cat /proc/mounts").splitlines()}


def test_disks_of_a_file_recovery_are_unmounted_and_no_others(root: GuestRoot) -> None:
    kinds = ["real", "vendor", "target", "lvm", "mixed"]
    disks = [root.disk(f"/root/vm-20260105030000/{kind}", fstab=kind == "real") for kind in kinds]
    devices(root, *zip(disks, kinds, strict=True))
    before = points(root)
    seen = ok(root.run(STALE, "check"))
    assert seen["needed"] is True
    assert seen["found"]["stale"] == [
        f"/root/vm-20260105030000/{kind} ({disks[kinds.index(kind)]}): disk of a file recovery"
        for kind in ("vendor", "target", "lvm")
    ]
    ran = root.run(STALE, "apply")
    assert ok(ran)["applied"] is True
    gone = {f"/root/vm-20260105030000/{kind}" for kind in ("vendor", "target", "lvm")}
    assert unmounted(ran) == gone
    assert points(root) == before - gone
    assert [one["after"] for one in ran.answer["changed"]] == ["unmounted"] * 3
    twice = root.run(STALE, "apply")
    assert (ok(twice)["needed"], twice.touched) == (False, ())


def test_what_has_lost_its_device_is_unmounted_unless_fstab_or_the_system_needs_it(guest: Guest) -> None:
    root = guest()
    left = root.disk("/mnt/left_behind", fstab=False)
    data = root.disk("/data")
    system = root.disk("/opt", fstab=False)
    devices(root)
    root.shell(f"rm {left} {data} {system}")
    assert ok(root.run(STALE, "check"))["found"]["stale"] == [f"/mnt/left_behind ({left}): its device is gone"]
    ran = root.run(STALE, "apply")
    assert (ok(ran)["applied"], unmounted(ran)) == (True, {"/mnt/left_behind"})
    assert {"/data", "/opt"} <= points(root)


def test_a_device_whose_node_is_still_there_does_not_count_as_gone(guest: Guest) -> None:
    root = guest()
    root.disk("/mnt/disk", fstab=False)
    devices(root)
    assert ok(root.run(STALE, "apply"))["needed"] is False
    assert "/mnt/disk" in points(root)


def test_a_recovery_that_is_in_use_stays_and_is_named(guest: Guest) -> None:
    root = guest()
    used, idle = root.disk("/mnt/used", fstab=False), root.disk("/mnt/idle", fstab=False)
    devices(root, (used, "vendor"), (idle, "vendor"))
    root.shell("cd /mnt/used; sleep 1000 >/dev/null 2>&1 </dev/null &")
    seen = ok(root.run(STALE, "check"))
    assert [one.split(" (")[0] for one in seen["found"]["blocked"]] == ["/mnt/used: process " + _first_pid(seen)]
    ran = root.run(STALE, "apply")
    assert (ran.status, unmounted(ran)) == (3, {"/mnt/idle"})
    assert ran.answer["refused"] == "in use, and left as it is: /mnt/used "
    assert "/mnt/used" in points(root)


def _first_pid(seen: dict[str, Any]) -> str:
    return str(seen["found"]["blocked"][0].split("process ")[1].split(" ")[0])


def test_a_real_disk_mounted_inside_of_it_or_over_it_is_never_unmounted(guest: Guest) -> None:
    root = guest()
    stale = root.disk("/mnt/stale", fstab=False)
    root.shell("mkdir /mnt/stale/inner")
    inner = root.disk("/mnt/stale/inner", fstab=False)
    over_stale = root.disk("/mnt/over", fstab=False)
    over_real = root.disk("/mnt/over", fstab=False)
    devices(root, (stale, "vendor"), (inner, "real"), (over_stale, "vendor"), (over_real, "real"))
    ran = root.run(STALE, "apply")
    assert (ran.status, ran.touched, ran.answer["changed"]) == (3, (), [])
    assert ran.answer["found"]["blocked"] == [
        f"/mnt/stale: {inner} is mounted at /mnt/stale/inner",
        f"/mnt/over: {over_real} is mounted at /mnt/over",
    ]


def test_recoveries_inside_of_each_other_and_with_any_name_are_unmounted(guest: Guest) -> None:
    root = guest()
    outer = root.disk("/unused", mounted=False, fstab=False)
    name = "/mnt/$(touch owned) 'a\"\nb\\"
    root.at(name).mkdir(parents=True)
    root.shell(f"mount {outer} /mnt/*owned*; cd /mnt/*owned*; mkdir inner")
    inner = root.disk("/unused2", mounted=False, fstab=False)
    root.shell(f"mount {inner} /mnt/*owned*/inner")
    devices(root, (outer, "vendor"), (inner, "target"))
    ran = root.run(STALE, "apply")
    assert ok(ran)["applied"] is True
    assert [one["what"] for one in ran.answer["changed"]] == [f"{name}/inner", name]
    assert not {one for one in points(root) if "owned" in one}


def test_without_sysfs_nothing_is_taken_for_gone(guest: Guest) -> None:
    root = guest()
    root.disk("/mnt/disk", fstab=False)
    root.shell("mount -t tmpfs nothing /sys")
    ran = root.run(STALE, "apply")
    assert (ran.status, ran.touched) == (3, ())
    assert "/mnt/disk" in points(root)
