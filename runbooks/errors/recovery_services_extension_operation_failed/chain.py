"""The chain, as Microsoft documents it: update the VM agent while no backup runs, then back up; else support."""

from __future__ import annotations

from ... import agent_causes as look
from ...agent import AGENT_FACTS, BACK, HUMAN, ask_support, attempts, diagnose_agent, offered, tried, writes_of
from ...catalogue import load
from ...model import Cause, Decision, Diagnosis, Runbook, Situation, Standing
from ...scripted import with_scripts
from ...shared import BACK_UP, advise, basics, outset
from ...state import AWAIT_STATE

ENTRY = load("recovery_services_extension_operation_failed")
CHOICES = offered(BACK)
LOOKS = (look.vm_moving, look.vm_off, look.agent_absent, look.agent_silent, look.agent_outdated)


def diagnose(situation: Situation) -> Diagnosis:
    """Find out whether the agent is too old, or does not run."""
    early = outset(situation.facts, ENTRY)
    if early is not None:
        return early
    return diagnose_agent(situation, ENTRY, LOOKS, CHOICES, lambda causes: _new_enough(situation, causes))


def _new_enough(situation: Situation, causes: tuple[Cause, ...]) -> Diagnosis:
    facts, findings = situation.facts, basics(situation.facts)
    old = next(cause for cause in causes if cause.name == "agent-outdated")
    seen = (*old.evidence, *old.against)[0]
    if old.standing is Standing.POSSIBLE:
        step = f"{HUMAN['agent-outdated'](facts).removesuffix('Then run again.')}Then run again with --choose {BACK}."
        return advise(f"the agent may be too old: {seen}", step, findings, *causes)
    if attempts(facts):
        step = f"{ask_support(facts)} When it is solved: --choose {BACK}."
        return advise(f"the agent is Ready and new enough ({seen}), and {tried(facts)}", step, findings, *causes)
    reason = f"the agent is Ready and new enough ({seen})"
    return Diagnosis(Decision.REPAIR, reason, findings, causes=causes)


RUNBOOK = with_scripts(
    Runbook(
        code=ENTRY.id,
        title=ENTRY.title,
        facts=AGENT_FACTS,
        also_reads=("recovery_points",),
        writes=writes_of(CHOICES),
        choices=CHOICES,
        diagnose=diagnose,
        steps=(AWAIT_STATE, BACK_UP),
        entry=ENTRY,
    )
)
