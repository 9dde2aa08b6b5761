"""The scripts for the Linux agent, run for real in throw-away roots. SELinux's tools and the package managers of Red
Hat and SUSE are stand-ins; apt and dpkg are real."""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actions.guest.scripts import find_script
from arm.errors import UsageError

from .guestroot import LAYOUTS, RECORD, GuestRoot, Ran, matches

LIB = "/var/lib/waagent"
EXTENSION = "Microsoft.Azure.RecoveryServices.VMSnapshotLinux"
SNAPSHOT_AT_WORK = f"python3 {LIB}/{EXTENSION}-1.0.9182.0/main/handle.py -enable"

Guest = Callable[..., GuestRoot]


def only(ran: Ran, action: str) -> None:
    """Prove that nothing was touched but what the manifest names."""
    touches = find_script(action).touches
    assert [one for one in ran.touched if not matches(one, touches)] == []


def ok(ran: Ran) -> dict[str, Any]:
    assert ran.status == 0, (ran.output, ran.errors)
    return ran.answer


def all_of_it(root: GuestRoot, action: str, parameters: dict[str, str] | None = None) -> None:
    """Check, apply, check, apply again, undo: and everything is as it was."""
    before = root.state()
    seen = ok(root.run(action, "check", parameters))
    assert (seen["needed"], seen["applied"]) == (True, False)
    applied = root.run(action, "apply", parameters)
    assert (ok(applied)["needed"], applied.answer["applied"]) == (True, True)
    assert applied.answer["changed"]
    only(applied, action)
    assert applied.touched
    again = ok(root.run(action, "check", parameters))
    assert (again["needed"], again["applied"], again["found"]["recorded"]) == (False, True, True)
    root.run_tasks()
    twice = root.run(action, "apply", parameters)
    assert (ok(twice)["needed"], twice.answer["applied"], twice.touched, twice.record) == (False, True, (), ())
    undone = root.run(action, "undo", parameters)
    assert ok(undone)["applied"] is True
    only(undone, action)
    root.run_tasks()
    after = root.state()
    differs = {one for one in before.keys() | after.keys() if before.get(one) != after.get(one)}
    assert [one for one in differs if not one.startswith(RECORD)] == []
    assert not root.exists(f"{RECORD}/{action}/was")
    assert root.run(action, "undo", parameters).status == 1


# ---- restart_waagent --------------------------------------------------------------------------------------------


def test_a_stopped_agent_is_started_after_the_script_has_ended(root: GuestRoot) -> None:
    root.agent(state="failed")
    seen = ok(root.run("restart_waagent", "check"))
    assert (seen["needed"], seen["found"]["agent_state"]) == (True, "failed")
    ran = root.run("restart_waagent", "apply")
    assert (ok(ran)["applied"], ran.answer["pending"], ran.touched) == (True, "agent restart", ())
    assert [one.split()[0] for one in ran.calls] == ["systemd-run"]
    assert ok(root.run("restart_waagent", "check"))["found"]["agent_state"] == "failed"
    root.run_tasks()
    after = ok(root.run("restart_waagent", "check"))
    assert (after["needed"], after["found"]["agent_state"], after["found"]["result"]["ok"]) == (False, "active", True)
    assert root.read("/run/stand-in/started") == f"{root.service}\n"


def test_asking_twice_restarts_once(root: GuestRoot) -> None:
    for _ in range(2):
        assert ok(root.run("restart_waagent", "apply"))["pending"] == "agent restart"
    assert len(root.tasks()) == 1
    root.run_tasks()
    third = root.run("restart_waagent", "apply")
    assert (ok(third)["needed"], third.answer["applied"], root.tasks()) == (False, True, [])


def test_an_agent_that_will_not_start_is_reported(guest: Guest) -> None:
    root = guest()
    root.agent(state="failed")
    root.write(f"/run/stand-in/units/{root.service}/broken", "")
    root.run("restart_waagent", "apply")
    root.run_tasks()
    after = ok(root.run("restart_waagent", "check"))
    assert (after["needed"], after["found"]["result"]["ok"]) == (True, False)
    assert after["found"]["result"]["detail"] == "walinuxagent is failed"


@pytest.mark.parametrize("action", ["restart_waagent", "fix_waagent_conf", "remove_vmsnapshotlinux_dir"])
def test_nothing_is_done_while_the_backup_extension_is_at_work(guest: Guest, action: str) -> None:
    root = guest()
    root.write("/etc/waagent.conf", "Extensions.Enabled=n\n")
    root.write(f"{LIB}/{EXTENSION}-1.0.9182.0/main/handle.py", "")
    root.process(SNAPSHOT_AT_WORK)
    ran = root.run(action, "apply")
    assert (ran.status, ran.touched, root.tasks()) == (3, (), [])
    assert "the backup extension is at work" in ran.answer["refused"]


def test_the_extension_is_known_by_its_directory_as_well(guest: Guest) -> None:
    root = guest()
    root.write(f"{LIB}/{EXTENSION}-1.0.9182.0/main/handle.py", "")
    started = "exec -a 'python3 main/handle.py -enable' sleep 1000 >/dev/null 2>&1"
    root.shell(f"cd {LIB}/{EXTENSION}-1.0.9182.0; ( {started} & )", "bash")
    assert root.run("restart_waagent", "apply").status == 3


