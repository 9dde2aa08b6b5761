"""Something inside Linux keeps the snapshot from being taken."""

from __future__ import annotations

import json
from collections.abc import Callable

from simulator.scenarios.guest import OLD_AGENT, linux_broken, repaired_but_silent
from simulator.scenarios.inside import linux, state_of
from simulator.scenarios.stage import Row, Stage
from simulator.wire import Json

FREEZE = "UserErrorFsFreezeFailed"
FREEZE_TIME = "UserErrorFsFreezeTimeout"
OPEN = "UserErrorUnableToOpenMount"
STUCK = "NoExtensionStatusButStatusBlobAvailable"
ENCODING = "VMBackupLinuxExtensionConfFileWrongEncodingFormat"
PRE_RIGHTS, POST_RIGHTS = "InsufficientPermissionforPre-Script", "InsufficientPermissionforPost-Script"
PRE_TIME, POST_TIME = "Pre-ScriptTimeout", "Post-ScriptTimeout"
AGENT_OLD = "UserErrorGuestAgentVersionUnsupported"
CRP = "ManagedRPCreationFailedInCrpButExtensionSucceeded"

CONFIG = "/etc/azure/VMSnapshotScriptPluginConfig.json"
PRE, POST = "/etc/azure/pre.sh", "/etc/azure/post.sh"
CONF = "/etc/azure/vmbackup.conf"
SETTINGS = "[SnapshotThread]\nfsfreeze: True\n# Größe der Warteschlange\nMountsToSkip =\n"
RECOVERY = "/mnt/recovery-20260201"
TASK: Json = {"text": "#!/bin/sh\nexit 0\n", "mode": "755"}


def _plugin(seconds: int = 60, **members: object) -> str:
    """Return the configuration of pre and post scripts."""
    own = {"pluginName": "ScriptRunner", "preScriptLocation": PRE, "postScriptLocation": POST}
    return json.dumps({**own, "timeoutInSeconds": seconds, "continueBackupOnFailure": False, **members}, indent=1)


def _task(mode: str = "700") -> Json:
    return {**TASK, "mode": mode}


def _mode(stage: Stage, path: str) -> int:
    return linux(stage).at(path).stat().st_mode & 0o777


def _scripts(pre: str = "700", post: str = "700", config: str = "") -> Json:
    return {CONFIG: {"text": config or _plugin(), "mode": "600"}, PRE: _task(pre), POST: _task(post)}


def _takes(seconds: int) -> Callable[[Stage], bool]:
    """Let a script of the owner take some seconds, and be stopped before that."""
    return lambda stage: int(json.loads(linux(stage).read(CONFIG) or "{}").get("timeoutInSeconds", 0)) < seconds


def _unclean(stage: Stage) -> bool:
    return bool(state_of(stage)["unclean"])


def _frozen(mount: str) -> Callable[[Stage], bool]:
    """Let a mount point be one that cannot be frozen, unless it is skipped."""
    return lambda stage: f"MountsToSkip = {mount}" not in (linux(stage).read(CONF) or "")


def _mounted(mount: str) -> Callable[[Stage], bool]:
    return lambda stage: mount in state_of(stage)["mounted"]


def _not_ascii(stage: Stage) -> bool:
    return not (linux(stage).read(CONF) or "").isascii()


def _all_at_once(stage: Stage) -> bool:
    return "seqsnapshot = 2" not in (linux(stage).read(CONF) or "")


def _old(stage: Stage) -> bool:
    return linux(stage).agent_version.startswith("2.2.")


def _always(_stage: Stage) -> bool:
    """Let something keep the snapshot from being taken that no script sees or takes away."""
    return True


def _thaw(mount: str) -> list[str]:
    return [f"2026-03-02 02:00:41 [Microsoft.Azure.RecoveryServices.VMSnapshotLinux] Failed to FIFREEZE {mount}"]


NO_NEWER: Json = {
    "agent_version": "2.2.31",
    "package": {"installed": "2.2.31-1", "offered": "2.2.31-1", "reachable": True},
}
READABLE: Json = {CONF: "[SnapshotThread]\nfsfreeze: True\nMountsToSkip =\n"}

