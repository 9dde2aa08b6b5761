"""Let the backup service use the key vaults of a VM's encrypted disks: exactly what is missing, and back again."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from arm.errors import NotFound
from arm.facts.access import ROLE_API, Role
from arm.facts.collect import VmFacts
from arm.facts.inventory import AccessPolicy, KeyVault, read_key_vault
from arm.ids import normal, parse

from .change import Change, Effects, Impact, NoChange, Undo

NEEDED = ("get", "list", "backup")
"""What the backup service needs on secrets, and on keys where a key encrypts the secrets."""
DATA_ACTIONS: Mapping[str, tuple[str, ...]] = {
    "keys": ("Microsoft.KeyVault/vaults/keys/read", "Microsoft.KeyVault/vaults/keys/backup/action"),
    "secrets": (
        "Microsoft.KeyVault/vaults/secrets/getSecret/action",
        "Microsoft.KeyVault/vaults/secrets/backup/action",
        "Microsoft.KeyVault/vaults/secrets/readMetadata/action",
    ),
}
"""The same where the key vault uses roles."""
ADMINISTRATOR = "00482a5a-887f-4fb3-b363-3b7fe8e74483"
"""The built-in role Key Vault Administrator, which Microsoft documents; it allows more than is needed."""
_GRANT, _REVOKE = "grant_key_vault_access", "revoke_key_vault_access"


@dataclass(frozen=True)
class KeyVaultUse:
    """What the backup service has to read in one key vault.

    Attributes:
        kinds: ``secrets``, and ``keys`` where the vault holds a key encryption key.
        disks: names of the disks whose keys are there.
    """

    vault: KeyVault
    kinds: tuple[str, ...]
    disks: tuple[str, ...]

    @property
    def data_actions(self) -> tuple[str, ...]:
        """The data actions that a role needs here."""
        return tuple(action for kind in self.kinds for action in DATA_ACTIONS[kind])


def key_vault_uses(facts: VmFacts) -> tuple[KeyVaultUse, ...]:
    """Return what has to be read in which key vault, as the disks' encryption settings say.

    Key vaults that do not exist are left out.
    """
    kinds: dict[str, set[str]] = {}
    disks: dict[str, list[str]] = {}
    for disk in facts.disks():
        for one in disk.settings:
            for kind, vault_id in (("secrets", one.secret_vault_id), ("keys", one.key_vault_id)):
                if vault_id:
                    kinds.setdefault(normal(vault_id), set()).add(kind)
                    disks.setdefault(normal(vault_id), []).append(disk.name)
    vaults = {normal(vault.id): vault for vault in facts.key_vaults()}
    return tuple(
        KeyVaultUse(vaults[key], tuple(sorted(kinds[key])), tuple(dict.fromkeys(disks[key])))
        for key in sorted(kinds)
        if key in vaults
    )


def missing_access(facts: VmFacts, use: KeyVaultUse, principal_id: str) -> tuple[str, ...]:
    """Return what a principal lacks in a key vault: ``keys get`` and so on, or data actions; nothing when it has all.

    Args:
        facts: facts of the VM.
        use: the key vault, and what has to be read in it.
        principal_id: object id of the principal.
    """
    if use.vault.rbac:
        roles = facts.roles_of(principal_id, use.vault.id)
        return tuple(one for one in use.data_actions if not any(role.allows_data(one) for role in roles))
    policy = own_policy(use.vault, principal_id)
    return tuple(
        f"{kind} {name}" for kind in use.kinds for name in NEEDED if policy is None or not policy.allows(kind, name)
    )


def own_policy(vault: KeyVault, principal_id: str) -> AccessPolicy | None:
    """Return the access policy of a principal itself, not one through an application."""
    mine = (one for one in vault.policies if one.object_id == principal_id.lower() and not one.application_id)
    return next(mine, None)


def assignment_id(vault_id: str, role_id: str, principal_id: str) -> str:
    """Return the id of the role assignment that a grant makes: the same again for the same grant."""
    name = uuid.uuid5(uuid.NAMESPACE_URL, f"{vault_id}|{role_id.rpartition('/')[2]}|{principal_id}".lower())
    return f"{vault_id}/providers/Microsoft.Authorization/roleAssignments/{name}"


def fitting_role(facts: VmFacts, use: KeyVaultUse) -> Role | None:
    """Return a custom role that allows exactly what is needed in a key vault and nothing else, if there is one."""
    wanted = {one.lower() for one in use.data_actions}
    fitting = (
        role
        for role in facts.custom_roles(use.vault.id)
        if {one.lower() for one in role.data_actions} == wanted and not role.actions and not role.not_data_actions
    )
    return next(fitting, None)


def administrator(vault: KeyVault) -> str:
    """Return the id of the role Key Vault Administrator in a vault's subscription."""
    roles = f"/subscriptions/{parse(vault.id).subscription}/providers/Microsoft.Authorization/roleDefinitions"
    return f"{roles}/{ADMINISTRATOR}"


