"""Something inside the VM that is looked for there only when somebody has chosen so (``look-inside``)."""

from __future__ import annotations

from simulator.scenarios.guest import OLD_AGENT, linux_broken, windows_broken
from simulator.scenarios.inside import linux, state_of
from simulator.scenarios.stage import Row, Stage

SNAPSHOT_STATUS = "GuestAgentSnapshotTaskStatusError"
NOT_DESIRABLE = "UserErrorVmNotInDesirableState"
VMSNAPSHOT = "ExtensionOperationFailedForManagedDisks"
INTERNAL = "BackUpOperationFailed"
RECOVERY_EXTENSION = "RecoveryServicesExtensionOperationFailed"
FOLDER = "/var/lib/waagent/Microsoft.Azure.RecoveryServices.VMSnapshotLinux-1.0.9234.0"
DENIED = (
    'type=AVC msg=audit(1772416841.123:871): avc:  denied  { execute } for  pid=1312 comm="python3" '
    'path="/var/lib/waagent/bin" scontext=system_u:system_r:waagent_t:s0 tclass=file permissive=0'
)


def _blocked(stage: Stage) -> bool:
    state = state_of(stage)
    return state["selinux"] == "Enforcing" and not state["selinux_rules"]


def _extensions_off(stage: Stage) -> bool:
    return bool(state_of(stage)["waagent_conf"].get("Extensions.Enabled") == "n")


def _damaged(stage: Stage) -> bool:
    return linux(stage).at(FOLDER).exists()


ROWS: tuple[Row, ...] = (
    (
        "vm-selinux",
        NOT_DESIRABLE,
        "SELinux in the VM keeps the agent out of /var/lib/waagent.",
        linux_broken(NOT_DESIRABLE, _blocked, number=4, silent=True, layout="redhat", selinux_denials=[DENIED] * 3),
    ),
    (
        "snapshot-status-provider-off",
        SNAPSHOT_STATUS,
        "The service of the snapshot provider, IaaSVmProvider, is disabled inside Windows.",
        windows_broken(
            SNAPSHOT_STATUS,
            "iaasvmprovider-disabled",
            holds=lambda machine: machine.services["IaaSVmProvider"]["start"] == "Disabled",
            silent=True,
        ),
    ),
    (
        "snapshot-status-extensions-off",
        SNAPSHOT_STATUS,
        "The agent's settings inside Linux say that it shall run no extensions.",
        linux_broken(SNAPSHOT_STATUS, _extensions_off, silent=True, waagent_conf={"Extensions.Enabled": "n"}),
    ),
    (
        "vmsnapshot-folder-damaged",
        VMSNAPSHOT,
        "The folder of the backup extension inside Linux is damaged; a second try failed, too.",
        linux_broken(VMSNAPSHOT, _damaged, silent=True, tried=True),
    ),
    (
        "internal-error-vcredist",
        INTERNAL,
        "The Visual C++ runtime is missing inside Windows; the error is none of its own.",
        windows_broken(INTERNAL, "vcredist-missing", kin="ExtensionVCRedistInstallationFailure", silent=True),
    ),
    (
        "recovery-extension-package-old",
        RECOVERY_EXTENSION,
        "The package of the agent inside Linux is old; the distribution offers a newer one.",
        linux_broken(
            RECOVERY_EXTENSION, lambda stage: linux(stage).agent_version.startswith("2.2."), silent=True, **OLD_AGENT
        ),
    ),
)
