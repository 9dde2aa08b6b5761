from __future__ import annotations

import gc
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from simulator import Simulator
from simulator.clock import START
from simulator.guest import linux_room
from simulator.guest.linux import LinuxGuest
from simulator.scenarios.inside import fails_while_inside, inside, linux
from simulator.scenarios.stage import Stage
from simulator.world import World

needs_rooms = pytest.mark.skipif(bool(linux_room.reason_not_to()), reason=linux_room.reason_not_to())
LOOPS = subprocess.run("losetup --find", shell=True, check=False, capture_output=True).returncode == 0
needs_disks = pytest.mark.skipif(not LOOPS, reason="no loop devices here")
LAYOUTS = {"debian": "walinuxagent", "ubuntu": "walinuxagent", "redhat": "waagent"}


@pytest.fixture
def guest():
    made = []

    def make(now=START, **state):
        made.append(LinuxGuest(state, lambda: now))
        return made[-1]

    yield make
    for one in made:
        one.close()


def said(guest, script, seconds=600):
    result = guest.run(script, seconds)
    assert result.exit_code == 0, result
    return result.stdout


# What it is made of


@pytest.mark.parametrize("layout", LAYOUTS)
@needs_rooms
def test_each_layout_has_its_release_its_agent_and_its_package_manager(guest, layout):
    made = guest(layout=layout)
    service = LAYOUTS[layout]
    assert f'ID="{ {"redhat": "rhel"}.get(layout, layout) }"' in said(made, "cat /etc/os-release")
    assert said(made, f"systemctl is-active {service}; systemctl is-enabled {service}") == "active\nenabled\n"
    assert "/usr/sbin/waagent -daemon" in said(made, "ps -e -o args=")
    managers = said(made, "for one in apt-get yum dnf zypper; do command -v $one; done; true").split()
    assert [Path(one).name for one in managers] == (["yum", "dnf"] if layout == "redhat" else ["apt-get"])


@needs_rooms
def test_the_state_decides_about_services_files_settings_and_logs(guest):
    made = guest(
        services={"walinuxagent": {"state": "failed", "enabled": False, "restart": "no"}, "mysql": {}},
        waagent_conf={"Extensions.Enabled": "n", "Provisioning.Agent": None},
        files={"/etc/azure/vmbackup.conf": {"base64": "//5b", "mode": "600"}, "/etc/hostname": None},
        extension_log=["Failed to FIFREEZE /data"],
        reboot_required=True,
        selinux="Permissive",
    )
    shown = said(
        made,
        "systemctl is-active walinuxagent; systemctl is-enabled walinuxagent; systemctl is-active mysql;"
        "systemctl show -p Restart walinuxagent.service; grep Extensions.Enabled= /etc/waagent.conf;"
        "grep -c Provisioning.Agent= /etc/waagent.conf; stat -c '%a %s' /etc/azure/vmbackup.conf;"
        "ls /etc/hostname 2>/dev/null || echo gone; getenforce; ls /var/run/reboot-required;"
        "cat /var/log/azure/Microsoft.Azure.RecoveryServices.VMSnapshotLinux/extension.log",
    )
    assert shown.splitlines() == [
        "failed", "disabled", "active", "Restart=no", "Extensions.Enabled=n", "0", "600 3", "gone", "Permissive",
        "/var/run/reboot-required", "Failed to FIFREEZE /data",
    ]  # fmt: skip


def test_a_key_that_no_guest_has_is_refused(guest):
    with pytest.raises(ValueError, match="no unclaen"):
        guest(unclaen=["/data"])
    with pytest.raises(ValueError, match="no layout 'gentoo'"):
        guest(layout="gentoo")