@pytest.mark.parametrize("age", ["02:00:00", "1-00:00:01"])
def test_an_extension_that_hangs_for_hours_is_no_reason_to_wait(guest: Guest, age: str) -> None:
    root = guest()
    root.tool("ps", f"#!/bin/sh\necho '   {age}'\n")
    root.process(SNAPSHOT_AT_WORK)
    assert ok(root.run("restart_waagent", "apply"))["pending"] == "agent restart"


def test_an_extension_whose_age_cannot_be_told_is_at_work(guest: Guest) -> None:
    root = guest()
    root.hide("ps")
    root.process(SNAPSHOT_AT_WORK)
    assert root.run("restart_waagent", "apply").status == 3


@pytest.mark.parametrize("action", ["restart_waagent", "enable_waagent_autorestart"])
def test_without_an_agent_it_is_refused(guest: Guest, action: str) -> None:
    root = guest()
    root.no_agent()
    for verb in ("check", "apply"):
        ran = root.run(action, verb)
        assert (ran.status, ran.touched, ran.record) == (3, (), ())
        assert "no service walinuxagent or waagent" in ran.answer["refused"]


# ---- fix_waagent_conf -------------------------------------------------------------------------------------------


def switched_off(root: GuestRoot) -> str:
    text = root.read("/etc/waagent.conf").replace("Extensions.Enabled=y", "Extensions.Enabled=n")
    root.write("/etc/waagent.conf", text, 0o640)
    return text


def test_extension_handling_is_switched_on_and_nothing_else_differs(root: GuestRoot) -> None:
    before = switched_off(root)
    all_of_it(root, "fix_waagent_conf")
    root.run("fix_waagent_conf", "apply")
    assert root.read("/etc/waagent.conf") == before.replace("Extensions.Enabled=n", "Extensions.Enabled=y")
    assert root.at("/etc/waagent.conf").stat().st_mode & 0o777 == 0o640


def test_the_agent_is_restarted_after_the_script_has_ended(root: GuestRoot) -> None:
    switched_off(root)
    ran = root.run("fix_waagent_conf", "apply")
    assert (ok(ran)["pending"], not root.exists("/run/stand-in/started")) == ("agent restart", True)
    root.run_tasks()
    assert root.read("/run/stand-in/started") == f"{root.service}\n"


def test_provisioning_and_updates_are_left_alone_unless_asked(root: GuestRoot) -> None:
    root.write("/etc/waagent.conf", "Extensions.Enabled=n\nProvisioning.Agent=disabled\nAutoUpdate.Enabled=n\n")
    root.run("fix_waagent_conf", "apply")
    assert root.read("/etc/waagent.conf") == "Extensions.Enabled=y\nProvisioning.Agent=disabled\nAutoUpdate.Enabled=n\n"
    root.run_tasks()
    asked = {"provisioning": "auto", "autoupdate": "y"}
    assert ok(root.run("fix_waagent_conf", "apply", asked))["applied"] is True
    assert root.read("/etc/waagent.conf") == "Extensions.Enabled=y\nProvisioning.Agent=auto\nAutoUpdate.Enabled=y\n"


def test_no_other_value_is_taken(guest: Guest) -> None:
    for value in ("on", "auto;id", "auto\n", "$(id)", "auto'"):
        with pytest.raises(UsageError):
            guest().run("fix_waagent_conf", "apply", {"provisioning": value})


CONFIGURATIONS = [  # what is there, and what it becomes (None: it is right)
    ("Extensions.Enabled=y\n", None),
    ("Extensions.Enabled=Y\n", None),
    ("# Extensions.Enabled=n\n", None),
    ("Nothing=set\n", None),
    ("Extensions.Enabled=n\nExtensions.Enabled=y\n", None),
    ('Extensions.Enabled="y" # on\n', None),
    ("  Extensions.Enabled = n  # off\n", "Extensions.Enabled=y\n"),
    ("Extensions.Enabled=y\nExtensions.Enabled=n\n", "Extensions.Enabled=y\nExtensions.Enabled=y\n"),
    ("Extensions.Enable=n\n", "Extensions.Enable=y\n"),
    ("Extensions.Enabled=n\r\nOther=x\r\n", "Extensions.Enabled=y\nOther=x\r\n"),
    ("Extensions.Enabled=n", "Extensions.Enabled=y\n"),
    ("A='$(touch /tmp/owned)'\n\"`id`\"\nümläut=日本\nExtensions.Enabled=n\n",
     "A='$(touch /tmp/owned)'\n\"`id`\"\nümläut=日本\nExtensions.Enabled=y\n"),
    ("NotExtensions.Enabled=n\nExtensions.Enabled=n\n", "NotExtensions.Enabled=n\nExtensions.Enabled=y\n"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "becomes"), CONFIGURATIONS)
def test_the_file_is_read_as_the_agent_reads_it(guest: Guest, text: str, becomes: str | None) -> None:
    root = guest()
    root.write("/etc/waagent.conf", text)
    ran = root.run("fix_waagent_conf", "apply")
    assert (ok(ran)["needed"], ran.answer["applied"]) == (becomes is not None, True)
    assert root.at("/etc/waagent.conf").read_bytes().decode() == (text if becomes is None else becomes)
    only(ran, "fix_waagent_conf")


@pytest.mark.parametrize("how", ["absent", "symbolic link", "not text"])
def test_a_configuration_that_is_no_plain_text_file_is_refused(guest: Guest, how: str) -> None:
    root = guest()
    root.write("/etc/elsewhere", "Extensions.Enabled=n\n")
    if how == "not text":
        root.write("/etc/waagent.conf", b"Extensions.Enabled=n\n\0\0\0")
    else:
        root.shell("rm /etc/waagent.conf")
    if how == "symbolic link":
        root.shell("ln -s elsewhere /etc/waagent.conf")
    ran = root.run("fix_waagent_conf", "apply")
    assert (ran.status, ran.touched, root.tasks()) == (3, (), [])


