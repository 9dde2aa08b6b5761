"""Too many restore points, and what can be in the way of their clean-up; and machines with nothing wrong."""

from __future__ import annotations

from datetime import timedelta

from simulator.scenarios.stage import BACKUP_GROUP, Row, Stage
from simulator.services.recoveryservices.errors import LIMIT
from simulator.services.recoveryservices.model import INSTANT_LIMIT, ON_DEMAND_LIMIT

MAIN = "rp-collection-limit"
SECOND_GROUP = "AzureBackupRG_westeurope_2"
CUSTOM_PREFIX = "contoso-snapshots-"
REFUSAL = ("VMRestorePointInternalError", "An internal error occurred while deleting the restore point. Please retry.")
SIX_HOURS = timedelta(hours=6)


def _locked(stage: Stage) -> Stage:
    return stage.limit(lock_on=stage.group())


def _collection_locked(stage: Stage) -> Stage:
    return stage.limit().lock(stage.collection.id)


def _custom_group(stage: Stage) -> Stage:
    group = f"{CUSTOM_PREFIX}1"
    return stage.web_server(group_prefix=CUSTOM_PREFIX).limit(lock_on=stage.group(group), group=group)


def _several_a_day(stage: Stage) -> Stage:
    """Four backups a day, kept for five days: the limit is reached though everything works."""
    stage.web_server(instant_days=5)
    last = stage.night(1) + SIX_HOURS
    stage.vault_points(5, newest=6).points(INSTANT_LIMIT, newest=last, every=SIX_HOURS)
    return stage.on_demand([last + SIX_HOURS, last + 2 * SIX_HOURS], LIMIT).failed(LIMIT, nights=1)


def _two_collections(stage: Stage) -> Stage:
    stage.web_server().vault_points(5)
    stage.points(8, newest=stage.night(14)).points(10, group=SECOND_GROUP).failed(LIMIT)
    return stage.lock(stage.group()).lock(stage.group(SECOND_GROUP))


def _snapshot_only(stage: Stage) -> Stage:
    stage.web_server().vault_points(5).points(INSTANT_LIMIT, not_in_vault=6).failed(LIMIT)
    return stage.lock(stage.group()).clean_up_broken()


def _nine_backups(stage: Stage) -> Stage:
    now = stage.world.clock.now
    return _locked(stage).on_demand([now - timedelta(hours=2 * hour + 3) for hour in range(ON_DEMAND_LIMIT)], LIMIT)


def _recreated(stage: Stage) -> Stage:
    old = stage.world.guid()
    stage.web_server().vault_points(5).points(INSTANT_LIMIT, vm_unique_id=old).failed(LIMIT)
    return stage.lock(stage.group())


def _healthy(stage: Stage) -> Stage:
    return stage.web_server().vault_points(20, newest=2).points(2, newest=stage.night(0))


