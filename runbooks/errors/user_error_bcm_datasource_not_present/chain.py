"""The chain, as Microsoft documents it: make the protection active again (undelete, resume), then back up."""

from __future__ import annotations

from actions.protection import STOPPED, resume_protection, undelete_protected_item
from arm.errors import UsageError
from arm.facts.backup import Policy, ProtectedItem, vault_of
from arm.facts.collect import VmFacts
from arm.ids import parse, same

from ...catalogue import load
from ...model import Cause, Decision, Diagnosis, Finding, Runbook, Situation, Standing, Step, StepEffects
from ...protection import enable, expiring
from ...shared import BACK_UP, FACTS, advise, basics, gone, other_error, still_failing

ENTRY = load("user_error_bcm_datasource_not_present")
POLICY = "policy"
_ACTIVE = ("protected", "irpending", "protectionerror")


def diagnose(situation: Situation) -> Diagnosis:
    """Find out whether protection is stopped, deleted, or goes on elsewhere, and under which policy it can go on."""
    facts, findings = situation.facts, basics(situation.facts)
    missing = gone(facts)
    if missing is not None:
        step = f"Run 'remediate BCMV2VMNotFound --vm {facts.vm_id}'."
        return Diagnosis(Decision.REFUSE, missing[0], findings, step)
    item = facts.item()
    if item is None:
        step = f"Protect it: {enable(facts.vm_id)}."
        return advise("the VM is not protected by any vault", step, findings, *_causes(facts, None))
    causes = _causes(facts, item)
    if item.soft_deleted or item.state.lower() in STOPPED:
        return _inactive(situation, item, findings, causes)
    if item.state.lower() not in _ACTIVE:
        step = f"Look at the item in the vault {_vault(item.id)}; its state says that its set-up has not ended well."
        return advise(f"the protection is in the state {item.state}", step, findings, *causes)
    failed = facts.last_failed_job()
    if failed is None or not still_failing(facts, failed):
        where = f"the VM is protected in vault {_vault(item.id)}"
        last = "its last backup succeeded" if failed else "no backup failed there in the last 30 days"
        return Diagnosis(Decision.NOTHING, f"{where}, and {last}", findings, causes=causes)
    refused = other_error(failed, ENTRY, findings)
    if refused is not None:
        return refused
    reason = f"the VM is actively protected again ({item.state}): it can be backed up"
    return Diagnosis(Decision.REPAIR, reason, findings, causes=causes)


def _inactive(
    situation: Situation, item: ProtectedItem, findings: tuple[Finding, ...], causes: tuple[Cause, ...]
) -> Diagnosis:
    facts, policy = situation.facts, _policy(situation)
    state = "the backup item is deleted (soft delete)" if item.soft_deleted else f"protection is stopped ({item.state})"
    if policy is None:
        known = "; ".join(_spoken(one) for one in facts.policies()) or "the vault has none"
        step = f"Choose a policy of the vault: --input {POLICY}=NAME. Policies: {known}."
        reason = f"{state}, and nothing tells the policy it had"
        return Diagnosis(Decision.CHOOSE, reason, findings, step, causes)
    shown = Finding("policy", _spoken(policy))
    lost = Finding("recovery points that expire on resuming", expiring(facts, policy.daily_days))
    reason = f"{state}; it is resumed under the policy {policy.name}"
    return Diagnosis(Decision.REPAIR, reason, (*findings, shown, lost), causes=causes)


def _policy(situation: Situation) -> Policy | None:
    """Return the policy that was asked for, else the one the item had, as itself or its last job tells.

    Raises:
        UsageError: the vault has no policy of the name that was asked for.
    """
    facts, item, failed = situation.facts, situation.facts.item(), situation.facts.last_failed_job()
    asked = situation.inputs.get(POLICY, "")
    before = failed.properties.get("Policy Name", "") if failed else ""
    wanted = asked or (item.policy_id if item else "") or before
    named = [one for one in facts.policies() if same(one.id, wanted) or one.name.lower() == wanted.lower()]
    if asked and not named:
        names = [one.name for one in facts.policies()]
        raise UsageError(f"the vault has no policy {asked!r} for Azure VMs", "Use one of these.", names)
    return named[0] if named else None


def _spoken(policy: Policy) -> str:
    days = "" if policy.daily_days is None else f"daily points are kept {policy.daily_days} days"
    return f"{policy.name} ({days or 'keeps no daily points'})"


def _vault(item_id: str) -> str:
    return parse(vault_of(item_id)).name


def _causes(facts: VmFacts, item: ProtectedItem | None) -> tuple[Cause, ...]:
    others = [
        one
        for one in facts.items_of_name()
        if same(one.source_id, facts.vm_id) and (item is None or not same(one.id, item.id))
    ]
    elsewhere = tuple(f"another item in vault {_vault(one.id)}, state {one.state}" for one in others)
    state = f"protectionState {item.state} in vault {_vault(item.id)}" if item else "no vault has an item of it"
    state += ", deleted (soft delete)" if item and item.soft_deleted else ""
    stopped = item is not None and not item.soft_deleted and item.state.lower() in STOPPED
    deleted = item is not None and item.soft_deleted
    active = item is not None and not deleted and item.state.lower() in _ACTIVE
    failed = facts.last_failed_job()
    resumed = active and failed is not None and still_failing(facts, failed)
    listed = (
        ("protection-stopped", "protection is stopped or paused", stopped, (state,)),
        (
            "item-deleted",
            "the backup item is deleted and kept by soft delete",
            deleted,
            (state,),
        ),
        ("protected-elsewhere", "the VM is protected in another vault", active and bool(others), (state, *elsewhere)),
        ("never-protected", "the VM is not protected at all", item is None, (state,)),
        (
            "protection-resumed",
            "it was inactive when the backup failed, and is active now",
            resumed and not others,
            (state,),
        ),
    )
    return tuple(
        Cause(name, summary, Standing.FOUND, evidence)
        if holds
        else Cause(name, summary, Standing.RULED_OUT, (), (state,))
        for name, summary, holds, evidence in listed
    )


def undelete(situation: Situation) -> StepEffects:
    """Undelete the item, if it is soft-deleted."""
    yield from undelete_protected_item(situation.facts)


def resume(situation: Situation) -> StepEffects:
    """Resume protection under the policy that was chosen or that the item had."""
    policy, item = _policy(situation), situation.facts.item()
    yield from resume_protection(situation.facts, policy_id=policy.id if policy else item.policy_id if item else "")


RUNBOOK = Runbook(
    code=ENTRY.id,
    title=ENTRY.title,
    facts=(*FACTS, "policies", "items_of_name"),
    also_reads=("recovery_points", "resource_guards"),
    writes=("protected_items.undelete", "protected_items.resume", "backups.trigger"),
    inputs={POLICY: "name of the policy to resume under (default: the one it had)"},
    diagnose=diagnose,
    steps=(
        Step("undelete", "Undelete the backup item", undelete),
        Step("resume_protection", "Resume protection", resume),
        BACK_UP,
    ),
    entry=ENTRY,
)