def test_with_a_full_disk_the_configuration_stays(guest: Guest) -> None:
    root = guest(size="4m")
    root.write("/etc/waagent.conf", "Extensions.Enabled=n\n" + "# x\n" * 2000)
    root.fill()
    ran = root.run("fix_waagent_conf", "apply")
    assert (ran.status, ran.touched, root.tasks(), ran.answer["changed"]) == (1, (), [], [])


def test_without_systemd_run_the_configuration_stays(guest: Guest) -> None:
    root = guest()
    root.hide("systemd-run")
    switched_off(root)
    ran = root.run("fix_waagent_conf", "apply")
    assert (ran.status, ran.touched) == (3, ())
    assert "systemd-run is missing" in ran.answer["refused"]


# ---- enable_waagent_autorestart ---------------------------------------------------------------------------------


@pytest.mark.parametrize("restart", ["", "Restart=no", "Restart=on-failure"])
def test_the_agent_is_started_again_whenever_it_ends(root: GuestRoot, restart: str) -> None:
    root.agent(restart=restart)
    all_of_it(root, "enable_waagent_autorestart")
    ran = root.run("enable_waagent_autorestart", "apply")
    drop_in = f"/etc/systemd/system/{root.service}.service.d/azure-backup-remediation.conf"
    assert root.read(drop_in) == "[Service]\nRestart=always\nRestartSec=5\n"
    assert root.at(drop_in).stat().st_mode & 0o777 == 0o644
    assert ok(ran)["found"]["agent_restart"] == "always"
    assert not root.exists("/run/stand-in/started")


def test_an_agent_that_is_restarted_already_is_left_alone(root: GuestRoot) -> None:
    ran = root.run("enable_waagent_autorestart", "apply")
    assert (ok(ran)["needed"], ran.answer["applied"], ran.touched, ran.calls) == (False, True, (), ())


def test_the_drop_ins_of_others_stay(guest: Guest) -> None:
    root = guest()
    root.agent(restart="Restart=no")
    other = f"/etc/systemd/system/{root.service}.service.d/10-cpu.conf"
    root.write(other, "[Service]\nCPUQuota=5%\n")
    all_of_it(root, "enable_waagent_autorestart")
    assert root.read(other) == "[Service]\nCPUQuota=5%\n"


def test_without_systemd_there_is_nothing_to_enable(guest: Guest) -> None:
    root = guest()
    root.no_systemd()
    ran = root.run("enable_waagent_autorestart", "apply")
    assert (ran.status, ran.answer["refused"]) == (3, "this system does not run systemd")


# ---- remove_stale_goal_state_xml --------------------------------------------------------------------------------


def goal_states(root: GuestRoot) -> None:
    for name in (
        "GoalState.1.xml",
        "ExtensionsConfig.1.xml",
        "GoalState.33.xml",
        "Prod.2.manifest.xml",
        "Sha.3$(x) 'q.xml",
    ):
        root.write(f"{LIB}/{name}", name)
    for name in ("HostingEnvironmentConfig.xml", "SharedConfig.xml", "Certificates.pem", "ovf-env.xml", "notes.1.txt"):
        root.write(f"{LIB}/{name}", name)
    root.write(f"{LIB}/history/GoalState.1.xml", "kept")


def test_stale_goal_states_are_moved_and_the_present_one_stays(root: GuestRoot) -> None:
    goal_states(root)
    root.write(f"{LIB}/Incarnation", "33\n")
    all_of_it(root, "remove_stale_goal_state_xml")
    assert ok(root.run("remove_stale_goal_state_xml", "apply"))["applied"] is True
    left = set(root.shell(f"ls {LIB}").split("\n"))
    assert {"GoalState.33.xml", "HostingEnvironmentConfig.xml", "SharedConfig.xml", "ovf-env.xml", "history"} <= left
    assert not left & {"GoalState.1.xml", "ExtensionsConfig.1.xml", "Prod.2.manifest.xml"}
    assert root.shell(f"cat {RECORD}/remove_stale_goal_state_xml/was/*/copy | wc -c") != "0\n"


def test_without_an_incarnation_the_newest_goal_state_is_the_present_one(guest: Guest) -> None:
    root = guest()
    goal_states(root)
    root.run("remove_stale_goal_state_xml", "apply")
    assert root.exists(f"{LIB}/GoalState.33.xml")
    assert not root.exists(f"{LIB}/GoalState.1.xml")


def test_a_symbolic_link_is_no_goal_state(guest: Guest) -> None:
    root = guest()
    root.write("/home/file", "text")
    root.shell(f"ln -s /home/file {LIB}/GoalState.1.xml")
    ran = root.run("remove_stale_goal_state_xml", "apply")
    assert (ok(ran)["needed"], ran.touched) == (False, ())


# ---- remove_vmsnapshotlinux_dir ---------------------------------------------------------------------------------


