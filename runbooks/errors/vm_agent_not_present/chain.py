"""The chain, as Microsoft documents it: install the VM agent, see that it reports, and start the operation again."""

from __future__ import annotations

from ... import agent_causes as look
from ...agent import diagnose_agent, first_backup_outset, not_enabled
from ...catalogue import load
from ...model import Cause, Decision, Diagnosis, Runbook, Situation
from ...shared import BACK_UP, FACTS, basics
from ...state import AWAIT_STATE

ENTRY = load("vm_agent_not_present")
LOOKS = (look.vm_moving, look.vm_off, look.agent_absent, look.agent_silent, look.extensions_off, look.classic_flag)


def diagnose(situation: Situation) -> Diagnosis:
    """Find out whether there is (still) no agent, or one that only does not answer."""
    facts = situation.facts
    if facts.item() is None and facts.vm_or_none() is not None:
        return not_enabled(situation, LOOKS)
    early = first_backup_outset(facts, ENTRY)
    if early is not None:
        return early
    return diagnose_agent(situation, ENTRY, LOOKS, {}, lambda causes: _present(situation, causes))


def _present(situation: Situation, causes: tuple[Cause, ...]) -> Diagnosis:
    vm = situation.facts.vm()
    reason = f"the agent {vm.agent_version or 'of the VM'} reports: it is {vm.agent_status} (now)"
    return Diagnosis(Decision.REPAIR, reason, basics(situation.facts), causes=causes)


RUNBOOK = Runbook(
    code=ENTRY.id,
    title=ENTRY.title,
    facts=FACTS,
    also_reads=("recovery_points",),
    writes=("backups.trigger",),
    diagnose=diagnose,
    steps=(AWAIT_STATE, BACK_UP),
    entry=ENTRY,
)
