"""Something inside the VM keeps the snapshot from being taken."""

from __future__ import annotations

from collections.abc import Callable

from simulator.scenarios.stage import Row, Stage
from simulator.services.recoveryservices.errors import JOB_ERRORS

MSDTC = "ExtensionInstallationFailedMDTC"
COM = "ExtensionSnapshotFailedCOM"
WRITERS = "ExtensionFailedVssWriterInBadState"
CONFIG = "ExtensionConfigParsingFailure"
CRYPTO = "ExtensionSnapshotFailedNoSecureNetwork"
VCREDIST = "ExtensionVCRedistInstallationFailure"
FREEZE = "UserErrorFsFreezeFailed"
BITLOCKER = "ExtensionSnapshotBitlockerError"


def _broken(
    code: str, what: str, state: str, *, os_type: str = "Windows", language: str = ""
) -> Callable[[Stage], Stage]:
    """Let something inside the VM be broken, the extension say so, and backups fail with it for three nights."""

    def set_up(stage: Stage) -> Stage:
        _nights(stage.machine(os_type=os_type).web_server(), code)
        stage.vm.guest[what] = state
        for extension in stage.vm.extensions.values():
            extension.message = JOB_ERRORS[code].message("en-US")
        stage.fails_while(code, lambda: stage.vm.guest.get(what) == state)
        return stage.localized(language) if language else stage

    return set_up


def _repaired_but_silent(code: str, *, os_type: str = "Windows") -> Callable[[Stage], Stage]:
    """Let backups have failed with an error whose cause is gone; the VM agent does not report now."""
    return lambda stage: _nights(stage.machine(os_type=os_type, agent="NotReady").web_server(), code)


def _until_restarted(code: str) -> Callable[[Stage], Stage]:
    """Let something inside the VM hang until the VM is restarted."""

    def set_up(stage: Stage) -> Stage:
        _nights(stage.machine(os_type="Windows").web_server(), code)
        before = stage.vm.state_since
        return stage.fails_while(code, lambda: stage.vm.state_since == before)

    return set_up


def _until_reinstalled(code: str) -> Callable[[Stage], Stage]:
    """Let the backup extension's own files be damaged until it is installed again."""

    def set_up(stage: Stage) -> Stage:
        _nights(stage.machine(os_type="Windows").web_server(), code)
        damaged = [*stage.vm.extensions.values()]
        return stage.fails_while(code, lambda: any(one in stage.vm.extensions.values() for one in damaged))

    return set_up


def _nights(stage: Stage, code: str, nights: int = 3) -> Stage:
    return stage.vault_points(20, newest=nights + 2).points(2, newest=stage.night(nights)).failed(code, nights=nights)


def _managed_encryption(stage: Stage) -> Stage:
    """Let a drive of Azure Disk Encryption be locked: its key was not found when the machine started."""
    _nights(stage.machine(os_type="Windows").web_server(), BITLOCKER)
    stage.encrypted()
    stage.vm.guest["drive E"] = "locked"
    return stage.fails_while(BITLOCKER, lambda: stage.vm.guest.get("drive E") == "locked")


ROWS: tuple[Row, ...] = (
    (
        "com-plus-stopped",
        COM,
        "The COM+ System Application inside Windows is stopped.",
        _broken(COM, "COMSysApp", "stopped"),
    ),
    (
        "com-plus-agent-silent",
        COM,
        "COM+ was repaired since the last backup; now the VM agent does not report.",
        _repaired_but_silent(COM),
    ),
    (
        "com-plus-hung",
        COM,
        "COM+ inside Windows hangs, and only a restart of the VM helps.",
        _until_restarted(COM),
    ),
    (
        "com-plus-provider-damaged",
        COM,
        "The provider that the backup extension registers with COM+ is damaged; a new installation repairs it.",
        _until_reinstalled(COM),
    ),
    (
        "msdtc-stopped",
        MSDTC,
        "The Distributed Transaction Coordinator inside Windows is stopped; the jobs say so in Portuguese.",
        _broken(MSDTC, "MSDTC", "stopped", language="pt-BR"),
    ),
    (
        "msdtc-agent-silent",
        MSDTC,
        "The transaction coordinator was repaired since the last backup; now the VM agent does not report.",
        _repaired_but_silent(MSDTC),
    ),
    (
        "vss-writer-failed",
        WRITERS,
        "The VSS writer 'System Writer' inside Windows is in the state [8] Failed; the jobs say so in Chinese.",
        _broken(WRITERS, "System Writer", "[8] Failed", language="zh-TW"),
    ),
    (
        "vss-writer-agent-silent",
        WRITERS,
        "All VSS writers are stable since a restart; the VM agent has not reported since.",
        _repaired_but_silent(WRITERS),
    ),
    (
        "vss-writer-hung",
        WRITERS,
        "A VSS writer inside Windows has timed out and stays so until the VM is restarted.",
        _until_restarted(WRITERS),
    ),
    (
        "machinekeys-closed",
        CONFIG,
        "The permissions of the MachineKeys folder inside Windows were changed; the jobs say so in Portuguese.",
        _broken(CONFIG, "MachineKeys", "no rights", language="pt-BR"),
    ),
    (
        "machinekeys-agent-silent",
        CONFIG,
        "The MachineKeys folder was repaired since the last backup; now the VM agent does not report.",
        _repaired_but_silent(CONFIG),
    ),
    (
        "strong-crypto-off",
        CRYPTO,
        ".NET inside Windows does not use strong cryptography; the jobs say so in Chinese.",
        _broken(CRYPTO, "SchUseStrongCrypto", "missing", language="zh-TW"),
    ),
    (
        "strong-crypto-agent-silent",
        CRYPTO,
        "Strong cryptography is on since the last backup; now the VM agent does not report.",
        _repaired_but_silent(CRYPTO),
    ),
    (
        "vcredist-missing",
        VCREDIST,
        "The Windows Installer inside Windows is disabled, so the Visual C++ runtime is not installed.",
        _broken(VCREDIST, "Msiserver", "disabled"),
    ),
    (
        "vcredist-agent-silent",
        VCREDIST,
        "The Visual C++ runtime was installed since the last backup; now the VM agent does not report.",
        _repaired_but_silent(VCREDIST),
    ),
    (
        "vcredist-restart-pending",
        VCREDIST,
        "The Visual C++ runtime is installed, and Windows waits for a restart.",
        _until_restarted(VCREDIST),
    ),
    (
        "fsfreeze-failed",
        FREEZE,
        "The file system on /data inside Linux is not clean and cannot be frozen; the jobs say so in Portuguese.",
        _broken(FREEZE, "/data", "not clean", os_type="Linux", language="pt-BR"),
    ),
    (
        "fsfreeze-agent-silent",
        FREEZE,
        "The file systems are clean since the last backup; now the VM agent does not report.",
        _repaired_but_silent(FREEZE, os_type="Linux"),
    ),
    (
        "bitlocker-locked",
        BITLOCKER,
        "The drive D inside Windows is locked by BitLocker, which its owner turned on.",
        _broken(BITLOCKER, "drive D", "locked"),
    ),
    (
        "bitlocker-managed",
        BITLOCKER,
        "A drive of Azure Disk Encryption is locked: it must be unlocked, and never decrypted.",
        _managed_encryption,
    ),
)