def test_the_extension_is_moved_away_with_its_settings(root: GuestRoot) -> None:
    root.write(
        f"{LIB}/{EXTENSION}-1.0.9182.0/main/tempPlugin/vmbackup.conf", "[SnapshotThread]\nfsfreeze: True\n", 0o600
    )
    root.write(f"{LIB}/{EXTENSION}-1.0.9182.0/bin/safefreeze", "binary", 0o755)
    others = (f"{EXTENSION}-1.0", f"{EXTENSION}-1.0.9182.0.zip", f"{EXTENSION}-1.0.91x2.0", f"{EXTENSION}Other-1.0.1.0")
    for name in (*others, f"{EXTENSION}-1.0.1.0\n", "WALinuxAgent-2.9.1.1"):
        root.write(f"{LIB}/{name}/file", "stays")
    all_of_it(root, "remove_vmsnapshotlinux_dir")
    ran = root.run("remove_vmsnapshotlinux_dir", "apply")
    assert {one.removeprefix(f"{LIB}/{EXTENSION}-1.0.9182.0") for one in ran.touched} == {
        "", "/main", "/main/tempPlugin", "/main/tempPlugin/vmbackup.conf", "/bin", "/bin/safefreeze",
    }  # fmt: skip
    copy = root.shell(f"ls {RECORD}/remove_vmsnapshotlinux_dir/was/*/copy/main/tempPlugin/vmbackup.conf").strip()
    assert root.read(copy) == "[SnapshotThread]\nfsfreeze: True\n"


def test_an_extension_that_was_installed_anew_is_not_overwritten(guest: Guest) -> None:
    root = guest()
    root.write(f"{LIB}/{EXTENSION}-1.0.9182.0/file", "old")
    root.run("remove_vmsnapshotlinux_dir", "apply")
    root.write(f"{LIB}/{EXTENSION}-1.0.9182.0/file", "new")
    ran = root.run("remove_vmsnapshotlinux_dir", "undo")
    assert (ran.status, ran.touched, ran.record) == (3, (), ())
    assert root.read(f"{LIB}/{EXTENSION}-1.0.9182.0/file") == "new"


# ---- exclude_waagent_from_selinux -------------------------------------------------------------------------------

SEMANAGE = r"""#!/bin/sh
# Stands in for semanage: local rules in a file.
rules=/etc/selinux/local-rules
[ "$1" = fcontext ] || exit 2
case $2 in
  -l) sed 's/^\(.*\) \([a-z_]*\)$/\1                    all files          system_u:object_r:\2:s0 /' "$rules" ;;
  -a) printf '%s %s\n' "$5" "$4" >>"$rules" ;;
  -d) grep -vF "$3 " "$rules" >"$rules.new"; cat "$rules.new" >"$rules"; rm "$rules.new" ;;
  *) exit 2 ;;
esac
"""


def selinux(root: GuestRoot, mode: str = "Enforcing") -> None:
    root.tool("getenforce", f"#!/bin/sh\necho {mode}\n")
    root.tool("semanage", SEMANAGE)
    root.tool("restorecon", '#!/bin/sh\nprintf "restorecon %s\\n" "$*" >>/run/stand-in/calls\n')
    root.write("/etc/selinux/local-rules", "/srv/other(/.*)? httpd_sys_content_t\n")


def test_extensions_are_labelled_as_programs_and_selinux_stays_on(guest: Guest) -> None:
    root = guest("redhat")
    selinux(root)
    before = root.read("/etc/selinux/local-rules")
    assert ok(root.run("exclude_waagent_from_selinux", "check"))["needed"] is True
    ran = root.run("exclude_waagent_from_selinux", "apply")
    assert (ok(ran)["applied"], ran.touched) == (True, ("/etc/selinux/local-rules",))
    assert root.read("/etc/selinux/local-rules") == before + "/var/lib/waagent/[^/]+/.* bin_t\n"
    assert ran.calls == ("restorecon -R /var/lib/waagent",)
    assert ok(root.run("exclude_waagent_from_selinux", "apply"))["needed"] is False
    assert ok(root.run("exclude_waagent_from_selinux", "undo"))["applied"] is True
    assert root.read("/etc/selinux/local-rules") == before


def test_without_selinux_there_is_nothing_to_exclude(guest: Guest) -> None:
    assert ok(guest().run("exclude_waagent_from_selinux", "apply"))["needed"] is False
    root = guest("redhat")
    selinux(root, "Disabled")
    assert ok(root.run("exclude_waagent_from_selinux", "apply"))["needed"] is False


def test_without_semanage_it_is_refused(guest: Guest) -> None:
    root = guest("redhat")
    selinux(root)
    root.hide("semanage")
    ran = root.run("exclude_waagent_from_selinux", "apply")
    assert (ran.status, ran.touched) == (3, ())
    assert "semanage is missing" in ran.answer["refused"]


def test_a_rule_of_the_site_is_left_alone(guest: Guest) -> None:
    root = guest("redhat")
    selinux(root)
    root.write("/etc/selinux/local-rules", "/var/lib/waagent/[^/]+/.* site_t\n")
    ran = root.run("exclude_waagent_from_selinux", "apply")
    assert (ran.status, ran.touched) == (3, ())


# ---- collect_waagent_logs ---------------------------------------------------------------------------------------