@needs_rooms
@needs_disks
def test_an_unclean_file_system_is_real_and_a_real_check_cleans_it(guest):
    made = guest(unclean=["/data"], disks={"/backup": {"kind": "ext3"}})
    assert made.state["unclean"] == ["/data"]
    assert "not clean with errors" in said(made, "tune2fs -l /dev/sdc1; mountpoint /data")
    assert made.state["mounted"] == ["/data", "/backup"]
    assert made.run("umount /data && fsck.ext4 -f -y /dev/sdc1 >&2", 600).exit_code in (0, 1)
    assert (made.state["unclean"], made.state["mounted"]) == ([], ["/backup"])
    assert said(made, "mount /data && cat /data/hello") == "hello\n"
    assert made.state["mounted"] == ["/backup", "/data"]


@needs_rooms
@needs_disks
def test_a_disk_that_cannot_be_mounted_stays_unmounted_and_scripts_still_run(guest):
    made = guest(disks={"/data": {}}, mounts=[["stale", "/mnt/stale", "tmpfs", "ro"]])
    said(made, "umount /data; dd if=/dev/zero of=/dev/sdc1 bs=1M count=4")
    made.boot()
    assert said(made, "mountpoint -q /data || echo no; cat /proc/mounts | grep -c /mnt/stale || true") == "no\n0\n"


@needs_rooms
def test_the_platform_answers_only_where_the_state_says_so(guest):
    ask = "curl -s -o /dev/null -w '%{http_code}' --max-time 2 http://168.63.129.16:"
    some = guest(wireserver=[80], dns=False)
    assert said(some, f"{ask}80/; {ask}32526/ || true") == "200000"
    assert some.run("getent hosts management.azure.com", 60).exit_code == 2
    assert not some.agent_reports()
    assert said(guest(), "getent hosts management.azure.com | wc -l") == "1\n"


@needs_rooms
def test_free_space_is_what_the_state_says(guest):
    made = guest(size_mb=64, fill_mb=60)
    free = int(said(made, "df -m --output=avail / | tail -n 1"))
    assert 0 < free <= 4
    assert made.run("dd if=/dev/zero of=/var/log/big bs=1M count=8", 60).exit_code == 1


@needs_rooms
@pytest.mark.parametrize("layout", ["debian", "redhat"])
def test_the_package_manager_updates_the_agent_from_its_repository(guest, layout):
    package = {"installed": "2.2.45-1", "offered": "2.12.0-1", "reachable": True}
    made = guest(layout=layout, agent_version="2.2.45", package=package)
    update = "apt-get update && apt-get -y install waagent" if layout == "debian" else "yum -y update WALinuxAgent"
    said(made, f"yum -q check-update; {update}" if layout == "redhat" else update)
    assert made.state["agent_version"] == "2.12.0"
    broken = guest(layout=layout, package=package | {"reachable": False})
    assert broken.run("apt-get update" if layout == "debian" else "yum check-update", 60).exit_code != 0


@needs_rooms
def test_how_busy_it_is_does_not_depend_on_this_machine(guest):
    look = "head -n 1 /proc/stat; sleep 10; head -n 1 /proc/stat; grep -E 'MemTotal|MemAvailable' /proc/meminfo"
    lines = said(guest(cpu_percent=80, memory_percent=75), look).splitlines()
    (busy1, idle1), (busy2, idle2) = ((int(line.split()[1]), int(line.split()[4])) for line in lines[:2])
    assert 100 * (busy2 - busy1) / (busy2 - busy1 + idle2 - idle1) == 80
    total, free = (int(line.split()[1]) for line in lines[2:])
    assert free * 4 == total


@needs_rooms
def test_what_find_says_about_ages_is_in_simulated_time():
    now = [START]
    made = LinuxGuest(now=lambda: now[0])
    said(made, "touch /etc/old")
    assert said(made, "find /etc/old -mmin -5") == "/etc/old\n"
    now[0] += timedelta(days=3)
    assert said(made, "find /etc/old -mtime +1; find /etc/old -mtime -1; find /etc/old -mtime 3") == "/etc/old\n" * 2
    made.close()


# What scripts can do, and what they cannot


