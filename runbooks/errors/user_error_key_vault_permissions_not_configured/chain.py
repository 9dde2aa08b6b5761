"""The chain, as Microsoft documents it: give the backup service what it lacks, wait a little while, back up."""

from __future__ import annotations

import re
from datetime import timedelta

from actions.change import NoChange
from actions.key_vault import (
    KeyVaultUse,
    administrator,
    fitting_role,
    grant_key_vault_access,
    key_vault_uses,
    missing_access,
)
from arm.errors import UsageError
from arm.facts.collect import VmFacts
from arm.facts.inventory import KeyVault, key_vaults_of
from arm.ids import normal

from ...catalogue import load
from ...model import Cause, Decision, Diagnosis, Finding, Runbook, Situation, Standing, Step, StepEffects, Wait
from ...shared import BACK_UP, FACTS, advise, basics, outset

ENTRY = load("user_error_key_vault_permissions_not_configured")
PRINCIPAL, BACK, ADMINISTRATOR = "principal-id", "back-up", "key-vault-administrator"
SPREAD = timedelta(minutes=10)
"""How long a new permission may take until the service has it ("a little while"; ten minutes for a role)."""
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SUMMARIES = {
    "permissions-missing": "the Backup Management Service may not read the keys of the encrypted disks",
    "firewall": "the key vault's firewall shuts the backup service out",
    "key-vault-gone": "the key vault of an encrypted disk does not exist",
    "not-spread-yet": "the permissions are there, and had not spread when the backup ran",
}


def diagnose(situation: Situation) -> Diagnosis:
    """Find out in which key vault which permission is missing, and whether anything else shuts the service out."""
    facts = situation.facts
    early = outset(facts, ENTRY)
    if early is not None:
        return early
    uses = key_vault_uses(facts)
    findings = (*basics(facts), *(Finding("key vault", _spoken(use)) for use in uses))
    known = {normal(use.vault.id) for use in uses}
    gone = [one for one in key_vaults_of(facts.disks()) if normal(one) not in known]
    if gone:
        step = f"Recover it ('az keyvault recover --name {gone[0].rpartition('/')[2]}') with its keys, then run again."
        causes = _causes("key-vault-gone", (f"{gone[0]} does not exist (404)",), uses, missing=Standing.POSSIBLE)
        return advise(f"the key vault {gone[0]} does not exist", step, findings, *causes)
    if not uses:
        step = "Look at the VM's encryption: only Azure Disk Encryption keeps its keys in a key vault of yours."
        causes = _causes("", (), uses, missing=Standing.POSSIBLE)
        return advise("no managed disk of the VM has its keys in a key vault", step, findings, *causes)
    shut = [use.vault for use in uses if _shut(use.vault)]
    if shut:
        step = f"Let trusted Microsoft services pass: az keyvault update --name {shut[0].name} --bypass AzureServices."
        evidence = tuple(f"{one.name}: {_firewall(one)}" for one in shut)
        causes = _causes("firewall", evidence, uses, missing=Standing.POSSIBLE)
        return advise(f"the firewall of key vault {shut[0].name} shuts the backup service out", step, findings, *causes)
    return _permissions(situation, uses, findings)


def _permissions(situation: Situation, uses: tuple[KeyVaultUse, ...], findings: tuple[Finding, ...]) -> Diagnosis:
    facts, principal = situation.facts, _principal(situation)
    if not principal:
        return _ask(situation, uses, findings)
    lacking = {use.vault.name: missing_access(facts, use, principal) for use in uses}
    lacking = {name: missing for name, missing in lacking.items() if missing}
    if not lacking:
        has = tuple(f"{principal} has all it needs in {use.vault.name}" for use in uses)
        reason = "nothing is missing in the key vault: the permissions had not spread yet"
        return Diagnosis(Decision.REPAIR, reason, findings, causes=_causes("not-spread-yet", has, uses))
    evidence = tuple(f"{principal} lacks in {name}: {', '.join(missing)}" for name, missing in lacking.items())
    causes = _causes("permissions-missing", evidence, uses)
    too_much = [use for use in _by_role(facts, uses, principal) if fitting_role(facts, use) is None]
    if too_much and situation.choice != ADMINISTRATOR:
        use = too_much[0]
        actions = " ".join(f'"{one}"' for one in use.data_actions)
        step = (
            f"Make a custom role that can be assigned at {use.vault.id}, with exactly these dataActions, "
            f"and run again: {actions}. "
            f"Or take the role that Microsoft documents, which allows far more: --choose {ADMINISTRATOR}."
        )
        reason = f"no role allows exactly what is needed in the key vault {use.vault.name}"
        return Diagnosis(Decision.CHOOSE, reason, findings, step, causes)
    return Diagnosis(Decision.REPAIR, evidence[0], findings, causes=causes)


def _by_role(facts: VmFacts, uses: tuple[KeyVaultUse, ...], principal: str) -> list[KeyVaultUse]:
    return [use for use in uses if use.vault.rbac and missing_access(facts, use, principal)]