SECRET = "S3cr3tValue"
LONG = "MIIB" + "Ab9+/" * 60
SECRETS = {
    f"{LIB}/ExtensionsConfig.33.xml": f'<x>{{"protectedSettings":"{SECRET}{LONG}","publicSettings":{{"a":"keepme"}}}}',
    f"{LIB}/ExtensionsConfig.34.xml": f"<x>{{&quot;protectedSettings&quot;:&quot;{SECRET}&quot;}} keepme</x>",
    f"{LIB}/ExtensionsConfig.35.xml": f'"{{\\"protectedSettings\\": \\"{SECRET}\\/{SECRET}\\"}}" keepme',
    f"{LIB}/Blob.1.xml": f"<StatusUploadBlob>https://x.blob.core.windows.net/a?sv=1&amp;sig={SECRET}%3D&amp;keepme</StatusUploadBlob>",
    f"{LIB}/ovf-env.xml": f"<UserPassword>{SECRET}</UserPassword>",
    f"{LIB}/Certificates.xml": f"<Data>{SECRET}</Data>",
    f"{LIB}/x.prv": SECRET,
    "/var/log/waagent.log": f'keepme password={SECRET} AccountKey={SECRET}; "secret": "{SECRET}"\n{LONG}\n',
    f"/var/log/azure/{EXTENSION}/extension.log": f"keepme https://x/?sig={SECRET}\n\xff",
    f"/var/log/azure/{EXTENSION}/weird $(touch owned)\n'name.log": "keepme",
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_logs_are_collected_without_their_secrets(guest: Guest, layout: str) -> None:
    root = guest(layout, size="256m")
    for path, text in SECRETS.items():
        root.write(path, text)
    ran = root.run("collect_waagent_logs", "apply")
    answer = ok(ran)
    assert ran.touched == ()
    archive = root.at(answer["found"]["archive"])
    assert (archive.stat().st_mode & 0o777, archive.stat().st_size) == (0o600, answer["found"]["bytes"])
    assert archive.parent.stat().st_mode & 0o777 == 0o700
    with tarfile.open(archive) as file:
        texts = {one.name: file.extractfile(one).read() for one in file if one.isfile()}  # type: ignore[union-attr]
    assert all(SECRET.encode() not in text for text in texts.values()), texts
    assert all(LONG.encode()[:80] not in text for text in texts.values())
    assert all(b"keepme" in text for text in texts.values())
    assert {f".{LIB}/ExtensionsConfig.33.xml", "./var/log/waagent.log"} <= texts.keys()
    assert not [one for one in texts if one.endswith((".prv", "ovf-env.xml", "Certificates.xml"))]


def test_the_logs_are_not_collected_again_within_the_hour(guest: Guest) -> None:
    root = guest(size="256m")
    assert ok(root.run("collect_waagent_logs", "apply"))["needed"] is True
    ran = root.run("collect_waagent_logs", "apply")
    assert (ok(ran)["needed"], ran.record) == (False, ())


def test_with_little_room_nothing_is_collected(guest: Guest) -> None:
    root = guest(size="16m")
    root.write("/var/log/waagent.log", "text")
    ran = root.run("collect_waagent_logs", "apply")
    assert (ran.status, ran.touched) == (3, ())
    assert "less than 100 MB are free" in ran.answer["refused"]


# ---- update_waagent ---------------------------------------------------------------------------------------------

POSTINST = "#!/bin/sh\ntouch /var/lib/made-by-the-package\nsystemctl restart {service}.service\n"


def package(folder: Path, name: str, version: str, service: str, depends: str = "") -> Path:
    """Build a real package of the agent."""
    top = folder / f"{name}-{version}"
    for path, text in {
        "DEBIAN/control": f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: x <x@x>\n"
        f"{f'Depends: {depends}' if depends else 'Section: admin'}\nDescription: agent\n",
        "DEBIAN/postinst": POSTINST.format(service=service),
        "DEBIAN/conffiles": "/etc/waagent.conf\n",
        "etc/waagent.conf": f"# {version}\nExtensions.Enabled=y\n",
        f"var/lib/{name}/version": version,
    }.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text)
    (top / "DEBIAN/postinst").chmod(0o755)
    target = folder / f"{name}_{version}_all.deb"
    subprocess.run(
        ["dpkg-deb", "--build", "--root-owner-group", str(top), str(target)], check=True, capture_output=True
    )
    return target


def with_apt(root: GuestRoot, tmp_path: Path, versions: tuple[str, ...], depends: str = "") -> str:
    """Give a root a real dpkg database with the agent's first version, and a repository with the others."""
    name = {"debian": "waagent", "ubuntu": "walinuxagent"}[root.layout]
    if not Path("/usr/bin/dpkg-scanpackages").exists():
        pytest.skip("a real repository needs dpkg-dev")
    for place in ("/var/lib/dpkg/status", "/var/lib/dpkg/available", "/etc/apt/apt.conf.d/none"):
        root.write(place, "")
    for place in ("/var/lib/dpkg/info", "/var/lib/dpkg/updates", "/var/lib/dpkg/triggers", "/etc/apt/preferences.d"):
        root.at(place).mkdir(parents=True, exist_ok=True)
    for place in ("/var/lib/apt/lists/partial", "/var/cache/apt/archives/partial", "/var/log/apt"):
        root.at(place).mkdir(parents=True, exist_ok=True)
    root.write("/etc/passwd", root.read("/etc/passwd") + "_apt:x:42:65534::/nonexistent:/usr/sbin/nologin\n")
    for place in ("/var/lib/apt/lists/partial", "/var/cache/apt/archives/partial"):
        root.shell(f"chown 42 {place}")
    root.write("/etc/apt/sources.list", "deb [trusted=yes] file:/srv/repository ./\n")
    root.at("/srv/repository").mkdir(parents=True)
    for number, version in enumerate(versions):
        built = package(tmp_path, name, version, root.service, depends if number else "")
        root.write(f"/srv/repository/{built.name}", built.read_bytes())
    if depends:
        built = package(tmp_path, depends, "1.0", root.service)
        root.write(f"/srv/repository/{built.name}", built.read_bytes())
    root.shell(f"dpkg --force-confold -i /srv/repository/{name}_{versions[0]}_all.deb")
    root.shell("cd /srv/repository && dpkg-scanpackages --multiversion . >Packages 2>/dev/null")
    root.shell("rm -f /run/stand-in/started")
    return name


