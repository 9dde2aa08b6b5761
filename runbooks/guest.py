"""What the chains about the inside of a VM share: look there, repair by scripts; else the ways on from outside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from arm.facts.collect import VmFacts
from arm.facts.compute import VirtualMachine
from guards.inside import other_ways, unreachable

from .agent import AGENT_FACTS, AWAIT_AGENT, BACK, REINSTALL, REMOVE_EXTENSION, RESTART, RESTART_VM, offered, writes_of
from .checks.extensions import extensions_of, spoken
from .classify import classify
from .entry import Entry
from .model import Cause, Decision, Diagnosis, Finding, Runbook, Situation, Standing, Step
from .needs import need_of
from .scripted import READS, chain_inside, inputs_of, scripts_of, writes_inside
from .shared import advise, basics, outset
from .state import agent_silent

STEPS: dict[str, tuple[Step, ...]] = {REINSTALL: (REMOVE_EXTENSION,), RESTART: (RESTART_VM, AWAIT_AGENT)}
"""The steps of the ways on from outside the VM, before the backup that proves them."""
_WAYS = {"uninstall_vmsnapshot_extension": REINSTALL, "restart_vm": RESTART}
_SQL_MINDS = ("restart_failed_vss_writers", "reinstall_msdtc")
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
class GuestCause:
    """One cause inside the VM.

    Attributes:
        name: its name, the same for ever.
        summary: the cause in one line.
        scripts: those that cure it; where a look inside shows that one of them is needed, the cause is found.
    """

    name: str
    summary: str
    scripts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inside:
    """What an error is about inside the VM, as Microsoft documents it (``guest.json`` beside the chain).

    Attributes:
        os: ``windows``, ``linux`` or ``any``: where it can happen.
        causes: the error's own one first; from outside it shows in what the extension reports only.
        steps: what to do by hand, in order.
        ways: the choices that go on from outside the VM.
        warn_of_sql: a SQL Server in the VM makes a step dangerous.
    """

    os: str
    causes: tuple[GuestCause, ...]
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
            causes=tuple(GuestCause(one["name"], one["summary"], tuple(one["scripts"])) for one in data["causes"]),
            steps=tuple(GuestStep(one["what"], tuple(one["commands"]), one["caution"]) for one in data["steps"]),
            ways=tuple(data["ways"]),
            warn_of_sql=data["warn_of_sql"],
        )

    @classmethod
    def documented(cls, entry: Entry) -> Inside:
        """Return what the catalogue says of an error, where nothing more is known."""
        first, names = scripts_of(entry), {one.action for one in entry.remediation}
        causes = [
            GuestCause(f"documented-{number}", text, first if number == 1 else ())
            for number, text in enumerate(entry.causes, 1)
        ]
        ways = [way for action, way in _WAYS.items() if action in names]
        return cls(
            os=entry.os,
            causes=tuple(causes),
            steps=tuple(GuestStep(step.rstrip(".")) for step in entry.documented_steps),
            ways=(BACK, *ways),
            warn_of_sql=not names.isdisjoint(_SQL_MINDS),
        )


def guest_runbook(entry: Entry, inside: Inside, *extra: str) -> Runbook:
    """Return the runbook of an error inside the VM.

    Args:
        entry: the error.
        inside: what it is about.
        extra: further facts that it reads.
    """
    choices, names = offered(*inside.ways), scripts_of(entry)
    sql = ("sql_vm",) if inside.warn_of_sql else ()
    return Runbook(
        code=entry.id,
        title=entry.title,
        facts=(*AGENT_FACTS, *sql, *extra),
        also_reads=("recovery_points", *READS),
        writes=writes_of(choices, *writes_inside(names)),
        scripts=names,
        inputs=inputs_of(names),
        diagnose=lambda situation: diagnose_guest(situation, entry, inside),
        steps=(*(step for name, steps in STEPS.items() if name in inside.ways for step in steps), *chain_inside(names)),
        choices=choices,
        if_not_fixed=lambda situation: by_hand(situation.facts.vm_or_none(), inside),
        entry=entry,
    )


def diagnose_guest(situation: Situation, entry: Entry, inside: Inside) -> Diagnosis:
    """Say what is wrong inside the VM as far as it is known, and whether scripts can be run there to repair it."""
    facts = situation.facts
    early = outset(facts, entry)
    if early is not None:
        return early
    vm = facts.vm()
    findings = (*basics(facts), *_findings(facts, inside))
    if inside.os not in ("any", vm.os_type.lower()):
        reason = f"{entry.id} is an error of {inside.os.capitalize()}, and the VM runs {vm.os_type}"
        return Diagnosis(Decision.REFUSE, reason, findings, "Name the error that the job shows, not this one.")
    silent, closed = agent_silent(vm), unreachable(vm)
    causes = (*_causes(situation, entry, inside, silent), agent_cause(vm, silent))
    if situation.choice:
        reason = f"chosen: {offered(*inside.ways)[situation.choice]}"
        return Diagnosis(Decision.REPAIR, reason, findings, causes=causes)
    if silent:
        step = (
            f"Repair the agent first: 'remediate {AGENT_ERROR} --vm {vm.id}'. If backups fail with this error after "
            f"that: {_spoken(inside.steps)}"
        )
        return advise(f"{silent}; nothing inside the VM can be told or repaired through Azure", step, findings, *causes)
    reason = f"what is wrong is inside the VM: {inside.causes[0].summary}"
    if not closed:
        return Diagnosis(Decision.REPAIR, f"{reason}; a look inside tells what is needed", findings, causes=causes)
    step = f"{other_ways(vm)} {by_hand(vm, inside)}"
    return advise(f"{reason}; but no script can be run there: {closed}", step, findings, *causes)


def by_hand(vm: VirtualMachine | None, inside: Inside) -> str:
    """Return what a human does inside a VM, and the ways on from there."""
    if vm is None:
        return "The VM does not exist any more: stop its protection, or restore it first."
    ways = " or ".join(f"--choose {name} ({meaning})" for name, meaning in offered(*inside.ways).items())
    where = "as administrator" if vm.os_type.lower() == "windows" else "as root"
    return f"In the VM, {where}: {_spoken(inside.steps)} Then run again with {ways}."


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


def _causes(situation: Situation, entry: Entry, inside: Inside, silent: str) -> tuple[Cause, ...]:
    if situation.facts.guest() is not None:
        return tuple(_looked(situation, one) for one in inside.causes)
    said = () if silent else reported(situation.facts, entry)
    unseen = ("only the guest shows it: --probe-guest lets 'diagnose' look there",)
    own, *others = inside.causes
    first = Cause(own.name, own.summary, Standing.FOUND if said else Standing.POSSIBLE, said, () if said else unseen)
    return (first, *(Cause(one.name, one.summary, Standing.POSSIBLE, (), unseen) for one in others))


def _looked(situation: Situation, cause: GuestCause) -> Cause:
    """Return a cause in the light of a look inside the VM."""
    needs = [need_of(name, situation) for name in cause.scripts]
    found = tuple(need.evidence for need in needs if need.needed)
    if found:
        return Cause(cause.name, cause.summary, Standing.FOUND, found)
    against = tuple(need.evidence for need in needs)
    ruled_out = bool(needs) and all(need.needed is False for need in needs)
    standing = Standing.RULED_OUT if ruled_out else Standing.POSSIBLE
    return Cause(cause.name, cause.summary, standing, (), against or ("no script looks for it",))


def _findings(facts: VmFacts, inside: Inside) -> tuple[Finding, ...]:
    found = [Finding("backup extension", spoken(one)) for one in extensions_of(facts) if one.is_vmsnapshot]
    if inside.warn_of_sql and facts.sql_vm() is not None:
        found.append(
            Finding("SQL Server", "the VM is a SQL virtual machine: ask its owner before services are restarted")
        )
    return tuple(found)


def _spoken(steps: Sequence[GuestStep]) -> str:
    return " ".join(f"({number}) {step.spoken()}." for number, step in enumerate(steps, 1))
