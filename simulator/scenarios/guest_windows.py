"""Something inside Windows keeps the snapshot from being taken."""

from __future__ import annotations

from collections.abc import Callable

from simulator.guest.windows_faults import FAULTS
from simulator.guest.windows_machine import Machine
from simulator.guest.windows_probe import BCDR
from simulator.scenarios.guest import (
    FOREIGN_ANTIVIRUS,
    LARGE_HEAP,
    outside,
    repaired_but_silent,
    restart_pending,
    windows_broken,
)
from simulator.scenarios.inside import inside, windows
from simulator.scenarios.stage import Row, Stage, nights

MSDTC = "ExtensionInstallationFailedMDTC"
COM = "ExtensionSnapshotFailedCOM"
COM_INSTALL = "ExtensionInstallationFailedCOM"
WRITERS = "ExtensionFailedVssWriterInBadState"
VSS = "ExtensionFailedVssServiceInBadState"
CONFIG = "ExtensionConfigParsingFailure"
CRYPTO = "ExtensionSnapshotFailedNoSecureNetwork"
VCREDIST = "ExtensionVCRedistInstallationFailure"
BITLOCKER = "ExtensionSnapshotBitlockerError"
HEAP = "ExtensionInstallProviderCOMMemoryQuotaReached"
INSTALL = "ExtensionInstallationFailure"
COMMAND = "ExtensionCommandExecFailure"
OPERATION = "ExtensionOperationFailed"
DELAY = "ExtensionFailedTimeoutDelayInNetwork"
SLOW = "ExtensionFailedTimeoutVMNetworkUnresponsive"


def _until_reinstalled(code: str) -> Callable[[Stage], Stage]:
    """Let the backup extension's own files be damaged until it is installed again."""

    def set_up(stage: Stage) -> Stage:
        nights(stage.machine(os_type="Windows").web_server(), code)
        damaged = [*stage.vm.extensions.values()]
        return stage.fails_while(code, lambda: any(one in stage.vm.extensions.values() for one in damaged))

    return set_up


def _locked(machine: Machine) -> bool:
    return any(one["bitlocker"] == "Locked" for one in machine.state["volumes"].values())


def _managed_encryption(stage: Stage) -> Stage:
    """Let a drive of Azure Disk Encryption be locked: its key was not found when the machine started."""
    nights(stage.machine(os_type="Windows").web_server(), BITLOCKER)
    stage.encrypted()
    inside(stage, **FAULTS["bitlocker-managed"])
    return stage.fails_while(BITLOCKER, lambda: _locked(windows(stage).machine))


def _provider_lost(machine: Machine) -> bool:
    """Say whether the extension takes its provider for registered, though COM+ has lost it."""
    return (machine.value(BCDR[0], "IsProviderInstalled") or {}).get("value") == "True"