def grant_key_vault_access(facts: VmFacts, *, principal_id: str, role_id: str = "") -> Iterator[Change | NoChange]:
    """Let a principal read what it lacks in every key vault of the VM's encrypted disks.

    Args:
        facts: facts of the VM.
        principal_id: object id of the Backup Management Service's service principal in this tenant.
        role_id: the role to give where a key vault uses roles; default a custom role that fits exactly, else
            Key Vault Administrator.

    Permission: ``Microsoft.KeyVault/vaults/accessPolicies/write``, ``Microsoft.Authorization/roleAssignments/write``.
    Source: catalogue action ``grant_key_vault_access``.
    """
    uses = key_vault_uses(facts)
    lacking = [use for use in uses if missing_access(facts, use, principal_id)]
    if not lacking:
        where = ", ".join(use.vault.name for use in uses)
        yield NoChange(f"{principal_id} has all it needs in {where}" if uses else "no disk has its keys in a key vault")
    for use in lacking:
        yield (
            _grant_by_role(facts, use, principal_id, role_id)
            if use.vault.rbac
            else _grant_by_policy(facts, use, principal_id)
        )


def _grant_by_policy(facts: VmFacts, use: KeyVaultUse, principal_id: str) -> Change:
    before, missing = own_policy(use.vault, principal_id), missing_access(facts, use, principal_id)
    added = {kind: [name for name in NEEDED if f"{kind} {name}" in missing] for kind in use.kinds}
    added = {kind: names for kind, names in added.items() if names}
    had = {"keys": list(before.keys), "secrets": list(before.secrets)} if before else {}
    after = {kind: [*had.get(kind, []), *added.get(kind, [])] for kind in ("keys", "secrets")}
    return Change(
        action=_GRANT,
        operation="vaults.add_access_policy",
        target=use.vault.id,
        summary=f"let {principal_id} use the key vault {use.vault.name}: {_spoken(added)}",
        reason=f"the backup service needs it for the disks {', '.join(use.disks)}",
        before={"objectId": principal_id, **had},
        after={"objectId": principal_id, **{kind: names for kind, names in after.items() if names}},
        impact=Impact.SECURITY,
        body=_entry(use.vault, principal_id, added),
        undo=Undo(_REVOKE, "vaults.remove_access_policy", use.vault.id, {"principal": principal_id, "added": added}),
    )


def _grant_by_role(facts: VmFacts, use: KeyVaultUse, principal_id: str, role_id: str) -> Change:
    fitting = fitting_role(facts, use) if not role_id else None
    role = role_id or (fitting.id if fitting else administrator(use.vault))
    name = fitting.name if fitting else "Key Vault Administrator" if role == administrator(use.vault) else role
    target = assignment_id(use.vault.id, role, principal_id)
    return Change(
        action=_GRANT,
        operation="role_assignments.create",
        target=target,
        summary=f"give {principal_id} the role {name} on the key vault {use.vault.name}",
        reason=f"the backup service needs it for the disks {', '.join(use.disks)}",
        before=None,
        after={"principalId": principal_id, "roleDefinitionId": role, "scope": use.vault.id},
        impact=Impact.SECURITY,
        body={
            "properties": {
                "roleDefinitionId": role,
                "principalId": principal_id,
                "principalType": "ServicePrincipal",
            }
        },
        undo=Undo(_REVOKE, "role_assignments.delete", target, {}),
    )


def revoke_key_vault_access(facts: VmFacts, undo: Undo) -> Effects:
    """Take back a grant: what it has added and is still there, nothing else.

    Args:
        facts: facts of the VM.
        undo: what the grant has noted.
    """
    if undo.operation == "role_assignments.delete":
        yield from _revoke_role(facts, undo.target)
        return
    vault, principal = read_key_vault(facts.session, undo.target), str(undo.body["principal"])
    policy = own_policy(vault, principal)
    now = {"keys": policy.keys, "secrets": policy.secrets} if policy else {"keys": (), "secrets": ()}
    taken = {kind: [name for name in undo.body["added"].get(kind, []) if name in now[kind]] for kind in now}
    if not any(taken.values()):
        yield NoChange(f"{principal} has nothing of it in the key vault {vault.name} any more")
        return
    left = {kind: [name for name in names if name not in taken[kind]] for kind, names in now.items()}
    yield Change(
        action=_REVOKE,
        operation="vaults.remove_access_policy",
        target=vault.id,
        summary=f"take from {principal} in the key vault {vault.name}: {_spoken(taken)}",
        reason="a run has granted it",
        before={"objectId": principal, **{kind: list(names) for kind, names in now.items() if names}},
        after={"objectId": principal, **{kind: names for kind, names in left.items() if names}},
        impact=Impact.SECURITY,
        body=_entry(vault, principal, taken),
    )


def _revoke_role(facts: VmFacts, target: str) -> Effects:
    try:
        facts.session.get(target, ROLE_API)
    except NotFound:
        yield NoChange("the role assignment does not exist any more")
        return
    yield Change(
        action=_REVOKE,
        operation="role_assignments.delete",
        target=target,
        summary=f"delete the role assignment {parse(target).name}",
        reason="a run has granted it",
        before={"roleAssignment": target},
        after=None,
        impact=Impact.SECURITY,
    )


def _entry(vault: KeyVault, principal_id: str, permissions: Mapping[str, list[str]]) -> dict[str, object]:
    given = {kind: names for kind, names in permissions.items() if names}
    entry = {"tenantId": vault.tenant_id, "objectId": principal_id, "permissions": given}
    return {"properties": {"accessPolicies": [entry]}}


def _spoken(permissions: Mapping[str, list[str]]) -> str:
    return "; ".join(f"{kind} {', '.join(names)}" for kind, names in permissions.items() if names)
