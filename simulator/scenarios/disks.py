"""Disks that cannot be backed up, or of which older errors said so."""

from __future__ import annotations

from collections.abc import Callable

from simulator.scenarios.stage import Row, Stage, nights
from simulator.services.inventory.state import machine_disks

SIZE = "UserErrorUnsupportedDiskSize"
STANDARD_SSD = "UserErrorStandardSSDNotSupported"
QUOTA = "UserErrorBCMPremiumStorageQuotaError"
LARGEST, LARGEST_ENCRYPTED = 32 * 1024, 4 * 1024
"""In GiB: 32 TB, and 4 TB with Azure Disk Encryption."""
HUGE, BIG = 40 * 1024, 8 * 1024


def _leave_out(stage: Stage, *luns: int, others: bool = False) -> Stage:
    """Let selective disk backup leave these data disks out, or all ``others``."""
    if stage.item is not None:
        stage.item.luns, stage.item.only_luns = luns, others
    return stage


def _too_large(stage: Stage) -> Callable[[], bool]:
    """Say, whenever it is asked, whether a backup takes a disk that is too large."""

    def holds() -> bool:
        item = stage.item
        return item is not None and any(
            disk.size_gb > (LARGEST_ENCRYPTED if "encryptionSettingsCollection" in disk.properties else LARGEST)
            for disk in machine_disks(stage.vm)
            if item.takes(disk.lun)
        )

    return holds


def _with_disk(stage: Stage, size_gb: int, storage: str) -> Stage:
    """A machine with a data disk of a size at LUN 2; only an Enhanced policy takes disks of the newer kinds."""
    if not hasattr(stage, "vm"):
        stage.machine()
    stage.data_disk(128, lun=1).data_disk(size_gb, lun=2, storage=storage)
    return stage.web_server(policy_type="V2" if storage in ("UltraSSD_LRS", "PremiumV2_LRS") else "V1")


def _huge(stage: Stage) -> Stage:
    nights(_with_disk(stage, HUGE, "PremiumV2_LRS"), SIZE)
    return stage.fails_while(SIZE, _too_large(stage))


def _half_excluded(stage: Stage) -> Stage:
    """The disk at LUN 1 has been left out for long; the one at LUN 2 has grown since."""
    return _leave_out(_huge(stage).localized("pt-PT"), 1)


def _included(stage: Stage) -> Stage:
    return _leave_out(_huge(stage), 0, 2, others=True)


def _encrypted(stage: Stage) -> Stage:
    """Selective disk backup of encrypted disks needs an Enhanced policy."""
    nights(_with_disk(stage, BIG, "Premium_LRS"), SIZE)
    return stage.encrypted().fails_while(SIZE, _too_large(stage))


def _other_error(stage: Stage) -> Stage:
    """Somebody has left the large disk out since last night; and the VM agent has stopped."""
    return _leave_out(_huge(stage.machine(agent="NotReady")), 2)


def _unprotected(stage: Stage) -> Stage:
    """Backup could not be enabled for this."""
    stage.machine().data_disk(HUGE, lun=2, storage="UltraSSD_LRS").backup_vault()
    return stage


def _standard_ssd(stage: Stage) -> Stage:
    return nights(_with_disk(stage, 256, "StandardSSD_LRS"), STANDARD_SSD, 1)


def _ssd_refused(stage: Stage) -> Stage:
    return _standard_ssd(stage).fails_while(STANDARD_SSD, lambda: True)


def _ssd_but_ultra(stage: Stage) -> Stage:
    """The Standard SSD is not the matter: the Ultra disk beside it needs an Enhanced policy."""
    nights(_with_disk(stage, 256, "StandardSSD_LRS"), STANDARD_SSD)
    stage.data_disk(512, lun=3, storage="UltraSSD_LRS")
    return stage.fails_while(STANDARD_SSD, lambda: stage.policy.policy_type == "V1")


def _full_account(stage: Stage) -> Stage:
    """Premium disks as blobs in an account with too little room for a copy of them."""
    stage.machine().data_disk(1024, lun=2).unmanaged().web_server()
    stage.vault_points(20, newest=2).failed(QUOTA, nights=2).localized("pt-BR")
    stage.vm.guest["storage account"] = "has room for half of a copy"
    return stage.fails_while(QUOTA, lambda: stage.vm.unmanaged and "storage account" in stage.vm.guest)


def _converted(stage: Stage) -> Stage:
    """The disks were converted to managed disks after the last backup had failed."""
    return nights(_with_disk(stage, 1024, "Premium_LRS"), QUOTA, 2).localized("zh-TW")


ROWS: tuple[Row, ...] = (
    ("disk-too-large", SIZE, "The data disk at LUN 2 has 40 TB; 32 TB are supported.", _huge),
    (
        "disk-too-large-half-excluded",
        SIZE,
        "The data disk at LUN 2 has 40 TB; the one at LUN 1 was left out of the backup before.",
        _half_excluded,
    ),
    (
        "disk-too-large-included",
        SIZE,
        "Only the data disks at LUN 0 and 2 are backed up, and the one at LUN 2 has 40 TB.",
        _included,
    ),
    (
        "disk-encrypted-too-large",
        SIZE,
        "A disk with Azure Disk Encryption has 8 TB; 4 TB are supported. The policy is a Standard one.",
        _encrypted,
    ),
    (
        "disk-excluded-agent-down",
        SIZE,
        "The disk that was too large is left out since; the VM agent is not ready.",
        _other_error,
    ),
    ("disk-too-large-unprotected", SIZE, "Backup cannot be enabled: a data disk has 40 TB.", _unprotected),
    ("standard-ssd", STANDARD_SSD, "Last night Standard SSD was said not to be supported; it is.", _standard_ssd),
    ("standard-ssd-refused", STANDARD_SSD, "Backups go on to fail for a Standard SSD.", _ssd_refused),
    (
        "standard-ssd-ultra-disk",
        STANDARD_SSD,
        "A Standard SSD is named, but it is an Ultra disk beside it that needs an Enhanced policy.",
        _ssd_but_ultra,
    ),
    (
        "premium-account-full",
        QUOTA,
        "Unmanaged premium disks, whose storage account has no room for a copy of them.",
        _full_account,
    ),
    ("premium-converted", QUOTA, "The premium disks have been converted to managed disks since.", _converted),
)