ROWS: tuple[Row, ...] = (
    (
        "com-plus-stopped",
        COM,
        "The COM+ System Application inside Windows is stopped.",
        windows_broken(COM, "com-plus-stopped"),
    ),
    (
        "com-plus-agent-silent",
        COM,
        "COM+ was repaired since the last backup; now the VM agent does not report.",
        repaired_but_silent(COM),
    ),
    (
        "com-plus-hung",
        COM,
        "COM+ inside Windows hangs, and only a restart of the VM helps.",
        windows_broken(COM, "com-plus-hung"),
    ),
    (
        "com-plus-provider-damaged",
        COM,
        "The provider that the backup extension registers with COM+ is damaged; a new installation repairs it.",
        _until_reinstalled(COM),
    ),
    (
        "com-plus-provider-lost",
        COM,
        "COM+ inside Windows has lost the provider that the backup extension takes for there; a second try failed.",
        windows_broken(COM, holds=_provider_lost, tried=True),
    ),
    (
        "msdtc-stopped",
        MSDTC,
        "The Distributed Transaction Coordinator inside Windows is stopped; the jobs say so in Portuguese.",
        windows_broken(MSDTC, "msdtc-stopped", language="pt-BR"),
    ),
    (
        "msdtc-agent-silent",
        MSDTC,
        "The transaction coordinator was repaired since the last backup; now the VM agent does not report.",
        repaired_but_silent(MSDTC),
    ),
    (
        "msdtc-missing",
        MSDTC,
        "The service of the Distributed Transaction Coordinator is missing inside Windows.",
        windows_broken(MSDTC, "msdtc-missing"),
    ),
    (
        "msdtc-clustered",
        MSDTC,
        "The Distributed Transaction Coordinator does not start on a node of a failover cluster.",
        windows_broken(MSDTC, "msdtc-damaged", "cluster-node"),
    ),
    (
        "com-install-stopped",
        COM_INSTALL,
        "The COM+ System Application inside Windows is stopped, so the backup extension cannot be installed.",
        windows_broken(COM_INSTALL, "com-plus-stopped"),
    ),
    (
        "com-install-with-sql",
        COM_INSTALL,
        "COM+ does not start because MSDTC is damaged, and a SQL Server may have transactions in doubt.",
        windows_broken(COM_INSTALL, "msdtc-damaged", "sql-server"),
    ),
    (
        "vss-writer-failed",
        WRITERS,
        "The VSS writer 'System Writer' inside Windows is in the state [8] Failed; the jobs say so in Chinese.",
        windows_broken(WRITERS, "vss-writer-failed", language="zh-TW"),
    ),
    (
        "vss-writer-agent-silent",
        WRITERS,
        "All VSS writers are stable since a restart; the VM agent has not reported since.",
        repaired_but_silent(WRITERS),
    ),
    (
        "vss-writer-hung",
        WRITERS,
        "A VSS writer inside Windows has timed out and stays so until the VM is restarted.",
        windows_broken(WRITERS, "vss-writer-stuck"),
    ),
    (
        "vss-writer-sql",
        WRITERS,
        "The VSS writer of SQL Server is in the state [8] Failed; no script may restart a database.",
        windows_broken(WRITERS, "vss-writer-sql"),
    ),
    (
        "vss-service-disabled",
        VSS,
        "The Volume Shadow Copy service inside Windows is disabled.",
        windows_broken(VSS, "vss-disabled"),
    ),
    (
        "vss-service-hung",
        VSS,
        "The Volume Shadow Copy service inside Windows hangs; a backup on demand has failed, too.",
        windows_broken(VSS, "vss-hung", tried=True),
    ),
    (
        "vss-service-agent-silent",
        VSS,
        "The Volume Shadow Copy service runs since the last backup; now the VM agent does not report.",
        repaired_but_silent(VSS),
    ),
    (
        "machinekeys-closed",
        CONFIG,
        "The permissions of the MachineKeys folder inside Windows were changed; the jobs say so in Portuguese.",
        windows_broken(CONFIG, "machinekeys-closed", language="pt-BR"),
    ),
    (
        "machinekeys-agent-silent",
        CONFIG,
        "The MachineKeys folder was repaired since the last backup; now the VM agent does not report.",
        repaired_but_silent(CONFIG),
    ),
    (
        "certificates-expired",
        CONFIG,
        "The certificates with which the backup extension's settings come have expired inside Windows.",
        windows_broken(CONFIG, "crp-certificates"),
    ),
    (
        "strong-crypto-off",
        CRYPTO,
        ".NET inside Windows does not use strong cryptography; the jobs say so in Chinese.",
        windows_broken(CRYPTO, "strong-crypto-off", language="zh-TW"),
    ),
    (
        "strong-crypto-agent-silent",
        CRYPTO,
        "Strong cryptography is on since the last backup; now the VM agent does not report.",
        repaired_but_silent(CRYPTO),
    ),
    (
        "vcredist-missing",
        VCREDIST,
        "The Windows Installer inside Windows is disabled, so the Visual C++ runtime is not installed.",
        windows_broken(VCREDIST, "installer-disabled"),
    ),
    (
        "vcredist-agent-silent",
        VCREDIST,
        "The Visual C++ runtime was installed since the last backup; now the VM agent does not report.",
        repaired_but_silent(VCREDIST),
    ),
    (
        "vcredist-restart-pending",
        VCREDIST,
        "The Visual C++ runtime is installed, and Windows waits for a restart.",
        windows_broken(VCREDIST, "reboot-pending", holds=restart_pending, silent=True),
    ),
    (
        "bitlocker-locked",
        BITLOCKER,
        "The drive D inside Windows is locked by BitLocker, which its owner turned on.",
        windows_broken(BITLOCKER, "bitlocker-locked"),
    ),
    (
        "bitlocker-managed",
        BITLOCKER,
        "A drive of Azure Disk Encryption is locked: it must be unlocked, and never decrypted.",
        _managed_encryption,
    ),
    (
        "com-heap-small",
        HEAP,
        "The desktop heap inside Windows is too small for COM+; a larger one counts from the next start.",
        windows_broken(HEAP, "com-plus-heap"),
    ),
    (
        "com-heap-large-enough",
        HEAP,
        "The desktop heap inside Windows is large already, and one of the owner's programs uses it up.",
        outside(HEAP, **LARGE_HEAP),
    ),
    (
        "installer-disabled",
        INSTALL,
        "The Windows Installer inside Windows is disabled, so the backup extension cannot be installed.",
        windows_broken(INSTALL, "installer-disabled"),
    ),
    (
        "installer-asks-for-restart",
        INSTALL,
        "The Visual C++ runtime is missing inside Windows; its installer asks for a restart of the VM.",
        windows_broken(INSTALL, "vcredist-restart"),
    ),
    (
        "installer-and-foreign-antivirus",
        INSTALL,
        "An antivirus that is not Microsoft's deletes the backup extension's files.",
        outside(INSTALL, **FOREIGN_ANTIVIRUS),
    ),
    (
        "gac-storage",
        COMMAND,
        "A copy of Microsoft.WindowsAzure.Storage in the GAC hides the one that the backup extension brings.",
        windows_broken(COMMAND, "gac-storage"),
    ),
    (
        "command-app-control",
        COMMAND,
        "Application control inside Windows blocks the backup extension's programs.",
        outside(COMMAND, **FAULTS["applocker-blocks"]),
    ),
    (
        "manifest-missing",
        OPERATION,
        "The manifest of the backup extension is missing inside Windows.",
        windows_broken(OPERATION, "manifest-missing"),
    ),
    (
        "operation-foreign-antivirus",
        OPERATION,
        "An antivirus that is not Microsoft's holds the backup extension's files.",
        outside(OPERATION, **FOREIGN_ANTIVIRUS),
    ),
    (
        "desktop-proxy",
        DELAY,
        "The account LocalSystem inside Windows uses a proxy, which slows down the calls to the storage.",
        windows_broken(DELAY, "desktop-proxy"),
    ),
    (
        "storage-calls-slow",
        DELAY,
        "The calls to the storage are slow outside the VM, where no script reaches.",
        outside(DELAY),
    ),
    (
        "guest-snapshot-slow",
        SLOW,
        "Snapshots that the VM asks for itself come too late, those of the host would not; a second try failed, too.",
        windows_broken(SLOW, "snapshots-slow", tried=True),
    ),
    (
        "machine-overloaded",
        SLOW,
        "Windows has too much to do at the hour of the backup.",
        outside(SLOW, load={"cpu_percent": 98, "memory_percent": 95}),
    ),
)