@pytest.mark.parametrize("layout", ["debian", "ubuntu"])
def test_the_package_is_updated_after_the_script_has_ended(guest: Guest, tmp_path: Path, layout: str) -> None:
    root = guest(layout)
    name = with_apt(root, tmp_path, ("2.2.30", "2.9.1"))
    root.write("/etc/waagent.conf", "# mine\nExtensions.Enabled=y\n")
    seen = ok(root.run("update_waagent", "check"))
    assert (seen["needed"], seen["found"]["package"], seen["found"]["installed"]) == (True, name, "2.2.30")
    ran = root.run("update_waagent", "apply")
    assert (ok(ran)["pending"], ran.answer["applied"]) == ("agent update", True)
    only(ran, "update_waagent")
    assert not root.exists("/run/stand-in/started")
    assert root.read(f"/var/lib/{name}/version") == "2.2.30"
    root.shell("rm /var/lib/made-by-the-package")
    root.run_tasks()
    assert root.at("/var/lib/made-by-the-package").stat().st_mode & 0o777 == 0o644
    assert root.at("/var/cache/apt/pkgcache.bin").stat().st_mode & 0o777 == 0o644
    after = ok(root.run("update_waagent", "check"))
    assert (after["needed"], after["found"]["installed"], after["found"]["offered"]) == (False, "2.9.1", "2.9.1")
    assert (after["found"]["result"]["ok"], after["found"]["result"]["detail"]) == (True, f"{name} 2.2.30 to 2.9.1")
    assert root.read("/etc/waagent.conf") == "# mine\nExtensions.Enabled=y\n"
    assert root.read("/run/stand-in/started") == f"{root.service}\n"


def test_without_a_newer_package_nothing_is_installed(guest: Guest, tmp_path: Path) -> None:
    root = guest()
    with_apt(root, tmp_path, ("2.2.30",))
    ran = root.run("update_waagent", "apply")
    assert (ok(ran)["needed"], ran.answer["applied"], root.tasks()) == (False, True, [])
    only(ran, "update_waagent")


def test_an_update_that_brings_in_others_is_refused(guest: Guest, tmp_path: Path) -> None:
    root = guest()
    with_apt(root, tmp_path, ("2.2.30", "2.9.1"), depends="something-else")
    ran = root.run("update_waagent", "apply")
    assert (ran.status, root.tasks()) == (3, [])
    assert "something-else" in ran.answer["refused"]


def test_a_repository_that_cannot_be_reached_is_a_reason_to_refuse(guest: Guest, tmp_path: Path) -> None:
    root = guest()
    with_apt(root, tmp_path, ("2.2.30", "2.9.1"))
    root.write("/etc/apt/sources.list", "deb [trusted=yes] http://127.0.0.1:9/ ./\n")
    ran = root.run("update_waagent", "apply")
    assert (ran.status, root.tasks()) == (3, [])
    assert "a repository cannot be reached" in ran.answer["refused"]


def test_another_package_manager_at_work_is_a_reason_to_refuse(guest: Guest, tmp_path: Path) -> None:
    root = guest()
    with_apt(root, tmp_path, ("2.2.30", "2.9.1"))
    lock = (
        "import fcntl,time; f=open('/var/lib/dpkg/lock-frontend','w'); fcntl.lockf(f,fcntl.LOCK_EX);"
        "open('/run/held','w').close(); time.sleep(1000)"
    )
    root.shell(f'python3 -c "{lock}" >/dev/null 2>&1 & while [ ! -e /run/held ]; do :; done')
    ran = root.run("update_waagent", "apply")
    assert (ran.status, root.tasks(), ran.touched) == (3, [], ())
    assert ran.answer["refused"] == "another package manager holds /var/lib/dpkg/lock-frontend"


RPM = """#!/bin/sh
case "$*" in *WALinuxAgent) echo {version} ;; *) echo "package is not installed"; exit 1 ;; esac
"""
DNF = """#!/bin/sh
printf 'dnf %s\\n' "$*" >>/run/stand-in/calls
case "$*" in
  *-C*) exit 1 ;;
  *check-update*) exit {check} ;;
  *--assumeno*) printf '%s\\n' 'Transaction Summary' '=====' {summary} 'Operation aborted.'; exit 1 ;;
  '-y update WALinuxAgent') printf 2.9.1-1 >/run/stand-in/new ;;
  *) exit 9 ;;
esac
"""


def with_dnf(root: GuestRoot, check: int = 100, summary: str = "'Upgrade  1 Package'") -> None:
    root.tool("rpm", RPM.format(version="$(cat /run/stand-in/new 2>/dev/null || echo 2.2.30-1)"))
    root.tool("dnf", DNF.format(check=check, summary=summary))


def test_the_package_of_red_hat_is_updated_after_the_script_has_ended(guest: Guest) -> None:
    root = guest("redhat")
    with_dnf(root)
    ran = root.run("update_waagent", "apply")
    assert (ok(ran)["pending"], ran.answer["found"]["package"]) == ("agent update", "WALinuxAgent")
    assert not [one for one in ran.calls if " -y " in one]
    root.run_tasks()
    assert ok(root.run("update_waagent", "check"))["found"]["result"]["detail"] == "WALinuxAgent 2.2.30-1 to 2.9.1-1"


