"""The chain, as Microsoft documents it: state and address inside the VM; the network is opened last of all."""

from __future__ import annotations

from ... import agent_causes as look
from ...agent import (
    AGENT_FACTS,
    BACK,
    REINSTALL,
    REMOVE_EXTENSION,
    STOP,
    STOP_VM,
    diagnose_agent,
    in_guest,
    offered,
    writes_of,
)
from ...catalogue import load
from ...model import Cause, Decision, Diagnosis, Finding, Runbook, Situation
from ...scripted import with_scripts
from ...shared import BACK_UP, basics, outset
from ...state import AWAIT_STATE

ENTRY = load("extension_snapshot_failed_no_network")
CHOICES = offered(BACK, STOP, REINSTALL)
LOOKS = (
    look.vm_moving,
    look.vm_off,
    look.outbound_blocked,
    look.agent_absent,
    look.agent_silent,
    look.own_extension,
    look.guest_shut_down,
    look.guest_address,
    look.guest_path,
    look.extension_broken,
)


def diagnose(situation: Situation) -> Diagnosis:
    """Find out what keeps the extension from the platform, as far as Azure shows it."""
    early = outset(situation.facts, ENTRY)
    if early is not None:
        return early
    return diagnose_agent(situation, ENTRY, LOOKS, CHOICES, lambda causes: _inside(situation, causes))


def _inside(situation: Situation, causes: tuple[Cause, ...]) -> Diagnosis:
    facts = situation.facts
    addresses = (
        Finding("address", f"{nic.name}: {one.address} ({one.allocation} in Azure)")
        for nic in facts.nics()
        for one in nic.configurations
    )
    reason = "Azure shows nothing that keeps the VM from the network: what is left is inside the VM"
    step = in_guest(facts, causes, CHOICES, agent=False)
    return Diagnosis(Decision.CHOOSE, reason, (*basics(facts), *addresses), step, causes)


RUNBOOK = with_scripts(
    Runbook(
        code=ENTRY.id,
        title=ENTRY.title,
        facts=(*AGENT_FACTS, "nics"),
        also_reads=("recovery_points", "subnets", "nsgs"),
        writes=writes_of(CHOICES),
        choices=CHOICES,
        diagnose=diagnose,
        steps=(AWAIT_STATE, STOP_VM, REMOVE_EXTENSION, BACK_UP),
        entry=ENTRY,
    )
)
