"""What only the guest operating system can answer, about Linux."""

from __future__ import annotations

from arm.facts.guest import GuestFacts

from .agent import version_of
from .guest import inside, some, worst
from .model import Check, Seen, Status, Where
from .sources import LINUX_SCRIPTS, SELF_HELP, SNAPSHOT_TIMEOUT, SUPPORT_MATRIX, TROUBLESHOOT

PYTHON_AGENT, PYTHON_PROXY = (2, 6), (2, 7)
"""Oldest Python for the agent, and for an agent that uses a proxy."""
_PROVISIONERS = ("auto", "waagent", "cloud-init", "disabled", "missing", "")
"""The values that the agent knows for Provisioning.Agent, and those of a setting that is not there (auto)."""
_CONFIGURATION = "/etc/azure/VMSnapshotScriptPluginConfig.json"
_FREEZES = "/etc/azure/vmbackup.conf"


def _python(guest: GuestFacts) -> Seen | None:
    said = guest.text("python")
    if said is None:
        return None
    if not said.strip():
        return Status.FAIL, "no Python was found"
    version, proxy = version_of(said)[:2], guest.text("http_proxy")
    if not version:
        return None
    if version < PYTHON_AGENT:
        return Status.FAIL, f"Python {said}"
    if version >= PYTHON_PROXY:
        return Status.PASS, f"Python {said}"
    if proxy is None:
        return Status.UNKNOWN, f"Python {said}; whether the agent uses a proxy could not be told"
    return (Status.FAIL, f"Python {said}, and the agent uses a proxy") if proxy else (Status.PASS, f"Python {said}")


def _settings(guest: GuestFacts) -> Seen | None:
    return worst(_extensions(guest), _provisioning(guest))


def _extensions(guest: GuestFacts) -> Seen | None:
    value = (guest.text("extensions_enable") or "").strip().lower()
    said = f"Extensions.Enable is {value}"
    if value == "missing":
        return Status.PASS, f"{said}: the agent's default is y"
    return {"y": (Status.PASS, said), "n": (Status.FAIL, said)}.get(value)


def _provisioning(guest: GuestFacts) -> Seen | None:
    value = guest.text("provisioning_agent")
    if value is None or value.lower() not in _PROVISIONERS:
        return None
    said = f"Provisioning.Agent is {value or 'missing'}"
    return (Status.WARN if value.lower() == "disabled" else Status.PASS), said


def _file_systems(guest: GuestFacts) -> Seen | None:
    failed, twice = guest.texts("failed_freeze"), guest.texts("duplicate_mounts")
    explained = Status.FAIL if set(failed) & set(twice) else Status.WARN  # the log also tells of what is long repaired
    return worst(
        _amiss(guest, "unclean", Status.FAIL, "not clean", "every file system is clean"),
        _amiss(guest, "failed_freeze", Status.WARN, "once failed to freeze or thaw", "none failed to freeze"),
        _amiss(guest, "duplicate_mounts", explained, "mounted more than once", "none is mounted twice"),
        _amiss(guest, "stale_mounts", Status.WARN, "left by a file recovery", "no file recovery has left a mount"),
    )


def _amiss(guest: GuestFacts, name: str, status: Status, what: str, otherwise: str) -> Seen | None:
    found = guest.listed(name)
    if found is None:
        return None
    return (status, f"{what}: {some(found)}") if found else (Status.PASS, otherwise)


def _freeze_settings(guest: GuestFacts) -> Seen | None:
    plain = guest.flag("vmbackup_ascii")
    if plain is None:
        no_file = guest.null("vmbackup_ascii") and not guest.mapping("vmbackup")
        return (Status.PASS, f"there is no {_FREEZES}: the extension's own settings apply") if no_file else None
    if not plain:
        return Status.FAIL, f"{_FREEZES} is not ASCII"
    told = guest.mapped("vmbackup")
    if told is None:
        return None
    settings = {name.lower(): str(value) for name, value in told.items()}
    shown = f"{_FREEZES}: {', '.join(f'{name} = {value}' for name, value in settings.items()) or 'nothing is set'}"
    if settings.get("fsfreeze", "").lower() == "false":
        return Status.WARN, f"{shown}; file systems are not frozen, so its backups are crash-consistent"
    if settings.get("isanysnapshotfailed", "").lower() == "true":
        return Status.WARN, f"{shown}; isanysnapshotfailed has to be false where Site Recovery protects the VM, too"
    skipped = "; what is on skipped mount points is crash-consistent only" if settings.get("mountstoskip") else ""
    return Status.PASS, f"{shown}{skipped}"