@pytest.mark.parametrize(
    ("check", "summary", "why"),
    [
        (1, "''", "a repository cannot be reached"),
        (100, "'Install  1 Package' 'Upgrade  1 Package'", "would change other packages as well: Install"),
        (100, "'Upgrade  2 Packages'", "would change other packages as well: Upgrade"),
        (100, "'Nothing to do.'", "would change other packages as well"),
    ],
)
def test_red_hat_refuses_what_is_more_than_this_package(guest: Guest, check: int, summary: str, why: str) -> None:
    root = guest("redhat")
    with_dnf(root, check, summary)
    ran = root.run("update_waagent", "apply")
    assert (ran.status, root.tasks(), ran.touched) == (3, [], ())
    assert why in ran.answer["refused"]


def test_red_hat_with_nothing_newer_changes_nothing(guest: Guest) -> None:
    root = guest("redhat")
    with_dnf(root, 0)
    ran = root.run("update_waagent", "apply")
    assert (ok(ran)["needed"], ran.answer["applied"], root.tasks()) == (False, True, [])


# ---- check_guest_linux ------------------------------------------------------------------------------------------

KEYS = re.findall(
    r"\w+",
    "os agent_service agent_state agent_enabled agent_process agent_version agent_restart python extensions_enable "
    "provisioning_agent auto_update http_proxy unclean duplicate_mounts stale_mounts failed_freeze vmbackup "
    "vmbackup_ascii root_free_mb root_free_percent selinux selinux_denials wireserver dns dhcp reboot_required "
    "time_synced script_config script_permissions extension_log vmsnapshot_dirs goal_state_files logs cpu_percent "
    "memory_percent data_disks",
)


def probe(root: GuestRoot) -> dict[str, Any]:
    ran = root.run("check_guest_linux", "check")
    assert (ran.touched, ran.record, ran.calls) == ((), (), ())
    found = ok(ran)["found"]
    assert list(found) == KEYS
    assert isinstance(found, dict)
    return found


def test_a_healthy_machine(root: GuestRoot) -> None:
    root.process("python3 -u /usr/sbin/waagent -daemon")
    found = probe(root)
    healthy = {
        "os": {"debian": "debian 12", "ubuntu": "ubuntu 22.04", "redhat": "rhel 8.8"}[root.layout],
        "agent_service": root.service, "agent_state": "active", "agent_enabled": True, "agent_process": True,
        "agent_version": "2.9.1.1", "agent_restart": "always", "extensions_enable": "y",
        "provisioning_agent": "cloud-init" if root.layout == "ubuntu" else "auto",
        "auto_update": "y" if root.layout == "redhat" else "missing", "http_proxy": "", "unclean": [],
        "duplicate_mounts": [], "stale_mounts": [], "failed_freeze": [], "vmbackup": {}, "vmbackup_ascii": None,
        "selinux": "", "selinux_denials": None, "wireserver": {"80": False, "32526": False}, "dns": False,
        "reboot_required": False, "script_config": "none", "script_permissions": [], "extension_log": "",
        "vmsnapshot_dirs": [], "goal_state_files": 0, "logs": [], "data_disks": None,
    }  # fmt: skip
    assert {key: found[key] for key in healthy} == healthy
    assert re.fullmatch(r"3\.\d+\.\d+\S*", found["python"])
    assert 40 <= found["root_free_mb"] <= 48
    assert 90 <= found["root_free_percent"] <= 100
    assert 0 <= found["cpu_percent"] <= 100
    assert 0 <= found["memory_percent"] <= 100


def test_an_agent_that_is_down(root: GuestRoot) -> None:
    root.agent(state="failed", enabled=False, restart="", version="2.2.10")
    switched_off(root)
    found = probe(root)
    seen = {key: found[key] for key in KEYS if key.startswith("agent_") or key == "extensions_enable"}
    assert seen == {
        "agent_service": root.service, "agent_state": "failed", "agent_enabled": False, "agent_process": False,
        "agent_version": "2.2.10", "agent_restart": "no", "extensions_enable": "n",
    }  # fmt: skip


def test_no_agent_at_all(guest: Guest) -> None:
    root = guest()
    root.no_agent()
    root.shell("rm /etc/waagent.conf")
    found = probe(root)
    assert (found["agent_service"], found["agent_state"], found["agent_version"]) == ("", "unknown", "")
    assert (found["extensions_enable"], found["agent_process"], found["agent_enabled"]) == ("missing", False, False)


def test_the_file_systems(guest: Guest, disks: None) -> None:
    root = guest()
    root.disk("/data", unclean=True)
    root.disk("/fine")
    root.disk("/apart", damaged=True, mounted=False)
    root.shell("mount --bind /fine /fine")
    # the kernel has lost the disk behind /mnt/gone
    root.disk("/mnt/gone", fstab=False)
    root.shell("mkdir /mnt/block; cp -a /sys/dev/block/. /mnt/block; rm /mnt/block/$(mountpoint -d /mnt/gone)")
    root.shell("mount --bind /mnt/block /sys/dev/block")
    found = probe(root)
    assert found["unclean"] == [
        "/dev/sdc1 /data ext4 not clean with errors",
        "/dev/sde1 /apart ext4 not clean with errors",
    ]
    assert "/fine" in found["duplicate_mounts"]
    assert found["stale_mounts"] == ["/mnt/gone"]