def _ask(situation: Situation, uses: tuple[KeyVaultUse, ...], findings: tuple[Finding, ...]) -> Diagnosis:
    """Ask who the service is in this tenant, which Azure Resource Manager does not tell, and say what is known."""
    closed = [use.vault.name for use in uses if not use.vault.rbac and not _able(use)]
    nobody = tuple(f"no access policy of {name} allows anybody what the service needs" for name in closed)
    unsure = Standing.RULED_OUT if closed else Standing.POSSIBLE
    causes = _causes("permissions-missing" if closed else "", nobody, uses, missing=unsure)
    if situation.choice == BACK:
        return Diagnosis(Decision.REPAIR, "the permissions are said to be there already", findings, causes=causes)
    application = situation.facts.session.cloud.backup_app_id
    look_up = (
        f"az ad sp show --id {application} --query id --output tsv"
        if application
        else 'az ad sp list --display-name "Backup Management Service" --query "[].id"'
    )
    step = (
        f"Look up the object id of the Backup Management Service in this tenant ({look_up}), "
        f"and give it: --input {PRINCIPAL}=GUID."
    )
    able = sorted({f"{one} in {use.vault.name}" for use in uses for one in _able(use)})
    if able:
        step += f" If it is {' or '.join(able)}, the permissions are there: --choose {BACK}."
    reason = "which principal is the Backup Management Service cannot be read from Azure Resource Manager"
    reason = f"{nobody[0]}; {reason}" if nobody else reason
    return Diagnosis(Decision.CHOOSE, reason, findings, step, causes)


def _principal(situation: Situation) -> str:
    given = situation.inputs.get(PRINCIPAL, "")
    if given and not _GUID.fullmatch(given):
        raise UsageError(f"--input {PRINCIPAL}={given!r} is no object id", "Give the object id, a GUID.")
    return given.lower()


def _able(use: KeyVaultUse) -> list[str]:
    """Return the principals whose access policy allows all that is needed."""
    return [
        one.object_id
        for one in use.vault.policies
        if not one.application_id and all(one.allows(kind, "get", "list", "backup") for kind in use.kinds)
    ]


def _shut(vault: KeyVault) -> bool:
    closed = vault.public_access.lower() == "disabled" or vault.default_action.lower() == "deny"
    return closed and "azureservices" not in vault.bypass.lower()


def _firewall(vault: KeyVault) -> str:
    passing = f"defaultAction {vault.default_action}, bypass {vault.bypass or 'None'}"
    return f"publicNetworkAccess {vault.public_access}, {passing}"


def _spoken(use: KeyVaultUse) -> str:
    model = "roles" if use.vault.rbac else "access policies"
    return f"{use.vault.name} ({model}) holds {' and '.join(use.kinds)} of the disks {', '.join(use.disks)}"


def _causes(
    found: str, evidence: tuple[str, ...], uses: tuple[KeyVaultUse, ...], *, missing: Standing = Standing.RULED_OUT
) -> tuple[Cause, ...]:
    """Return every cause, the one that was found with its evidence.

    Args:
        found: its name; empty when none was.
        evidence: what speaks for it.
        uses: the key vaults that exist and what is in them.
        missing: whether missing permissions, or some that had not spread, may be the cause where they were not found.
    """
    there = tuple(f"{use.vault.name} exists" for use in uses)
    pass_by = tuple(f"{use.vault.name}: {_firewall(use.vault)}" for use in uses)
    spoken = evidence if found in ("permissions-missing", "not-spread-yet") else ()
    rest = {
        "permissions-missing": (missing, spoken),
        "not-spread-yet": (missing, spoken),
        "firewall": (Standing.RULED_OUT if uses else Standing.POSSIBLE, pass_by),
        "key-vault-gone": (Standing.RULED_OUT, there),
    }
    return tuple(
        Cause(name, summary, Standing.FOUND, evidence)
        if name == found
        else Cause(name, summary, rest[name][0], (), rest[name][1])
        for name, summary in _SUMMARIES.items()
    )


def grant(situation: Situation) -> StepEffects:
    """Give the service what it lacks, in every key vault of the encrypted disks."""
    principal, uses = _principal(situation), key_vault_uses(situation.facts)
    if not principal:
        yield NoChange("the permissions are said to be there already")
        return
    role = administrator(uses[0].vault) if situation.choice == ADMINISTRATOR and uses else ""
    yield from grant_key_vault_access(situation.facts, principal_id=principal, role_id=role)


def settle(situation: Situation) -> StepEffects:
    """Wait a little while: a permission takes time to spread."""
    end = situation.progress.changed_at + SPREAD
    if situation.now < end:
        yield Wait("the permission spreads to the backup service", SPREAD, end)
    else:
        yield NoChange("the permission has had time to spread")


RUNBOOK = Runbook(
    code=ENTRY.id,
    title=ENTRY.title,
    facts=(*FACTS, "disks", "key_vaults"),
    also_reads=("recovery_points", "roles_of", "custom_roles"),
    writes=("vaults.add_access_policy", "role_assignments.create", "backups.trigger"),
    inputs={PRINCIPAL: "object id of the Backup Management Service's service principal in this tenant"},
    choices={
        BACK: "the permissions are there already: back up, which proves it",
        ADMINISTRATOR: "give the role Key Vault Administrator where a key vault uses roles; it allows more than needed",
    },
    diagnose=diagnose,
    steps=(
        Step("grant_access", "Let the backup service read the keys", grant),
        Step("let_it_spread", "Wait until the permission has spread", settle),
        BACK_UP,
    ),
    entry=ENTRY,
)
