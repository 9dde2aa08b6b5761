"""The chain, as Microsoft documents it: agent, then extensions; if neither is the cause, restart the VM; back up."""

from __future__ import annotations

from ... import agent_causes as look
from ...agent import (
    AGENT_FACTS,
    AWAIT_AGENT,
    BACK,
    REMOVE_EXTENSION,
    RESTART,
    RESTART_VM,
    attempts,
    diagnose_agent,
    in_guest,
    offered,
    tried,
    writes_of,
)
from ...catalogue import load
from ...model import Cause, Decision, Diagnosis, Runbook, Situation, Step
from ...shared import BACK_UP, basics, gone, not_protected, outset
from ...state import AWAIT_STATE, reapply

ENTRY = load("user_error_guest_agent_status_unavailable")
CHOICES = offered(BACK, RESTART)
LOOKS = (
    look.vm_moving,
    look.vm_off,
    look.agent_absent,
    look.agent_silent,
    look.agent_outdated,
    look.extensions_off,
    look.other_extension,
    look.own_extension,
    look.failed_state,
    look.guest_shut_down,
    look.guest_path,
    look.outbound_blocked,
)


def diagnose(situation: Situation) -> Diagnosis:
    """Find out whether the agent is missing, silent or too old, or what else keeps it from answering."""
    early = outset(situation.facts, ENTRY)
    if early is not None and not _silent_all_the_same(situation, early):
        return early
    return diagnose_agent(situation, ENTRY, LOOKS, CHOICES, lambda causes: _ready(situation, causes))


def _silent_all_the_same(situation: Situation, early: Diagnosis) -> bool:
    """Say whether the agent does not answer, though the last backup failed with another error."""
    facts = situation.facts
    named_another = early.decision is Decision.REFUSE and not not_protected(facts) and not gone(facts)
    return named_another and look.silent(facts.vm())


def _ready(situation: Situation, causes: tuple[Cause, ...]) -> Diagnosis:
    """Say what follows when the agent is ready: it may have come back; if a backup fails all the same, a restart."""
    facts, findings = situation.facts, basics(situation.facts)
    if not attempts(facts):
        reason = "the agent is Ready (again), and no extension has failed"
        return Diagnosis(Decision.REPAIR, reason, findings, causes=causes)
    reason = f"the agent is Ready, and {tried(facts)}: a wrong state of the VM is possible, which a restart resets"
    return Diagnosis(Decision.CHOOSE, reason, findings, in_guest(facts, causes, CHOICES), causes)


RUNBOOK = Runbook(
    code=ENTRY.id,
    title=ENTRY.title,
    facts=AGENT_FACTS,
    also_reads=("recovery_points", "nics", "subnets", "nsgs"),
    writes=writes_of(CHOICES, "virtual_machine_extensions.delete", "virtual_machines.reapply"),
    choices=CHOICES,
    diagnose=diagnose,
    steps=(
        AWAIT_STATE,
        RESTART_VM,
        AWAIT_AGENT,
        REMOVE_EXTENSION,
        Step("reapply", "Reapply the VM, which clears a stale Failed state", reapply),
        BACK_UP,
    ),
    entry=ENTRY,
)