ROWS: tuple[Row, ...] = (
    (MAIN, LIMIT, f"18 restore points; a CanNotDelete lock on {BACKUP_GROUP} stops their clean-up.", _locked),
    (
        f"{MAIN}-subscription-lock",
        LIMIT,
        "18 restore points; a CanNotDelete lock on the subscription stops their clean-up.",
        lambda stage: stage.limit(lock_on=stage.subscription),
    ),
    (
        f"{MAIN}-collection-lock",
        LIMIT,
        "18 restore points; a CanNotDelete lock on their collection stops the clean-up.",
        _collection_locked,
    ),
    (
        f"{MAIN}-custom-group",
        LIMIT,
        f"18 restore points in the policy's own group {CUSTOM_PREFIX}1, which is locked.",
        _custom_group,
    ),
    (
        f"{MAIN}-readonly-lock",
        LIMIT,
        f"18 restore points; a ReadOnly lock on {BACKUP_GROUP} stops their clean-up.",
        lambda stage: stage.limit(lock_on=stage.group(), level="ReadOnly"),
    ),
    (
        f"{MAIN}-two-locks",
        LIMIT,
        f"18 restore points; locks on {BACKUP_GROUP} and on the subscription stop their clean-up.",
        lambda stage: _locked(stage).lock(stage.subscription, name="no-deletions"),
    ),
    (
        f"{MAIN}-foreign-group",
        LIMIT,
        "18 restore points in the VM's own group rg-web, which is locked.",
        lambda stage: stage.limit(lock_on=stage.group("rg-web"), group="rg-web"),
    ),
    (
        f"{MAIN}-no-lock",
        LIMIT,
        "18 restore points because of four backups a day; there is no lock.",
        _several_a_day,
    ),
    (
        f"{MAIN}-two-collections",
        LIMIT,
        "18 restore points over two collections in two groups, both locked.",
        _two_collections,
    ),
    (
        f"{MAIN}-cleanup-stuck",
        LIMIT,
        f"A lock on {BACKUP_GROUP}, and the automatic clean-up never happens even without it.",
        lambda stage: _locked(stage).clean_up_broken(),
    ),
    (
        f"{MAIN}-snapshot-only",
        LIMIT,
        "As cleanup-stuck, and the six oldest restore points have no copy in the vault.",
        _snapshot_only,
    ),
    (
        f"{MAIN}-points-stuck",
        LIMIT,
        "As cleanup-stuck, and single restore points refuse deletion; only the whole collection can be deleted.",
        lambda stage: _locked(stage).clean_up_broken().points_refuse_deletion(*REFUSAL),
    ),
    (
        f"{MAIN}-opted-out",
        LIMIT,
        "The lock as in the main scenario, on a VM tagged backup-remediation: off.",
        lambda stage: _locked(stage.machine(tags={"backup-remediation": "off"})),
    ),
    (
        f"{MAIN}-job-running",
        LIMIT,
        "The lock as in the main scenario, while a backup job is in progress for another 40 minutes.",
        lambda stage: _locked(stage).running(
            "Backup", since=timedelta(minutes=10), ends_in=timedelta(minutes=40), code=LIMIT
        ),
    ),
    (
        f"{MAIN}-restore-running",
        LIMIT,
        "The lock as in the main scenario, while a restore job is in progress for another two hours.",
        lambda stage: _locked(stage).running("Restore", since=timedelta(minutes=30), ends_in=timedelta(hours=2)),
    ),
    (
        f"{MAIN}-resource-guard",
        LIMIT,
        "The lock as in the main scenario, in a vault under a resource guard (multi-user authorization).",
        lambda stage: _locked(stage.backup_vault(guarded=True)),
    ),
    (
        f"{MAIN}-immutable",
        LIMIT,
        "The lock as in the main scenario, in a vault with locked immutability.",
        lambda stage: _locked(stage.backup_vault(immutability="Locked")),
    ),
    (
        f"{MAIN}-user-collection",
        LIMIT,
        "The lock as in the main scenario; the VM also has a collection that somebody made by hand.",
        lambda stage: _locked(stage).user_collection("my-golden-images", 2),
    ),
    (
        f"{MAIN}-nine-backups",
        LIMIT,
        "The lock as in the main scenario, after nine on-demand backups in the last 24 hours.",
        _nine_backups,
    ),
    (
        f"{MAIN}-localized",
        LIMIT,
        "The lock as in the main scenario; the jobs give their error in Portuguese and without its symbolic name.",
        lambda stage: _locked(stage).localized("pt-PT"),
    ),
    (
        f"{MAIN}-other-error",
        LIMIT,
        "The lock as in the main scenario; once it is gone, the VM agent proves not to be ready.",
        lambda stage: _locked(stage.machine(agent="NotReady")),
    ),
    (
        f"{MAIN}-recreated-vm",
        LIMIT,
        "The lock as in the main scenario; the restore points are of an earlier VM of the same name.",
        _recreated,
    ),
    ("healthy", None, "Nothing: backups succeed every night.", _healthy),
    (
        "duplicate-name",
        LIMIT,
        "The main scenario's VM, and a healthy one of the same name in the group rg-shop.",
        lambda stage: _locked(stage).namesake("rg-shop"),
    ),
    ("unprotected", None, "The VM has no backup at all.", lambda stage: stage.machine().backup_vault()),
    (
        "vm-stopped",
        LIMIT,
        "The lock as in the main scenario, on a VM that is deallocated.",
        lambda stage: _locked(stage.machine(power="deallocated")),
    ),
)