def _selinux(guest: GuestFacts) -> Seen | None:
    mode, denials = guest.text("selinux"), guest.number("selinux_denials")
    if mode is None:
        return None
    if mode.lower() in ("", "disabled", "permissive"):
        return Status.PASS, f"SELinux is {mode or 'not there'}"
    if mode.lower() != "enforcing" or denials is None or denials < 0:
        return None
    said = f"SELinux is {mode}, denials for the agent: {denials}"
    return (Status.FAIL if denials else Status.PASS), said


def _scripts(guest: GuestFacts) -> Seen | None:
    said = (guest.text("script_config") or "").strip()
    if said == "none":
        return Status.PASS, f"there is no {_CONFIGURATION}: no scripts run"
    if said.startswith("invalid"):
        return Status.FAIL, f"{_CONFIGURATION} is {said}"
    if said != "valid":
        return None
    wrong = "permissions are wrong (wanted: root, scripts 700, configuration 600)"
    return worst(
        (Status.PASS, f"{_CONFIGURATION} is valid"),
        _amiss(guest, "script_permissions", Status.FAIL, wrong, "permissions are as wanted"),
    )


PYTHON = Check(
    id="CHK-PYTHON",
    title="Python is there for the agent",
    where=Where.GUEST,
    facts=("vm",),
    expected="Python 2.6 or later; 2.7 or later where the agent uses a proxy",
    why="The Linux agent and the backup extension are Python programs.",
    source=f"{SNAPSHOT_TIMEOUT}, step 2; {SUPPORT_MATRIX}",
    look=inside(_python),
    inside="'python3 --version', or 'python --version'",
    os="linux",
)
WAAGENT_CONF = Check(
    id="CHK-WAAGENT-CONF",
    title="The agent may handle extensions",
    where=Where.GUEST,
    facts=("vm",),
    expected="Extensions.Enable=y and Provisioning.Agent=auto; other provisioning agents may be there on purpose",
    why="With extensions switched off, the backup extension is never installed.",
    source=f"{SNAPSHOT_TIMEOUT}, VM-Agent configuration options are not set",
    look=inside(_settings),
    inside="Extensions.Enable (newer agents: Extensions.Enabled) and Provisioning.Agent in /etc/waagent.conf",
    os="linux",
)
FILESYSTEMS = Check(
    id="CHK-FILESYSTEMS",
    title="Every file system can be frozen",
    where=Where.GUEST,
    facts=("vm",),
    expected="every file system is clean and mounted once; none failed to freeze; no file recovery has left a mount",
    why="The snapshot freezes every mounted file system; one that cannot be frozen makes it fail.",
    source=f"{TROUBLESHOOT}, UserErrorFsFreezeFailed",
    look=inside(_file_systems),
    inside="'tune2fs -l DEVICE | grep \"Filesystem state\"', 'mount' and /etc/fstab for mount points that are there "
    "twice, and extension.log for 'Failed to FIFREEZE' and 'Failed to FITHAW'",
    os="linux",
)
VMBACKUP_CONF = Check(
    id="CHK-VMBACKUP-CONF",
    title="The settings of the backup extension can be read",
    where=Where.GUEST,
    facts=("vm",),
    expected=f"no {_FREEZES}, or one in ASCII that does not switch fsfreeze off",
    why="The extension fails on settings that are not ASCII; what they switch off or skip is not consistent.",
    source=f"{TROUBLESHOOT}, UserErrorFsFreezeFailed and ExtensionFailedSnapshotLimitReachedError; {SELF_HELP}",
    look=inside(_freeze_settings),
    inside=f"'cat {_FREEZES}', 'iconv -t ASCII {_FREEZES}'",
    os="linux",
)
SELINUX = Check(
    id="CHK-SELINUX",
    title="SELinux does not stop the agent",
    where=Where.GUEST,
    facts=("vm",),
    expected="SELinux denies the agent nothing, or is not enforced",
    why="SELinux may keep the agent from executing the extension below /var/lib/waagent. Do not switch it off.",
    source=f"{SNAPSHOT_TIMEOUT}, VMSnapshotExtension is blocked by AppLocker",
    look=inside(_selinux),
    inside="'getenforce', 'ausearch -m avc -c waagent'",
    os="linux",
)
SCRIPTS = Check(
    id="CHK-SCRIPTS",
    title="The scripts before and after the snapshot can run",
    where=Where.GUEST,
    facts=("vm",),
    expected=f"no {_CONFIGURATION}, or a valid one; it (600) and the scripts (700) belong to root",
    why="Scripts for application-consistent backups that are missing, or that others may change, are not run.",
    source=f"{LINUX_SCRIPTS}, troubleshooting",
    look=inside(_scripts),
    inside=f"{_CONFIGURATION}, and 'ls -l' of it and of the scripts it names",
    os="linux",
)
