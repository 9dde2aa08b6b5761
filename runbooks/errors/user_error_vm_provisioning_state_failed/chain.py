"""The chain, as Microsoft documents it: which extension failed, or what the platform is still doing; then back up."""

from __future__ import annotations

from ...agent import HUMAN
from ...catalogue import load
from ...model import Cause, Decision, Diagnosis, Runbook, Situation, Standing
from ...shared import advise, basics, outset
from ...state import (
    STATE_FACTS,
    STATE_STEPS,
    STATE_WRITES,
    agent_silent,
    failed_extensions,
    repair_extension,
    state_causes,
    state_of,
)

ENTRY = load("user_error_vm_provisioning_state_failed")


def diagnose(situation: Situation) -> Diagnosis:
    """Find out what has put the VM into a failed provisioning state, or still keeps it from leaving it."""
    facts = situation.facts
    early = outset(facts, ENTRY)
    if early is not None:
        return early
    vm, findings = facts.vm(), basics(facts)
    _, others = failed_extensions(facts)
    causes = state_causes(facts)
    known = next((one for one in causes if one.standing is Standing.FOUND), None)
    silent = agent_silent(vm)
    causes = (*causes, _agent(silent, known))
    if others and not vm.in_transition:
        names = ", ".join(one.name for one in others)
        return advise(f"the extension {names} failed", repair_extension(others), findings, *causes)
    if known is not None:
        return Diagnosis(Decision.REPAIR, f"{known.summary}: {known.evidence[0]}", findings, causes=causes)
    if silent:
        return advise(
            f"VM and extensions are provisioned, but {silent}", HUMAN["agent-not-ready"](facts), findings, *causes
        )
    reason = f"the state has passed: {state_of(vm)}; no extension has failed"
    return Diagnosis(Decision.REPAIR, reason, findings, causes=causes)


def _agent(silent: str, known: Cause | None) -> Cause:
    summary = "the agent service in the VM does not run"
    if not silent:
        return Cause(
            "agent-not-running", summary, Standing.RULED_OUT, (), ("the VM does not run, or its agent is Ready",)
        )
    if known is None:
        return Cause("agent-not-running", summary, Standing.FOUND, (silent,))
    return Cause("agent-not-running", summary, Standing.POSSIBLE, (silent,), (f"{known.summary}, which explains it",))


RUNBOOK = Runbook(
    code=ENTRY.id,
    title=ENTRY.title,
    facts=STATE_FACTS,
    also_reads=("recovery_points",),
    writes=STATE_WRITES,
    diagnose=diagnose,
    steps=STATE_STEPS,
    entry=ENTRY,
)
