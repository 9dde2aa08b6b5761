"""A job of the VM is in progress, and cannot always be cancelled."""

from __future__ import annotations

from datetime import timedelta

from simulator.scenarios.stage import Row, Stage
from simulator.services.recoveryservices.errors import (
    CANCEL_FAILED,
    CANCEL_NOT_SUPPORTED,
    NOT_CANCELABLE,
    NOT_IN_PROGRESS,
)
from simulator.services.recoveryservices.model import Job

IN_PROGRESS = "UserErrorBackupOperationInProgress"
COPY_SLOW = "CopyingVHDsFromBackUpVaultTakingLongTime"
MINUTES, HOURS = timedelta(minutes=1), timedelta(hours=1)


def _refused_tonight(stage: Stage) -> Stage:
    """Let backups have worked until last night's was refused because another one was in progress."""
    return stage.web_server().vault_points(20, newest=3).points(2, newest=stage.night(1)).failed(IN_PROGRESS, nights=1)


def _well(stage: Stage) -> Stage:
    return stage.web_server().vault_points(20, newest=2).points(2, newest=stage.night(0))


def _job(stage: Stage) -> Job:
    """Return the job in progress."""
    return next(job for job in stage.vault.jobs.values() if job.running)


def _transferring(stage: Stage) -> Stage:
    _refused_tonight(stage).localized("pt-PT")
    return stage.running("Backup", since=3 * HOURS, ends_in=2 * HOURS, transferring=True)


def _in_snapshot(stage: Stage) -> Stage:
    return _refused_tonight(stage).running("Backup", since=4 * HOURS, ends_in=9 * HOURS)


def _over_a_day(stage: Stage) -> Stage:
    """The backup of the night before is still going on."""
    stage.web_server().vault_points(20, newest=4).points(2, newest=stage.night(2)).failed(IN_PROGRESS, nights=1)
    return stage.running("Backup", since=25 * HOURS, ends_in=5 * HOURS, transferring=True)


def _old_vault(stage: Stage) -> Stage:
    """The VM was moved from another vault, where its protection is stopped and a last backup still goes on."""
    _refused_tonight(stage)
    services = stage.world.recoveryservices
    vault = services.add_vault("vault-old", "rg-web")
    item = services.protect(stage.vm.id, vault, services.add_policy(vault, "weekly"))
    item.state, item.policy = "ProtectionStopped", None
    services.service.unschedule(item)
    stage.running("Backup", since=6 * HOURS, ends_in=2 * HOURS, transferring=True, item=item)
    return stage.fails_while(IN_PROGRESS, lambda: any(job.running for job in vault.jobs.values()))


def _between_states(stage: Stage) -> Stage:
    _well(stage).running("Backup", since=MINUTES, ends_in=5 * HOURS)
    _job(stage).begins_until = stage.world.clock.now + timedelta(seconds=45)
    return stage


def _cancel_fails(stage: Stage) -> Stage:
    _well(stage).running("Backup", since=20 * MINUTES, ends_in=3 * HOURS, code=COPY_SLOW)
    _job(stage).cancel_fails = True
    return stage


def _backup_and_restore(stage: Stage) -> Stage:
    _well(stage).running("Restore", since=40 * MINUTES, ends_in=HOURS)
    return stage.running("Backup", since=20 * MINUTES, ends_in=2 * HOURS)


ROWS: tuple[Row, ...] = (
    (
        "backup-in-progress",
        IN_PROGRESS,
        "Another backup has been in progress for three hours and transfers its data for two more.",
        _transferring,
    ),
    (
        "backup-in-progress-snapshot",
        IN_PROGRESS,
        "Another backup has been taking its snapshot for four hours; nine to go.",
        _in_snapshot,
    ),
    (
        "backup-in-progress-overlap",
        IN_PROGRESS,
        "The backup of the night before has been in progress for 25 hours; five to go.",
        _over_a_day,
    ),
    (
        "backup-in-progress-old-vault",
        IN_PROGRESS,
        "In the vault that protected the VM before, a backup is in progress for another two hours.",
        _old_vault,
    ),
    ("backup-in-progress-ended", IN_PROGRESS, "The backup that was in progress has ended since.", _refused_tonight),
    (
        "cancel-restore",
        CANCEL_NOT_SUPPORTED,
        "A restore is in progress for another 80 minutes; it cannot be cancelled.",
        lambda stage: _well(stage).running("Restore", since=40 * MINUTES, ends_in=80 * MINUTES),
    ),
    (
        "cancel-backup-and-restore",
        CANCEL_NOT_SUPPORTED,
        "A restore and a backup are in progress; only the backup can be cancelled.",
        _backup_and_restore,
    ),
    (
        "cancel-in-transfer",
        NOT_CANCELABLE,
        "A backup transfers its data, so it cannot be cancelled any more; it fails in two hours.",
        lambda stage: _well(stage).running(
            "Backup", since=50 * MINUTES, ends_in=2 * HOURS, code=COPY_SLOW, transferring=True
        ),
    ),
    (
        "cancel-nearly-done",
        NOT_CANCELABLE,
        "A backup transfers its data, so it cannot be cancelled any more; it succeeds in ten minutes.",
        lambda stage: _well(stage).running("Backup", since=20 * MINUTES, ends_in=10 * MINUTES, transferring=True),
    ),
    (
        "cancel-between-states",
        NOT_IN_PROGRESS,
        "A backup has begun a minute ago and cannot be cancelled for a moment; then it can, for hours.",
        _between_states,
    ),
    ("cancel-ended", NOT_IN_PROGRESS, "The backup that was to be cancelled has succeeded.", _well),
    (
        "cancel-fails",
        CANCEL_FAILED,
        "A backup takes its snapshot, and to cancel it fails every time; it ends in three hours.",
        _cancel_fails,
    ),
    (
        "cancel-fails-in-transfer",
        CANCEL_FAILED,
        "To cancel a backup has failed: it transfers its data, for another hour.",
        lambda stage: _well(stage).running("Backup", since=50 * MINUTES, ends_in=HOURS, transferring=True),
    ),
)
