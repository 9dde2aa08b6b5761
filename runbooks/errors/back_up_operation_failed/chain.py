"""The chain, as Microsoft documents it: the evident causes, a simple retry, and only then a new installation."""

from __future__ import annotations

from actions.registry import remove_blocking_locks
from arm.facts.collect import VmFacts
from arm.facts.times import iso

from ... import agent_causes as look
from ...agent import (
    AGENT_FACTS,
    AWAIT_AGENT,
    BACK,
    REMOVE_EXTENSION,
    RESTART,
    RESTART_VM,
    STOP,
    STOP_VM,
    diagnose_agent,
    offered,
    retry_first,
    retry_steps,
    writes_of,
)
from ...catalogue import load
from ...model import Cause, Decision, Diagnosis, Runbook, Situation, Standing, Step, StepEffects
from ...scripted import with_scripts
from ...shared import basics, gone, not_protected, outset
from ...state import AWAIT_STATE

ENTRY = load("back_up_operation_failed")
CHOICES = offered(BACK, RESTART, STOP)
_VM_GONE = "BCMV2VMNotFound"


def diagnose(situation: Situation) -> Diagnosis:
    """Find out whether any evident cause is behind an error that may mean anything."""
    facts = situation.facts
    if gone(facts) is not None and not_protected(facts) is None:
        return _gone(facts)
    early = outset(facts, ENTRY)
    if early is not None:
        return early
    return diagnose_agent(
        situation, ENTRY, LOOKS, CHOICES, lambda causes: retry_first(situation, causes, CHOICES, "no evident cause")
    )


def _gone(facts: VmFacts) -> Diagnosis:
    step = f"Run 'remediate {_VM_GONE} --vm {facts.vm_id}': it proves that, and stops protection with all data kept."
    return Diagnosis(
        Decision.REFUSE, "the virtual machine does not exist any more", basics(facts), step, causes=(vm_deleted(facts),)
    )


def vm_deleted(facts: VmFacts) -> Cause:
    """Was the VM deleted?"""
    name, summary = "vm-deleted", "the VM was deleted"
    if facts.vm_or_none() is None:
        return Cause(name, summary, Standing.FOUND, (f"{facts.vm_id} does not exist (404)",))
    return Cause(name, summary, Standing.RULED_OUT, (), (f"{facts.vm_id} exists",))


def platform_trouble(facts: VmFacts) -> Cause:
    """Does the platform itself say that the VM, its host or its storage is not well?"""
    name, summary = "platform-trouble", "the platform has trouble with the VM, its host or its storage"
    health = facts.health()
    said = f"Resource Health: {health.state} {health.reason}. {health.summary}".replace(" .", ".")
    bad = health.state.lower() in ("unavailable", "degraded") and "customer" not in health.reason.lower()
    if bad:
        return Cause(name, summary, Standing.FOUND, (said,))
    return Cause(name, summary, Standing.RULED_OUT, (), (said,))


def policy_migrated(facts: VmFacts) -> Cause:
    """Was the VM moved from a Standard to an Enhanced policy since it was last backed up?"""
    name, summary = "policy-migrated", "the VM was moved from a Standard to an Enhanced policy"
    policy = facts.policy()
    if policy is None or policy.kind != "V2":
        return Cause(name, summary, Standing.RULED_OUT, (), ("the policy is a Standard one",))
    last = facts.last_scheduled_backup()
    before = last.properties.get("Policy Name", "") if last is not None else ""
    if last is None or not before:
        said = f"the policy {policy.name} is an Enhanced one; under which the VM was backed up before is not known"
        return Cause(name, summary, Standing.POSSIBLE, (said,))
    at = f"the last scheduled backup that succeeded{f', {iso(last.started)},' if last.started else ''} was under"
    if before == policy.name:
        return Cause(name, summary, Standing.RULED_OUT, (), (f"{at} the same policy {policy.name}",))
    kinds = {one.name: one.kind for one in facts.policies()}
    if kinds.get(before) == "V2":
        return Cause(name, summary, Standing.RULED_OUT, (), (f"{at} {before}, an Enhanced policy too",))
    said = f"{at} {before}{' (Standard)' if kinds.get(before) == 'V1' else ''}, and {policy.name} is an Enhanced one"
    return Cause(name, summary, Standing.FOUND if kinds.get(before) == "V1" else Standing.POSSIBLE, (said,))


LOOKS = (
    look.vm_moving,
    look.vm_off,
    look.agent_absent,
    look.agent_silent,
    look.agent_outdated,
    platform_trouble,
    look.lock_on_points,
    look.other_extension,
    look.own_extension,
    policy_migrated,
    vm_deleted,
    look.guest_shut_down,
    look.guest_address,
    look.provider_broken,
    look.outbound_blocked,
    look.extension_broken,
)


def remove_locks(situation: Situation) -> StepEffects:
    """Remove the locks that keep the service from deleting old restore points."""
    yield from remove_blocking_locks(situation.facts)


RUNBOOK = with_scripts(
    Runbook(
        code=ENTRY.id,
        title=ENTRY.title,
        facts=(*AGENT_FACTS, "collections", "nics", "health", "policy"),
        also_reads=("recovery_points", "last_scheduled_backup", "policies", "subnets", "nsgs"),
        writes=writes_of(CHOICES, "locks.delete", "virtual_machine_extensions.delete"),
        choices=CHOICES,
        diagnose=diagnose,
        steps=(
            AWAIT_STATE,
            STOP_VM,
            RESTART_VM,
            AWAIT_AGENT,
            Step("remove_locks", "Remove the locks that keep old restore points from being deleted", remove_locks),
            REMOVE_EXTENSION,
            *retry_steps(ENTRY),
        ),
        entry=ENTRY,
    )
)
