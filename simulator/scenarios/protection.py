"""The VM or its protection is not what the vault takes it for, or its key vault is closed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from simulator.scenarios.stage import LOCATION, Row, Stage, nights
from simulator.services.recoveryservices.errors import JOB_ERRORS, LIMIT, VM_NOT_FOUND
from simulator.services.recoveryservices.model import INSTANT_LIMIT

NOT_FOUND = "ResourceNotFound"
NOT_ACTIVE = "UserErrorBcmDatasourceNotPresent"
KEY_VAULT = "UserErrorKeyVaultPermissionsNotConfigured"
LEAST = (
    "keys/read",
    "keys/backup/action",
    "secrets/getSecret/action",
    "secrets/backup/action",
    "secrets/readMetadata/action",
)
"""The data actions that Microsoft documents for the backup service."""
WRAPPER = "UserErrorCrpReportedUserError"
NIGHTS = 3
"""Nights since the VM is gone from where it was."""
SOFT_DELETED_FOR = timedelta(days=4)


def _deleted(stage: Stage, code: str = VM_NOT_FOUND) -> Stage:
    return nights(stage.web_server(), code, NIGHTS).machine_deleted()


def _without_restore_points(stage: Stage, code: str) -> Stage:
    """As :func:`_deleted`; no restore point is left that tells the unique id."""
    stage.web_server().vault_points(20, newest=NIGHTS)
    return stage.failed(code, nights=NIGHTS).machine_deleted()


def _deleted_with_group(stage: Stage) -> Stage:
    _deleted(stage.machine(group="rg-app"), NOT_FOUND).localized("pt-BR")
    stage.world.inventory.remove(f"{stage.group('rg-app').lower()}/")
    del stage.world.resources.groups["rg-app"]
    return stage


def _recreated(stage: Stage) -> Stage:
    return _deleted(stage).machine_recreated().localized("zh-TW")


def _resumed_elsewhere(stage: Stage) -> Stage:
    """Stop protection in the old vault; the VM is protected in another one since, where backups succeed."""
    old = stage.web_server().vault_points(10, newest=10)
    now = stage.world.clock.now
    old.on_demand([now - timedelta(hours=20)], NOT_ACTIVE).stopped()
    stage.vault = stage.world.recoveryservices.add_vault("vault-new", "rg-web", LOCATION)
    return stage.protected().vault_points(5, newest=2).points(2, newest=stage.night(0))


def _inactive(stage: Stage, **policy: str | int) -> Stage:
    """Let somebody have tried a backup an hour ago, of a VM whose protection ended before."""
    stage.web_server(**policy).vault_points(10, newest=10)
    return stage.on_demand([stage.world.clock.now - timedelta(hours=1)], NOT_ACTIVE)


def _paused(stage: Stage) -> Stage:
    """The job of the night tells the policy; the item has none any more."""
    stage.web_server().vault_points(20, newest=2).failed(NOT_ACTIVE, nights=1).localized("pt-PT").stopped()
    return stage.state("ProtectionPaused")


def _soft_deleted(stage: Stage) -> Stage:
    return _inactive(stage, daily_days=15).soft_deleted(SOFT_DELETED_FOR)


def _encrypted(stage: Stage, *, key: bool = True, rbac: bool = False, **properties: Any) -> Stage:
    """Encrypt the disks with keys in kv-web, which the backup service has not been let into."""
    stage.machine().key_vault(granted=False, rbac=rbac, **properties).encrypted(key=key)
    stage.web_server().vault_points(20, newest=NIGHTS + 2).points(2, newest=stage.night(NIGHTS))
    return stage.failed(KEY_VAULT, nights=NIGHTS).fails_while(KEY_VAULT, lambda: not stage.key_vault_usable(keys=key)())


def _half_granted(stage: Stage) -> Stage:
    """The service may read the secrets and one thing of the keys; somebody else has all."""
    _encrypted(stage).localized("pt-PT")
    vault = stage.vault_id()
    stage.key_access(vault, principal="66666666-6666-4666-8666-666666666666")
    return stage.key_access(vault, keys=("get",))


def _least_role(stage: Stage) -> Stage:
    _encrypted(stage, rbac=True).localized("zh-TW")
    data = [f"Microsoft.KeyVault/vaults/{one}" for one in LEAST]
    stage.world.authorization.roles.add_definition("Backup reads disk keys", stage.subscription, (), data)
    return stage


def _firewalled(stage: Stage) -> Stage:
    acls = {"bypass": "None", "defaultAction": "Deny", "ipRules": [], "virtualNetworkRules": []}
    _encrypted(stage, networkAcls=acls).localized("pt-BR").key_access(stage.vault_id())
    return stage.fails_while(KEY_VAULT, lambda: True)


def _wrapped_agent(stage: Stage) -> Stage:
    _failed_nights(stage.machine(agent="NotReady").web_server())
    return stage.localized("pt-PT").wrapped(
        "Error code: VMAgentStatusCommunicationError. VM has not reported status for VM agent or extensions."
    )


def _wrapped_limit(stage: Stage) -> Stage:
    stage.web_server().vault_points(5).points(INSTANT_LIMIT).failed(WRAPPER).lock(stage.group())
    return stage.wrapped(f"{LIMIT}: {JOB_ERRORS[LIMIT].text['en-US']}")


def _wrapped_unknown(stage: Stage) -> Stage:
    """The platform answers with what nobody has described; its activity log has the failure."""
    _failed_nights(stage.web_server()).wrapped(
        "Error code: DiskLedgerMismatch. The ledger of the disk web-01-os is not consistent with its snapshot."
    )
    action = "Microsoft.Compute/restorePointCollections/restorePoints/write"
    return stage.happened(action, ago=timedelta(minutes=57), status="Failed", status_code="DiskLedgerMismatch")


def _failed_nights(stage: Stage) -> Stage:
    stage.vault_points(20, newest=NIGHTS + 2).points(2, newest=stage.night(NIGHTS))
    return stage.failed(WRAPPER, nights=NIGHTS)


ROWS: tuple[Row, ...] = (
    ("vm-deleted", VM_NOT_FOUND, "The VM was deleted three nights ago and is still protected.", _deleted),
    (
        "vm-moved",
        VM_NOT_FOUND,
        "The VM was moved to the group rg-new; its item looks for it under the old id.",
        lambda stage: nights(stage.web_server(), VM_NOT_FOUND, NIGHTS).machine_moved("rg-new").localized("pt-BR"),
    ),
    (
        "vm-moved-asked-there",
        VM_NOT_FOUND,
        "As vm-moved, and the VM is asked for where it is now, which no vault knows.",
        lambda stage: nights(stage.web_server(), VM_NOT_FOUND, NIGHTS).machine_moved("rg-new", asked_there=True),
    ),
    (
        "vm-recreated",
        VM_NOT_FOUND,
        "The VM was deleted, and made anew under its name after the last backup failed.",
        _recreated,
    ),
    (
        "vm-deleted-immutable",
        VM_NOT_FOUND,
        "As vm-deleted, in a vault with locked immutability.",
        lambda stage: _deleted(stage.backup_vault(immutability="Locked")),
    ),
    (
        "vm-deleted-guarded",
        VM_NOT_FOUND,
        "As vm-deleted, in a vault under a resource guard (multi-user authorization).",
        lambda stage: _deleted(stage.backup_vault(guarded=True)),
    ),
    (
        "vm-deleted-restoring",
        VM_NOT_FOUND,
        "As vm-deleted, while a restore of it is in progress for another two hours.",
        lambda stage: _deleted(stage).running("Restore", since=timedelta(minutes=30), ends_in=timedelta(hours=2)),
    ),
    (
        "vm-deleted-with-group",
        NOT_FOUND,
        "The VM was deleted three nights ago with its whole group rg-app.",
        _deleted_with_group,
    ),
    (
        "vm-deleted-namesake",
        NOT_FOUND,
        "The VM was deleted; another one, with another unique id, has its name in the group rg-shop.",
        lambda stage: _deleted(stage, NOT_FOUND).localized("zh-TW").namesake("rg-shop"),
    ),
    (
        "vm-perhaps-moved",
        NOT_FOUND,
        "The VM is gone and no restore point tells its unique id; rg-shop has a VM of its name.",
        lambda stage: _without_restore_points(stage, NOT_FOUND).namesake("rg-shop"),
    ),
    (
        "vm-moved-back",
        NOT_FOUND,
        "The VM was moved away when backups failed, and is back where its item looks for it.",
        lambda stage: nights(stage.web_server(), NOT_FOUND, NIGHTS),
    ),
    (
        "protection-stopped",
        NOT_ACTIVE,
        "Protection was stopped with the backup data retained.",
        lambda stage: _inactive(stage).stopped(),
    ),
    (
        "protection-paused",
        NOT_ACTIVE,
        "Protection is paused; the policy stands only in the job that failed last night.",
        _paused,
    ),
    (
        "protection-deleted",
        NOT_ACTIVE,
        "The backup item was deleted four days ago and is still kept (soft delete).",
        _soft_deleted,
    ),
    (
        "protection-resumed",
        NOT_ACTIVE,
        "Somebody has resumed protection since the backup failed.",
        _inactive,
    ),
    (
        "protection-elsewhere",
        NOT_ACTIVE,
        "Protection was stopped in this vault; the VM is protected in another one.",
        _resumed_elsewhere,
    ),
    (
        "key-vault-policy",
        KEY_VAULT,
        "No access policy of the key vault lets the backup service read the disks' keys and secrets.",
        _encrypted,
    ),
    (
        "key-vault-secrets-only",
        KEY_VAULT,
        "As key-vault-policy; the disks have no key encryption key, so secrets will do.",
        lambda stage: _encrypted(stage, key=False),
    ),
    (
        "key-vault-half-granted",
        KEY_VAULT,
        "The access policy of the backup service lacks list and backup on keys.",
        _half_granted,
    ),
    (
        "key-vault-roles",
        KEY_VAULT,
        "The key vault uses roles; the backup service has none, and a custom role fits exactly.",
        _least_role,
    ),
    (
        "key-vault-roles-administrator",
        KEY_VAULT,
        "The key vault uses roles; the backup service has none, and no role fits exactly.",
        lambda stage: _encrypted(stage, rbac=True),
    ),
    (
        "key-vault-granted",
        KEY_VAULT,
        "The backup service was let into the key vault after the last backup had failed.",
        lambda stage: _encrypted(stage).key_access(stage.vault_id()),
    ),
    (
        "key-vault-firewall",
        KEY_VAULT,
        "The permissions are there; the key vault's firewall lets no Microsoft service pass.",
        _firewalled,
    ),
    (
        "crp-wrapped-agent",
        WRAPPER,
        "The jobs only wrap another error, in Portuguese: the VM agent does not report.",
        _wrapped_agent,
    ),
    (
        "crp-wrapped-limit",
        WRAPPER,
        "The jobs only wrap another error: 18 restore points, whose clean-up a lock stops.",
        _wrapped_limit,
    ),
    (
        "crp-wrapped-unknown",
        WRAPPER,
        "The jobs only wrap another error, which nobody has described.",
        _wrapped_unknown,
    ),
)
