"""The chain, as Microsoft documents it: retry; if it fails again, install VMSnapshot afresh, and back up again."""

from __future__ import annotations

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
from ...model import Diagnosis, Runbook, Situation
from ...scripted import with_scripts
from ...shared import outset
from ...state import AWAIT_STATE

ENTRY = load("extension_operation_failed_for_managed_disks")
CHOICES = offered(BACK, RESTART, STOP)
LOOKS = (
    look.vm_moving,
    look.vm_off,
    look.agent_absent,
    look.agent_silent,
    look.agent_outdated,
    look.other_extension,
    look.own_extension,
    look.guest_shut_down,
    look.guest_address,
    look.outbound_blocked,
    look.extension_broken,
)


def diagnose(situation: Situation) -> Diagnosis:
    """Find out whether the agent or an extension explains it, and what has been tried already."""
    early = outset(situation.facts, ENTRY)
    if early is not None:
        return early
    return diagnose_agent(
        situation,
        ENTRY,
        LOOKS,
        CHOICES,
        lambda causes: retry_first(situation, causes, CHOICES, "agent and extensions are well"),
    )


RUNBOOK = with_scripts(
    Runbook(
        code=ENTRY.id,
        title=ENTRY.title,
        facts=(*AGENT_FACTS, "nics"),
        also_reads=("recovery_points", "subnets", "nsgs"),
        writes=writes_of(CHOICES, "virtual_machine_extensions.delete"),
        choices=CHOICES,
        diagnose=diagnose,
        steps=(AWAIT_STATE, STOP_VM, RESTART_VM, AWAIT_AGENT, REMOVE_EXTENSION, *retry_steps(ENTRY)),
        entry=ENTRY,
    )
)
