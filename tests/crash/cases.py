"""What is stopped at every boundary: a case for each kind of write, each way of waiting and each way of going wrong."""

from __future__ import annotations

from simulator.guest.windows import broken, healthy
from simulator.guest.windows_faults import FAULTS
from simulator.services.compute.inside import furnish
from simulator.services.compute.model import Misbehaviour

from ..drill import Drill
from .harness import Case

LIMIT = "UserErrorRpCollectionLimitReached"
START = "action:start_comsysapp"
PRINCIPAL = {"principal-id": "55555555-5555-4555-8555-555555555555"}


def _vm(world: Drill):
    (vm,) = world.simulator.world.compute.vms.values()
    return vm


def _com_plus_stopped(world: Drill) -> None:
    _vm(world).os_type = "Windows"
    furnish(world.simulator.world, _vm(world), broken(healthy(), FAULTS["com-plus-stopped"]))


def _under_a_lock(world: Drill) -> None:
    _com_plus_stopped(world)
    world.simulator.world.authorization.add_lock(world.vm_id.split("/providers/")[0], "keep", "CanNotDelete")


def _answer_garbled(world: Drill) -> None:
    _com_plus_stopped(world)
    _vm(world).misbehaves.append(Misbehaviour("garbled", times=1))


def _replies_lost(world: Drill) -> None:
    world.fault("reset_after", method="DELETE", path="/locks/")
    world.fault("reset_after", method="PUT", path="/locks/")
    world.fault("reset_after", method="POST", path="/backup$", times=2)


def _throttled(world: Drill) -> None:
    world.fault("status", status=429, retry_after="7", method="DELETE", path="/locks/")
    world.fault("status", status=429, method="POST", path="/backup$")


def _cut_before(world: Drill) -> None:
    world.fault("reset_before", method="DELETE", path="/locks/")
    world.fault("status", status=503, method="POST", path="/backup$")


_OLDER = "virtual_machines.run_command"
_LOOKED_AFTER = {
    f"after intent, {_OLDER}": ("Inconclusive", 1),
    f"before send, {_OLDER}": ("Inconclusive", 1),
    f"after send, {_OLDER}": ("Applied", 2),
    f"after reply, {_OLDER}": ("Applied", 2),
}
"""Azure keeps no trace of such a script: it is never sent again, another one that only reads looks what it has done."""
_RESTART = "virtual_machines.restart"
_NOT_RESTARTED_TWICE = {f"after intent, {_RESTART}": ("NotFixed", 0), f"before send, {_RESTART}": ("NotFixed", 0)}
"""Nothing shows for certain that a machine was not restarted: it is not asked for again."""
_POINT = "restore_points.delete"
_FAILS_IN_AZURE = {f"after send, {_POINT}": ("Fixed", 6), f"after reply, {_POINT}": ("Fixed", 6)}
"""Azure takes the deletion and does not carry it out: what is still there is deleted again, as approved."""

CASES = (
    Case("limit, parks", "rp-collection-limit", LIMIT),
    Case("lock on loan", "rp-collection-limit-subscription-lock", LIMIT),
    Case("lock on loan, replies lost", "rp-collection-limit-subscription-lock", LIMIT, prepare=_replies_lost),
    Case("throttled", "rp-collection-limit", LIMIT, prepare=_throttled),
    Case("cut off before the effect", "rp-collection-limit", LIMIT, prepare=_cut_before),
    Case("undone while it waits", "rp-collection-limit", LIMIT, undo="when it waits"),
    Case("cancelled while it waits", "rp-collection-limit-subscription-lock", LIMIT, cancel=True),
    Case("two locks on loan", "rp-collection-limit-two-locks", LIMIT),
    Case("backup fails with another error", "rp-collection-limit-other-error", LIMIT),
    Case("restore points", "rp-collection-limit-cleanup-stuck", LIMIT),
    Case("restore point collection", "rp-collection-limit-points-stuck", LIMIT, otherwise=_FAILS_IN_AZURE),
    Case("extension", "extension-failed", "UserErrorVmProvisioningStateFailed"),
    Case(
        "restart",
        "agent-hung",
        "UserErrorGuestAgentStatusUnavailable",
        {"choose": "restart-vm"},
        otherwise=_NOT_RESTARTED_TWICE,
    ),
    Case("start", "first-backup-vm-off", "AzureVmOffline", {"choose": "start-vm"}),
    Case("stop", "snapshot-status-shut-down", "GuestAgentSnapshotTaskStatusError", {"choose": "stop-vm"}),
    Case("reapply", "agent-vm-failed", "UserErrorGuestAgentStatusUnavailable"),
    Case("guest script", "com-plus-stopped", "ExtensionSnapshotFailedCOM"),
    Case("guest script of the older kind", "healthy", START, prepare=_under_a_lock, otherwise=_LOOKED_AFTER),
    Case("guest script, answer garbled", "healthy", START, prepare=_answer_garbled),
    Case("protection stopped", "vm-deleted", "BCMV2VMNotFound"),
    Case("protection undeleted", "protection-deleted", "UserErrorBcmDatasourceNotPresent", {"policy": "daily"}),
    Case("disks", "disk-too-large", "UserErrorUnsupportedDiskSize", {"choose": "exclude-disks"}),
    Case("job cancelled", "backup-in-progress-snapshot", "UserErrorBackupOperationInProgress", {"choose": "cancel"}),
    Case(
        "key vault policy", "key-vault-policy", "UserErrorKeyVaultPermissionsNotConfigured", PRINCIPAL, undo="when over"
    ),
    Case("key vault role", "key-vault-roles", "UserErrorKeyVaultPermissionsNotConfigured", PRINCIPAL, undo="when over"),
)