ROWS: tuple[Row, ...] = (
    (
        "fsfreeze-failed",
        FREEZE,
        "The file system on /data inside Linux is not clean and cannot be frozen; the jobs say so in Portuguese.",
        linux_broken(FREEZE, _unclean, language="pt-BR", unclean=["/data"]),
    ),
    (
        "fsfreeze-agent-silent",
        FREEZE,
        "The file systems are clean since the last backup; now the VM agent does not report.",
        repaired_but_silent(FREEZE, os_type="Linux"),
    ),
    (
        "fsfreeze-damaged",
        FREEZE,
        "The file system on /data inside Linux is damaged so that a check without answers cannot repair it.",
        linux_broken(FREEZE, _unclean, disks={"/data": {"damaged": True}}),
    ),
    (
        "fsfreeze-mounted-twice",
        FREEZE,
        "Two file systems are to be mounted at /data inside Linux, one over the other.",
        linux_broken(
            FREEZE,
            lambda stage: (linux(stage).read("/etc/fstab") or "").count(" /data ") > 1,
            disks={"/data": {}},
            files={"/etc/fstab": "/dev/sdd1 /data ext4 defaults,nofail 0 2\n"},
        ),
    ),
    (
        "fsfreeze-slow-mount",
        FREEZE_TIME,
        "Freezing the large file system on /archive inside Linux takes too long.",
        linux_broken(
            FREEZE_TIME, _frozen("/archive"), disks={"/archive": {}}, extension_log=_thaw("/archive"), files=READABLE
        ),
    ),
    (
        "fsfreeze-busy",
        FREEZE_TIME,
        "The VM writes so much at the hour of the backup that no file system can be frozen in time.",
        linux_broken(FREEZE_TIME, _always, cpu_percent=97),
    ),
    (
        "recovery-mount-left",
        OPEN,
        "A file recovery has left a mount behind inside Linux, whose disk is gone.",
        linux_broken(OPEN, _mounted(RECOVERY), disks={RECOVERY: {"fstab": False, "gone": True}}),
    ),
    (
        "owners-mount-unreadable",
        OPEN,
        "A mount point of the owner's own cannot be opened inside Linux; nothing of a file recovery is there.",
        linux_broken(OPEN, _always, disks={"/data": {}}),
    ),
    (
        "snapshots-at-once",
        STUCK,
        "The snapshots of eight data disks inside Linux, taken at once, get stuck; a second try failed, too.",
        linux_broken(STUCK, _all_at_once, tried=True, more_disks=7, files=READABLE),
    ),
    (
        "extension-crashes",
        STUCK,
        "The backup extension of a Linux VM with one data disk crashes; nothing inside explains it.",
        linux_broken(STUCK, _always, tried=True),
    ),
    (
        "vmbackup-conf-encoding",
        ENCODING,
        "A comment in /etc/azure/vmbackup.conf inside Linux has letters that are not ASCII.",
        linux_broken(ENCODING, _not_ascii, files={CONF: SETTINGS}),
    ),
    (
        "vmbackup-conf-value",
        ENCODING,
        "A mount point that is named in /etc/azure/vmbackup.conf inside Linux has letters that are not ASCII.",
        linux_broken(ENCODING, _not_ascii, files={CONF: "[SnapshotThread]\nMountsToSkip = /größe\n"}),
    ),
    (
        "pre-script-open",
        PRE_RIGHTS,
        "The pre-script inside Linux may be read and run by everybody.",
        linux_broken(PRE_RIGHTS, lambda stage: _mode(stage, PRE) != 0o700, files=_scripts(pre="755")),
    ),
    (
        "pre-script-writable",
        PRE_RIGHTS,
        "The pre-script inside Linux may be written by everybody: what is in it may be anybody's.",
        linux_broken(PRE_RIGHTS, lambda stage: _mode(stage, PRE) != 0o700, files=_scripts(pre="777")),
    ),
    (
        "post-script-open",
        POST_RIGHTS,
        "The post-script inside Linux may be read and run by everybody.",
        linux_broken(POST_RIGHTS, lambda stage: _mode(stage, POST) != 0o700, files=_scripts(post="755")),
    ),
    (
        "post-script-writable",
        POST_RIGHTS,
        "The post-script inside Linux may be written by everybody: what is in it may be anybody's.",
        linux_broken(POST_RIGHTS, lambda stage: _mode(stage, POST) != 0o700, files=_scripts(post="777")),
    ),
    (
        "pre-script-slow",
        PRE_TIME,
        "The pre-script inside Linux takes four minutes, and one is allowed.",
        linux_broken(PRE_TIME, _takes(240), files=_scripts()),
    ),
    (
        "pre-script-endless",
        PRE_TIME,
        "The pre-script inside Linux waits for something that never comes, however long it may take.",
        linux_broken(PRE_TIME, _always, files=_scripts()),
    ),
    (
        "post-script-slow",
        POST_TIME,
        "The post-script inside Linux takes four minutes, and one is allowed.",
        linux_broken(POST_TIME, _takes(240), files=_scripts()),
    ),
    (
        "post-script-endless",
        POST_TIME,
        "The post-script inside Linux waits for something that never comes, however long it may take.",
        linux_broken(POST_TIME, _always, files=_scripts()),
    ),
    (
        "agent-unsupported",
        AGENT_OLD,
        "The agent inside Linux is older than Azure supports; the distribution offers a newer one.",
        linux_broken(AGENT_OLD, _old, **OLD_AGENT),
    ),
    (
        "agent-unsupported-no-newer",
        AGENT_OLD,
        "The agent inside Linux is older than Azure supports, and the distribution offers no newer one.",
        linux_broken(AGENT_OLD, _old, **NO_NEWER),
    ),
    (
        "restore-point-agent-old",
        CRP,
        "Azure does not hear of the snapshot, because the agent inside Linux is too old.",
        linux_broken(CRP, _old, **OLD_AGENT),
    ),
    (
        "restore-point-storage",
        CRP,
        "Azure makes no restore point of the disks, though the extension has ended well; nothing inside is wrong.",
        linux_broken(CRP, _always),
    ),
)
