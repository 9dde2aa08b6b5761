"""What the scenarios have in common in which something inside the VM keeps the snapshot from being taken."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from simulator.guest.windows_faults import FAULTS, TROUBLES
from simulator.guest.windows_machine import SUBSYSTEMS, Machine
from simulator.scenarios.inside import inside, windows
from simulator.scenarios.stage import Stage, nights
from simulator.services.recoveryservices.errors import JOB_ERRORS
from simulator.wire import Json

KIN = {
    "ExtensionInstallationFailedCOM": "ExtensionSnapshotFailedCOM",
    "VMRestorePointClientError.ComPlus": "ExtensionSnapshotFailedCOM",
    "VMRestorePointClientError.ComPlusMemoryQuota": "ExtensionInstallProviderCOMMemoryQuotaReached",
    "VMRestorePointClientError.Msdtc": "ExtensionInstallationFailedMDTC",
    "VMRestorePointClientError.VCRedist": "ExtensionVCRedistInstallationFailure",
    "VMRestorePointClientError.VssWriters": "ExtensionFailedVssWriterInBadState",
    "ExtensionInstallationFailure": "ExtensionVCRedistInstallationFailure",
}
"""Errors that come of the same trouble inside Windows as another one."""
SIZES = "1024,20480,4096"
LARGE_HEAP: Json = {
    "in_force": {"heap": SIZES},
    "registry": {
        SUBSYSTEMS: {"Windows": {"type": "ExpandString", "value": f"%SystemRoot%\\csrss.exe SharedSection={SIZES}"}}
    },
}
FOREIGN_ANTIVIRUS: Json = {
    "antivirus": ["Contoso Endpoint Security"],
    "defender": {"state": "off"},
    "services": {"WinDefend": {"state": "Stopped", "start": "Disabled"}},
    "events": {"faulting": 6},
}
OLD_AGENT: Json = {
    "agent_version": "2.2.31",
    "package": {"installed": "2.2.31-1", "offered": "2.11.1.4-1", "reachable": True},
}
LAST_TRY = timedelta(hours=1)


def tried_again(stage: Stage, code: str) -> Stage:
    """Let somebody have backed up on demand an hour ago, and failed with the same error."""
    return stage.on_demand([stage.world.clock.now - LAST_TRY], code)


def told(stage: Stage, code: str) -> Stage:
    """Let the backup extension say what the error is."""
    for extension in stage.vm.extensions.values():
        extension.message = JOB_ERRORS[code].message("en-US")
    return stage


def repaired_but_silent(code: str, *, os_type: str = "Windows") -> Callable[[Stage], Stage]:
    """Let backups have failed with an error whose cause is gone; the VM agent does not report now."""
    return lambda stage: nights(stage.machine(os_type=os_type, agent="NotReady").web_server(), code)


def windows_broken(
    code: str,
    *faults: str,
    holds: Callable[[Machine], bool] | None = None,
    language: str = "",
    tried: bool = False,
    silent: bool = False,
    kin: str = "",
    **patch: Any,
) -> Callable[[Stage], Stage]:
    """Let something inside Windows be broken, and backups fail with an error for three nights.

    Args:
        code: the error.
        faults: names of ``FAULTS``.
        holds: when a backup fails with the error; that of ``TROUBLES`` unless told.
        language: of the texts of failed jobs.
        tried: a backup on demand has failed, too.
        silent: the extension says nothing.
        kin: the error whose trouble it is, where ``KIN`` does not tell.
        patch: what else is different from a healthy machine.
    """
    wrong = holds or TROUBLES[kin or KIN.get(code, code)]

    def set_up(stage: Stage) -> Stage:
        nights(stage.machine(os_type="Windows").web_server(), code)
        if tried:
            tried_again(stage, code)
        inside(stage, **merged(*(FAULTS[name] for name in faults), patch))
        if not silent:
            told(stage, code)
        if language:
            stage.localized(language)
        return stage.fails_while(code, lambda: wrong(windows(stage).machine))

    return set_up


def outside(code: str, *, tried: bool = False, **patch: Any) -> Callable[[Stage], Stage]:
    """Let backups fail with an error whose cause no script inside the VM can see or take away."""
    return windows_broken(code, holds=lambda _machine: True, tried=tried, silent=True, **patch)


def restart_pending(machine: Machine) -> bool:
    """Say whether Windows waits for a restart."""
    return bool(machine.state["reboot_pending"])


def linux_broken(
    code: str,
    holds: Callable[[Stage], bool],
    *,
    language: str = "",
    tried: bool = False,
    silent: bool = False,
    number: int = 3,
    more_disks: int = 0,
    **state: Any,
) -> Callable[[Stage], Stage]:
    """Let something inside Linux be broken, and backups fail with an error while ``holds`` says so.

    Args:
        code: the error.
        holds: asked at each snapshot.
        language: of the texts of failed jobs.
        tried: a backup on demand has failed, too.
        silent: the extension says nothing.
        number: of nights.
        more_disks: how many data disks are attached besides the first.
        state: keys of the guest's state.
    """

    def set_up(stage: Stage) -> Stage:
        stage.machine().web_server()
        for lun in range(2, 2 + more_disks):
            stage.data_disk(lun=lun)
        nights(stage, code, number)
        if tried:
            tried_again(stage, code)
        inside(stage, **state)
        if not silent:
            told(stage, code)
        if language:
            stage.localized(language)
        return stage.fails_while(code, lambda: holds(stage))

    return set_up


def merged(*patches: Json) -> Json:
    """Return one patch that does what several do."""
    whole: Json = {}
    for patch in patches:
        for name, value in patch.items():
            both = isinstance(value, dict) and isinstance(whole.get(name), dict)
            whole[name] = merged(whole[name], value) if both else value
    return whole
