"""What the chains about the inside of a VM share: what only a human can do there, and the ways on from outside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from arm.facts.collect import VmFacts
from arm.facts.compute import VirtualMachine

from .agent import AGENT_FACTS, AWAIT_AGENT, BACK, REINSTALL, REMOVE_EXTENSION, RESTART, RESTART_VM, offered, writes_of
from .checks.extensions import extensions_of, spoken
from .classify import classify
from .entry import Entry
from .model import Cause, Decision, Diagnosis, Finding, Runbook, Situation, Standing, Step
from .shared import BACK_UP, advise, basics, outset
from .state import agent_silent

STEPS: dict[str, tuple[Step, ...]] = {REINSTALL: (REMOVE_EXTENSION,), RESTART: (RESTART_VM, AWAIT_AGENT)}
"""The steps of the ways on from outside the VM, before the backup that proves them."""
AGENT_ERROR = "UserErrorGuestAgentStatusUnavailable"


@dataclass(frozen=True)
class GuestStep:
    """One thing to do inside the VM.

    Attributes:
        what: the step.
        commands: what to run, as root or administrator.
        caution: what can go wrong with it.
    """

    what: str
    commands: tuple[str, ...] = ()
    caution: str = ""

    def spoken(self) -> str:
        """Return the step for people."""
        commands = f": {'; '.join(self.commands)}" if self.commands else ""
        return f"{self.what}{commands}{f' ({self.caution})' if self.caution else ''}"


@dataclass(frozen=True)
class Inside:
    """What an error is about inside the VM, as Microsoft documents it (``guest.json`` beside the chain).

    Attributes:
        os: ``windows`` or ``linux``: where it can happen.
        causes: names and summaries, the error's own one first; outside it shows in what the extension reports only.
        steps: what to do, in order.
        ways: the choices that go on from outside the VM.
        warn_of_sql: a SQL Server in the VM makes a step dangerous.
    """

    os: str
    causes: tuple[tuple[str, str], ...]
    steps: tuple[GuestStep, ...]
    ways: tuple[str, ...] = (BACK,)
    warn_of_sql: bool = False

    @classmethod
    def beside(cls, chain: str) -> Inside:
        """Read the ``guest.json`` beside a chain.

        Args:
            chain: the chain's file.
        """
        data = json.loads(Path(chain).with_name("guest.json").read_text(encoding="utf-8"))
        return cls(
            os=data["os"],
            causes=tuple((one["name"], one["summary"]) for one in data["causes"]),
            steps=tuple(GuestStep(one["what"], tuple(one["commands"]), one["caution"]) for one in data["steps"]),
            ways=tuple(data["ways"]),
            warn_of_sql=data["warn_of_sql"],
        )


def guest_runbook(entry: Entry, inside: Inside, *extra: str) -> Runbook:
    """Return the runbook of an error inside the VM.

    Args:
        entry: the error.
        inside: what it is about.
        extra: further facts that it reads.
    """
    choices = offered(*inside.ways)
    sql = ("sql_vm",) if inside.warn_of_sql else ()
    return Runbook(
        code=entry.id,
        title=entry.title,
        facts=(*AGENT_FACTS, *sql, *extra),
        also_reads=("recovery_points",),
        writes=writes_of(choices),
        diagnose=lambda situation: diagnose_guest(situation, entry, inside),
        steps=(*(step for name, steps in STEPS.items() if name in inside.ways for step in steps), BACK_UP),
        choices=choices,
        entry=entry,
    )


def diagnose_guest(situation: Situation, entry: Entry, inside: Inside) -> Diagnosis:
    """Say what has to be done inside the VM, and which ways on there are from outside."""
    facts = situation.facts
    early = outset(facts, entry)
    if early is not None:
        return early
    vm = facts.vm()
    findings = (*basics(facts), *_findings(facts, inside))
    if vm.os_type.lower() != inside.os:
        reason = f"{entry.id} is an error of {inside.os.capitalize()}, and the VM runs {vm.os_type}"
        return Diagnosis(Decision.REFUSE, reason, findings, "Name the error that the job shows, not this one.")
    silent = agent_silent(vm)
    causes = (*_causes(facts, entry, inside, silent), agent_cause(vm, silent))
    if situation.choice:
        reason = f"chosen: {offered(*inside.ways)[situation.choice]}"
        return Diagnosis(Decision.REPAIR, reason, findings, causes=causes)
    if silent:
        step = (
            f"Repair the agent first: 'remediate {AGENT_ERROR} --vm {vm.id}'. If backups fail with this error after "
            f"that: {_spoken(inside.steps)}"
        )
        return advise(f"{silent}; nothing inside the VM can be told or repaired through Azure", step, findings, *causes)
    ways = " or ".join(f"--choose {name} ({meaning})" for name, meaning in offered(*inside.ways).items())
    where = "as administrator" if inside.os == "windows" else "as root"
    reason = f"what is wrong is inside the VM: {inside.causes[0][1]}"
    step = f"In the VM, {where}: {_spoken(inside.steps)} Then run again with {ways}."
    return advise(reason, step, findings, *causes)


def agent_cause(vm: VirtualMachine, silent: str) -> Cause:
    """Return the cause that the agent in the VM does not answer, which explains any error of the snapshot."""
    summary = "the VM agent does not answer"
    if silent:
        return Cause("agent-not-ready", summary, Standing.FOUND, (silent,))
    state = f"the VM is {vm.power_state}"
    agent = f"{state}, its agent {vm.agent_status}" if vm.agent_status else state
    return Cause("agent-not-ready", summary, Standing.RULED_OUT, (), (agent,))


def reported(facts: VmFacts, entry: Entry) -> tuple[str, ...]:
    """Return what the backup extension itself says, where that is this very error."""
    own = (one for one in extensions_of(facts) if one.is_vmsnapshot and one.message)
    return tuple(spoken(one) for one in own if (found := classify(one.message).entry) and found.id == entry.id)


def _causes(facts: VmFacts, entry: Entry, inside: Inside, silent: str) -> tuple[Cause, ...]:
    said = () if silent else reported(facts, entry)
    unseen = ("only the guest shows it",)
    (name, summary), *others = inside.causes
    first = Cause(name, summary, Standing.FOUND if said else Standing.POSSIBLE, said, () if said else unseen)
    return (first, *(Cause(name, summary, Standing.POSSIBLE, (), unseen) for name, summary in others))


def _findings(facts: VmFacts, inside: Inside) -> tuple[Finding, ...]:
    found = [Finding("backup extension", spoken(one)) for one in extensions_of(facts) if one.is_vmsnapshot]
    if inside.warn_of_sql and facts.sql_vm() is not None:
        found.append(
            Finding("SQL Server", "the VM is a SQL virtual machine: ask its owner before services are restarted")
        )
    return tuple(found)


def _spoken(steps: Sequence[GuestStep]) -> str:
    return " ".join(f"({number}) {step.spoken()}." for number, step in enumerate(steps, 1))