def test_the_backup_extension(guest: Guest) -> None:
    root = guest()
    log = f"/var/log/azure/{EXTENSION}/extension.log"
    root.write(
        log,
        "2026 Info all fine\n2026  Info  Failed to FIFREEZE: /data\r\n2026 Info Failed to FITHAW: /more data\n"
        '2026  Error  fsfreeze gave "$(touch /tmp/owned)" \x01 ü\n',
    )
    root.write(f"{LIB}/{EXTENSION}-1.0.9182.0/x", "")
    root.write(f"{LIB}/GoalState.1.xml", "")
    root.write(
        "/etc/azure/vmbackup.conf",
        "[Other]\nfsfreeze: no\n[SnapshotThread]\nfsfreeze: True\nMountsToSkip = /mnt, /a=b\n",
    )
    found = probe(root)
    assert found["failed_freeze"] == ["/data", "/more data"]
    assert 'gave "$(touch /tmp/owned)" \x01 ü' in found["extension_log"]
    assert found["vmbackup"] == {"fsfreeze": "True", "mountstoskip": "/mnt, /a=b"}
    assert (found["vmbackup_ascii"], found["vmsnapshot_dirs"]) == (True, [f"{EXTENSION}-1.0.9182.0"])
    assert (found["goal_state_files"], found["logs"]) == (1, [f"{log} {root.at(log).stat().st_size}"])
    root.write("/etc/azure/vmbackup.conf", "\ufeff[SnapshotThread]\n")
    assert probe(root)["vmbackup_ascii"] is False


CONFIG = {"pluginName": "ScriptRunner", "preScriptLocation": "/opt/pre.sh", "postScriptLocation": "/opt/post.sh"}


def test_the_scripts_before_and_after_a_snapshot(guest: Guest) -> None:
    root = guest()
    path = "/etc/azure/VMSnapshotScriptPluginConfig.json"
    root.write(path, json.dumps(CONFIG), 0o600)
    assert probe(root)["script_config"] == "invalid: /opt/pre.sh is not there"
    root.write("/opt/pre.sh", "", 0o700)
    root.write("/opt/post.sh", "", 0o755, (65534, 0))
    found = probe(root)
    assert (found["script_config"], found["script_permissions"]) == ("valid", ["/opt/post.sh 755 nobody"])
    root.write(path, json.dumps(CONFIG, indent=2)[:-2], 0o644)
    found = probe(root)
    assert (found["script_config"], found["script_permissions"][0]) == ("invalid: no JSON", f"{path} 644 root")


def test_the_network_and_the_system(guest: Guest) -> None:
    root = guest()
    root.listen("168.63.129.16", 80)
    root.write("/etc/hosts", "10.0.0.1 management.azure.com\n")
    root.write("/run/reboot-required", "")
    root.write("/etc/waagent.conf", "HttpProxy.Host=proxy.example.org\nHttpProxy.Port=3128\n")
    root.write("/var/log/audit/audit.log", 'avc:  denied  { execute } comm="waagent"\navc:  denied  { x } comm="y"\n')
    found = probe(root)
    assert (found["wireserver"], found["dns"]) == ({"80": True, "32526": False}, True)
    assert (found["reboot_required"], found["http_proxy"]) == (True, "proxy.example.org:3128")
    assert (found["selinux_denials"], found["extensions_enable"]) == (1, "missing")


@pytest.mark.parametrize(
    "tools",
    [
        ("waagent", "systemctl"),
        ("tune2fs", "findfs", "df", "ip", "getent", "ps"),
        ("bash", "python3", "python", "timedatectl", "chronyc"),
    ],
    ids=" ".join,
)
def test_a_part_that_cannot_be_told_is_null_and_never_an_error(guest: Guest, tools: tuple[str, ...]) -> None:
    root = guest()
    root.hide(*tools)
    found = probe(root)
    unknown = {"ps": "agent_process", "tune2fs": "unclean", "df": "root_free_mb", "getent": "dns", "ip": "dhcp"}
    assert [found[key] for tool, key in unknown.items() if tool in tools] == [None] * len(unknown.keys() & set(tools))
    if "bash" in tools:
        assert found["wireserver"] == {"80": None, "32526": None}
    if "waagent" in tools:
        assert found["agent_version"] == ""


def test_the_probe_answers_soon_and_within_its_size_whatever_it_finds(guest: Guest) -> None:
    root = guest()
    lines = "".join(f"Error Failed to FIFREEZE: /data/{number}/{'x' * 200}\n" for number in range(200))
    root.write(f"/var/log/azure/{EXTENSION}/extension.log", lines)
    for number in range(40):
        root.write(f"{LIB}/{EXTENSION}-1.0.9182.{number}/x", "")
    ran = root.run("check_guest_linux", "check", seconds=30)
    assert list(ok(ran)["found"]) == KEYS
    assert ran.answer["cut"] is True


def test_an_agent_that_hangs_when_it_is_asked_for_its_version(guest: Guest) -> None:
    root = guest()
    root.tool("waagent", "#!/bin/sh\nexec sleep 1000\n")
    text = find_script("check_guest_linux").text("check")
    assert text.count("limited 20 waagent") == 1
    found = ok(root.run_text(text.replace("limited 20 waagent", "limited 1 waagent")))["found"]
    assert (found["agent_version"], list(found)) == (None, KEYS)