@needs_rooms
def test_a_script_is_root_of_the_guest_and_cannot_touch_this_machine(guest, tmp_path):
    mark = tmp_path / "mark"
    result = guest().run(
        f"id -u; touch {mark}; touch /usr/bin/x; mknod /dev/disk b 8 0; ls /proc/1/root; chroot / true;"
        "echo x >/proc/sys/kernel/hostname; ls -d /work; kill -9 1; true",
        60,
    )
    assert result.stdout == "0\n"
    assert not mark.exists()
    assert len(result.stderr.splitlines()) == 7


@needs_rooms
def test_the_programs_below_are_real_and_their_changes_last(guest):
    made = guest()
    said(
        made, "sed -i s/guest/web/ /etc/hostname; mkdir -p /opt/a; ln -s /opt/a /opt/b; chmod 700 /opt/a; rm /etc/group"
    )
    assert said(
        made, "cat /etc/hostname; readlink /opt/b; stat -c %a /opt/a; ls /etc/group 2>/dev/null || echo no"
    ) == ("web\n/opt/a\n700\nno\n")


@needs_rooms
def test_the_clock_inside_is_the_simulators(guest):
    made = guest(START + timedelta(hours=5))
    assert said(made, "date -u +%FT%T; sleep 90; date -u +%T; touch /etc/x") == "2026-03-02T08:00:00\n08:01:30\n"
    assert said(made, "date -u -r /etc/x +%FT%R") == "2026-03-02T08:00\n"


@needs_rooms
def test_sleeping_takes_no_real_time_and_counts_against_the_limit(guest):
    made = guest()
    within = made.run("sleep 2m; echo rested", 600)
    assert (within.stdout, within.slept, within.timed_out) == ("rested\n", 120, False)
    beyond = made.run("echo begun; sleep infinity; echo never", 600)
    assert (beyond.stdout, beyond.timed_out) == ("begun\n", True)


@needs_rooms
def test_a_script_that_never_ends_is_stopped_and_what_it_did_is_kept(guest):
    made = guest(patience=0.3)
    result = made.run("echo begun; : >/etc/begun; while :; do :; done", 600)
    assert (result.stdout, result.timed_out) == ("begun\n", True)
    assert made.read("/etc/begun") == ""


@needs_rooms
def test_a_script_with_another_shell_runs_in_that_shell(guest):
    assert said(guest(), '#!/bin/bash\nwords=(a b c)\necho "${words[2]}"\n') == "c\n"


# Later


@needs_rooms
def test_what_is_handed_over_runs_when_it_is_due_and_not_before(guest):
    made = guest()
    said(made, "systemd-run --unit=one --on-active=30 /bin/sh -c 'date -u +%T >/etc/one'")
    assert said(made, "systemctl is-active one.timer") == "active\n"
    assert made.later(START) == START + timedelta(seconds=30)
    assert made.read("/etc/one") is None
    assert made.later(START + timedelta(seconds=30)) is None
    assert made.read("/etc/one") == "03:00:30\n"
    assert made.run("systemctl is-active one.timer", 60).exit_code == 3


@needs_rooms
def test_a_unit_is_changed_by_a_drop_in_only_once_systemd_has_read_it(guest):
    made = guest(services={"walinuxagent": {"restart": "no"}})
    place = "/etc/systemd/system/walinuxagent.service.d"
    shown = said(
        made,
        f"systemctl daemon-reload; mkdir -p {place}; printf '[Service]\\nRestart=always\\n' >{place}/x.conf;"
        "systemctl show -p Restart --value walinuxagent; systemctl daemon-reload;"
        "systemctl show -p Restart --value walinuxagent",
    )
    assert shown == "no\nalways\n"


