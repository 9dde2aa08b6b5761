"""The chain, as Microsoft documents it: agent, flags, a VM that runs at its first backup; it is never just started."""

from __future__ import annotations

from dataclasses import replace

from ... import agent_causes as look
from ...agent import (
    AWAIT_AGENT,
    BACK,
    CHOICES,
    START,
    START_VM,
    diagnose_agent,
    first_backup_outset,
    not_enabled,
    offered,
    writes_of,
)
from ...catalogue import load
from ...model import Cause, Decision, Diagnosis, Runbook, Situation, Standing
from ...shared import BACK_UP, FACTS, basics
from ...state import AWAIT_STATE

ENTRY = load("azure_vm_offline")
OWN_CHOICES = {
    BACK: "back up what is on the disks, without the extension; or the VM is repaired, and this proves it",
    START: CHOICES[START],
}
LOOKS = (
    look.vm_moving,
    look.vm_off,
    look.agent_absent,
    look.agent_silent,
    look.agent_outdated,
    look.extensions_off,
    look.classic_flag,
)


def diagnose(situation: Situation) -> Diagnosis:
    """Find out whether the VM has an agent, takes extensions, and runs when it is backed up for the first time."""
    facts = situation.facts
    if facts.item() is None and facts.vm_or_none() is not None:
        return not_enabled(situation, LOOKS)
    early = first_backup_outset(facts, ENTRY)
    if early is not None:
        return early
    found = diagnose_agent(situation, ENTRY, LOOKS, OWN_CHOICES, lambda causes: _well(situation, causes))
    return _first_backup(situation, found) if _off(found.causes) and not situation.choice else found


def _off(causes: tuple[Cause, ...]) -> bool:
    return any(cause.name == "vm-off" and cause.standing is Standing.FOUND for cause in causes)


def _first_backup(situation: Situation, found: Diagnosis) -> Diagnosis:
    """Let a human choose when a VM that is off has never been backed up; later, its backups need no extension."""
    vm, item = situation.facts.vm(), situation.facts.item()
    if item is not None and item.last_recovery_point is not None:
        return replace(found, reason=f"{found.reason}; it is backed up as it is, and never started for it")
    step = (
        f"Ask the owner of {vm.name} whether it may run. If not: --choose {BACK} (Azure Backup documents that a VM "
        f"that is off is backed up from its disks). If so: --choose {START} ({CHOICES[START]})."
    )
    reason = f"the VM is {vm.power_state} and has no recovery point: its extension comes with a backup while it runs"
    return replace(found, decision=Decision.CHOOSE, reason=reason, next_step=step)


def _well(situation: Situation, causes: tuple[Cause, ...]) -> Diagnosis:
    vm = situation.facts.vm()
    reason = f"the VM is {vm.power_state} and its agent {vm.agent_status} (now): the extension can be installed"
    return Diagnosis(Decision.REPAIR, reason, basics(situation.facts), causes=causes)


RUNBOOK = Runbook(
    code=ENTRY.id,
    title=ENTRY.title,
    facts=FACTS,
    also_reads=("recovery_points",),
    writes=writes_of(offered(BACK, START)),
    choices=OWN_CHOICES,
    diagnose=diagnose,
    steps=(AWAIT_STATE, START_VM, AWAIT_AGENT, BACK_UP),
    entry=ENTRY,
)
