"""The VM is in a state that allows no backup, or something else is at work on it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from simulator.scenarios.stage import Row, Stage, nights
from simulator.services.recoveryservices.errors import PROVISIONING

if TYPE_CHECKING:
    from simulator.services.compute.model import PowerState

NOT_DESIRABLE = "UserErrorVmNotInDesirableState"
EXTENSION_BUSY = "ExtensionOperationInProgress"
COPY_SLOW = "CopyingVHDsFromBackUpVaultTakingLongTime"
STALE = "Allocation failed. We do not have sufficient capacity for the requested VM size in this region."
NO_STATUS = "The extension handler did not report its status."
SCRIPT_FAILED = (
    "Enable failed: command terminated with exit status=1, while downloading https://contoso.example/setup.sh"
)


def _failed_state(stage: Stage, code: str, number: int) -> Stage:
    """Let an allocation have failed days ago; the VM has been well for long, only its state has stayed."""
    nights(stage.web_server(), code, number)
    stage.vm.provisioning_state, stage.vm.provisioning_message = "Failed", STALE
    stage.vm.state_since = stage.night(number) + timedelta(hours=12)
    return stage.fails_while(code, lambda: stage.vm.shown_state == "Failed")


def _changing(stage: Stage, ends_in: timedelta, power: PowerState = "running") -> Stage:
    """Let the platform be changing the VM; it ends by itself, and the VM runs."""
    vm, clock = stage.vm, stage.world.clock
    vm.provisioning_state, vm.power_state, vm.state_since = "Updating", power, clock.now - timedelta(hours=2)

    def end() -> None:
        vm.provisioning_state, vm.power_state, vm.state_since = "Succeeded", "running", clock.now

    clock.call_later(ends_in, end)
    return stage


def _updating(stage: Stage) -> Stage:
    nights(stage.web_server(), PROVISIONING, 1)
    _changing(stage, timedelta(minutes=90)).localized("pt-BR")
    return stage.fails_while(PROVISIONING, lambda: stage.vm.provisioning_state == "Updating")


def _extension_failed(stage: Stage) -> Stage:
    return nights(stage.web_server(), PROVISIONING, 3).extension("Failed", NO_STATUS)


def _other_extension_failed(stage: Stage) -> Stage:
    nights(stage.web_server(), PROVISIONING, 3)
    stage.world.compute.add_extension(
        stage.vm,
        "install-agent",
        "Microsoft.Azure.Extensions",
        "CustomScript",
        version="2.1.10",
        provisioning_state="Failed",
        message=SCRIPT_FAILED,
    )
    return stage


def _agent_stopped(stage: Stage) -> Stage:
    nights(stage.machine(agent="NotReady").web_server(), PROVISIONING, 2).localized("zh-TW")
    return stage.fails_while(PROVISIONING, lambda: stage.vm.agent != "Ready")


def _starting(stage: Stage) -> Stage:
    nights(stage.web_server(), NOT_DESIRABLE, 1)
    _changing(stage, timedelta(minutes=40), "starting").localized("pt-BR")
    return stage.fails_while(NOT_DESIRABLE, lambda: stage.vm.power_state != "running")


def _deallocated(stage: Stage) -> Stage:
    """It was being shut down when the backup ran, and is deallocated since."""
    return nights(stage.machine(power="deallocated").web_server(), NOT_DESIRABLE, 1)


def _extension_busy(stage: Stage) -> Stage:
    nights(stage.web_server(), EXTENSION_BUSY, 1).localized("pt-BR")
    return stage.running("Backup", since=timedelta(minutes=90), ends_in=timedelta(minutes=70), transferring=True)


def _changed_meanwhile(stage: Stage) -> Stage:
    nights(stage.web_server(), EXTENSION_BUSY, 1)
    _changing(stage, timedelta(minutes=50)).localized("zh-TW")
    return stage.fails_while(EXTENSION_BUSY, lambda: stage.vm.provisioning_state == "Updating")


def _copy_slow(stage: Stage, ends_in: timedelta | None) -> Stage:
    nights(stage.web_server(), COPY_SLOW, 1)
    clock = stage.world.clock
    end = clock.now + ends_in if ends_in is not None else None
    return stage.fails_while(COPY_SLOW, lambda: end is None or clock.now < end)


ROWS: tuple[Row, ...] = (
    ("extension-failed", PROVISIONING, "The provisioning of the extension VMSnapshotLinux failed.", _extension_failed),
    (
        "other-extension-failed",
        PROVISIONING,
        "The provisioning of somebody else's extension, a custom script, failed.",
        _other_extension_failed,
    ),
    ("vm-updating", PROVISIONING, "The platform has been updating the VM for two hours; 90 minutes to go.", _updating),
    (
        "vm-failed-state",
        PROVISIONING,
        "The VM's provisioning state is Failed since an allocation failed; no extension has failed.",
        lambda stage: _failed_state(stage, PROVISIONING, 2),
    ),
    (
        "vm-provisioned-agent-stopped",
        PROVISIONING,
        "VM and extensions are provisioned; the agent service in the VM does not run.",
        _agent_stopped,
    ),
    ("vm-starting", NOT_DESIRABLE, "The VM has been starting for two hours; it runs in 40 minutes.", _starting),
    (
        "vm-not-desirable-failed",
        NOT_DESIRABLE,
        "The VM's provisioning state is Failed.",
        lambda stage: _failed_state(stage, NOT_DESIRABLE, 2).localized("zh-TW"),
    ),
    (
        "vm-not-desirable-extension",
        NOT_DESIRABLE,
        "The VM's state is Failed because its extension VMSnapshotLinux failed.",
        lambda stage: (
            nights(stage.web_server(), NOT_DESIRABLE, 2)
            .extension("Failed", NO_STATUS)
            .fails_while(NOT_DESIRABLE, lambda: stage.vm.shown_state == "Failed")
        ),
    ),
    (
        "vm-not-desirable-deallocated",
        NOT_DESIRABLE,
        "The VM was being shut down when it was backed up; it is deallocated now, which allows backups.",
        _deallocated,
    ),
    (
        "extension-operation-in-progress",
        EXTENSION_BUSY,
        "A backup of the VM is in progress; it ends in 70 minutes.",
        _extension_busy,
    ),
    (
        "vm-changed-during-backup",
        EXTENSION_BUSY,
        "No backup is in progress: somebody changes the VM; the platform is done in 50 minutes.",
        _changed_meanwhile,
    ),
    (
        "vhd-copy-slow",
        COPY_SLOW,
        "Copying to the vault times out, for another 20 minutes.",
        lambda stage: _copy_slow(stage.machine(), timedelta(minutes=20)).localized("pt-BR"),
    ),
    (
        "vhd-copy-throttled",
        COPY_SLOW,
        "Copying to the vault times out every time.",
        lambda stage: _copy_slow(stage.machine(), None).localized("zh-TW"),
    ),
)