@needs_rooms
@needs_disks
def test_a_restart_mounts_fstab_starts_what_is_enabled_and_forgets_what_was_handed_over(guest):
    made = guest(
        services={"walinuxagent": {"hung": True}, "mysql": {"enabled": False}, "web": {"broken": True}},
        disks={"/data": {}, "/spare": {"fstab": False}},
        reboot_required=True,
        at_boot={"files": {"/etc/after": "restart\n"}},
    )
    said(made, "umount /data; : >/tmp/x; systemd-run --unit=one --on-active=30 true")
    assert not made.agent_reports()
    made.boot()
    state = made.state
    assert {name: one["state"] for name, one in state["services"].items()} == {
        "mysql": "inactive", "walinuxagent": "active", "web": "failed",
    }  # fmt: skip
    assert (state["mounted"], state["tasks"], state["reboot_required"]) == (["/data"], [], False)
    assert (made.read("/etc/after"), made.read("/tmp/x")) == ("restart\n", None)
    assert made.agent_reports()


# Where it cannot be done, and afterwards


def test_where_there_are_no_namespaces_a_script_fails_and_says_so(guest, monkeypatch, tmp_path):
    linux_room.reason_not_to.cache_clear()
    monkeypatch.setenv("PATH", str(tmp_path))
    try:
        result = guest().run("true", 60)
    finally:
        linux_room.reason_not_to.cache_clear()
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("simulator: this machine cannot run guest scripts (unshare: ")


@needs_rooms
def test_where_disks_cannot_be_made_nothing_runs_and_they_stay_unclean(guest):
    made = guest(disks={"/data": {"unclean": True, "kind": "ext9"}})
    assert "the disks of this guest cannot be made" in made.run("true", 60).stderr
    assert made.state["unclean"] == ["/data"]


@needs_rooms
def test_nothing_of_a_guest_is_left_when_it_is_closed_or_forgotten():
    mounts = Path("/proc/self/mounts").read_text()
    closed, forgotten = LinuxGuest({"unclean": ["/data"]} if LOOPS else {}), LinuxGuest()
    for one in (closed, forgotten):
        one.run("true", 60)
    folders = [closed.folder, forgotten.folder]
    closed.close()
    del one, forgotten
    gc.collect()
    assert [folder.exists() for folder in folders] == [False, False]
    assert Path("/proc/self/mounts").read_text() == mounts
    attached = [one.read_text() for one in Path("/sys/block").glob("loop*/loop/backing_file")]
    assert [one for one in attached if str(folders[0]) in one] == []


def test_a_guest_that_nobody_looks_into_takes_no_place_on_this_machine(guest):
    made = guest(services={"walinuxagent": {"state": "inactive"}})
    assert not made.agent_reports()
    assert made.later(START) is None
    assert made._folder is None


# On a stage


@needs_rooms
def test_a_scenario_breaks_the_inside_and_asks_it_whether_backups_fail():
    stage = Stage(World(), "web-01").machine().web_server()
    inside(stage, files={"/etc/azure/vmbackup.conf": "[SnapshotThread]\nfsfreeze: Tr\u00fce\n"})
    fails_while_inside(
        stage, "UserErrorFsFreezeFailed", lambda state: "\u00fc" in state["files"]["/etc/azure/vmbackup.conf"]
    )
    (obstacle,) = stage.item.obstacles
    assert obstacle.holds()
    linux(stage).run("sed -i 's/Tr.*e$/True/' /etc/azure/vmbackup.conf", 60)
    assert not obstacle.holds()
    stage.world.close()


def test_the_whole_world_shows_what_is_inside_and_a_reset_gives_it_back(ask, sim: Simulator, vm):
    inside_of = Stage(sim.world, "web-01")
    inside_of.vm = vm
    inside(inside_of, services={"walinuxagent": {"state": "inactive"}})
    assert vm.agent == "NotReady"
    (shown,) = ask("GET", "/_sim/state").body["vms"]
    assert shown["inside"]["services"]["walinuxagent"]["state"] == "inactive"
    folder = vm.inside.folder
    sim.reset()
    assert not folder.exists()
