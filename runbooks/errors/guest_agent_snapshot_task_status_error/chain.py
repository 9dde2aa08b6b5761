"""The chain, as Microsoft documents it: the causes in their order, most of them inside the VM; then back up."""

from __future__ import annotations

from ... import agent_causes as look
from ...agent import (
    AGENT_FACTS,
    AWAIT_AGENT,
    BACK,
    REINSTALL,
    REMOVE_EXTENSION,
    RESTART,
    RESTART_VM,
    STOP,
    STOP_VM,
    diagnose_agent,
    in_guest,
    offered,
    writes_of,
)
from ...catalogue import load
from ...model import Cause, Diagnosis, Runbook, Situation
from ...scripted import with_scripts
from ...shared import BACK_UP, advise, basics, outset
from ...state import AWAIT_STATE

ENTRY = load("guest_agent_snapshot_task_status_error")
CHOICES = offered(BACK, RESTART, STOP, REINSTALL)
LOOKS = (
    look.vm_moving,
    look.vm_off,
    look.agent_absent,
    look.agent_silent,
    look.agent_outdated,
    look.own_extension,
    look.guest_shut_down,
    look.guest_address,
    look.agent_settings_wrong,
    look.application_control,
    look.outbound_blocked,
    look.overloaded,
    look.sql_backups,
    look.extension_broken,
)


def diagnose(situation: Situation) -> Diagnosis:
    """Find out what keeps the service from learning how the snapshot went."""
    early = outset(situation.facts, ENTRY)
    if early is not None:
        return early
    return diagnose_agent(situation, ENTRY, LOOKS, CHOICES, lambda causes: _inside(situation, causes))


def _inside(situation: Situation, causes: tuple[Cause, ...]) -> Diagnosis:
    facts = situation.facts
    state = f"the VM is {facts.vm().power_state}, its agent {facts.vm().agent_status or 'not reporting'}"
    reason = f"Azure shows none of the causes ({state}): what is left is inside the VM"
    return advise(reason, in_guest(facts, causes, CHOICES), basics(facts), *causes)


RUNBOOK = with_scripts(
    Runbook(
        code=ENTRY.id,
        title=ENTRY.title,
        facts=(*AGENT_FACTS, "nics", "load"),
        also_reads=("recovery_points", "sql_vm", "subnets", "nsgs"),
        writes=writes_of(CHOICES),
        choices=CHOICES,
        diagnose=diagnose,
        steps=(AWAIT_STATE, STOP_VM, RESTART_VM, AWAIT_AGENT, REMOVE_EXTENSION, BACK_UP),
        entry=ENTRY,
    )
)
