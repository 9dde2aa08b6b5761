"""What the chains about the VM agent and the backup extension share: what follows from a cause, choices, steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from actions.change import NoChange
from actions.extension import uninstall_vmsnapshot_extension
from actions.power import OFF, restart_vm, start_vm, stop_vm
from actions.protection import trigger_on_demand_backup
from arm.facts.backup import Job
from arm.facts.collect import VmFacts
from arm.facts.times import iso

from .agent_causes import FOUND, Look, ranked, silent
from .checks.agent import ready
from .entry import Entry
from .inside import (
    agent_settings,
    allow_extensions,
    install_agent,
    is_up,
    logs,
    own_address,
    restart_agent,
    wire_server,
)
from .model import Cause, Decision, Diagnosis, Situation, Standing, Step, StepEffects, Wait
from .protection import enable
from .shared import FACTS, advise, back_up, basics, outset, wait_for
from .state import failed_extensions, repair_extension

AGENT_FACTS = (*FACTS, "extensions")
BACK, RESTART, STOP, REINSTALL, START = "back-up", "restart-vm", "stop-vm", "reinstall-extension", "start-vm"
CHOICES = {
    BACK: "the VM is repaired: back up, which proves it",
    RESTART: "restart the VM through the platform, then back up: what runs in it is interrupted",
    STOP: "the VM was shut down from inside: power it off through the platform, too, then back up what is on its disks",
    REINSTALL: "uninstall the backup extension, then back up, which installs it again",
    START: "start the VM, then back up: it runs, works and costs again, and is not stopped afterwards",
}
WRITES = {
    BACK: "backups.trigger",
    RESTART: "virtual_machines.restart",
    STOP: "virtual_machines.power_off",
    REINSTALL: "virtual_machine_extensions.delete",
    START: "virtual_machines.start",
}
RETRY = "retry"
AGENT_START = timedelta(minutes=20)
"""How long an agent may take to report after its VM has been started; most take one or two minutes."""
AGENT_RECHECK = timedelta(minutes=2)
BOTH = 2
"""Failed on-demand backups after which retry and new installation have been tried."""
SAME_AGAIN = "the backup before it has failed with the same error"
_DAY = timedelta(days=1)

REPAIRED = ("vm-in-transition", "vm-off", "backup-extension-failed", "failed-state", "lock")  # passing, or by a step


def offered(*names: str) -> dict[str, str]:
    """Return the choices of a runbook, with what each does."""
    return {name: CHOICES[name] for name in names}


def writes_of(choices: Mapping[str, str], *more: str) -> tuple[str, ...]:
    """Return the operations that a runbook with these choices may plan: theirs, and ``more``."""
    return tuple(dict.fromkeys([*(WRITES[name] for name in choices), *more, WRITES[BACK]]))


# What follows from a cause


def _from(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}. Then run again."


def _blocked(facts: VmFacts) -> str:
    return (
        f"{_from(install_agent(facts.vm())).removesuffix(' Then run again.')} A supported agent needs no outbound "
        f"access, so the security rule can stay as it is. Then run again."
    )


HUMAN: dict[str, Callable[[VmFacts], str]] = {
    "agent-absent": lambda facts: _from(_installed(facts)),
    "agent-not-ready": lambda facts: _from(
        f"{is_up(facts.vm())}; {restart_agent(facts.vm())}; {wire_server(facts.vm())}"
    ),
    "agent-outdated": lambda facts: _from(f"while no backup runs, {install_agent(facts.vm())}"),
    "extension-operations-off": lambda facts: _from(f"let the VM take extensions: {allow_extensions(facts.vm())}"),
    "other-extension-failed": lambda facts: repair_extension(failed_extensions(facts)[1]),
    "outbound-blocked": _blocked,
    "platform-trouble": lambda _facts: (
        "Look at Azure Status (azure.status.microsoft) and at Resource Health of the VM; run again when it is over, or "
        f"--choose {BACK}."
    ),
    "policy-migrated": lambda facts: f"{ask_support(facts)} When it is solved: --choose {BACK}.",
}
"""By cause: what a human does when only a human can take it away."""


def _installed(facts: VmFacts) -> str:
    """Return how an agent is installed; Azure then has to be told that a VM made without one takes extensions."""
    vm = facts.vm()
    more = f"; then {allow_extensions(vm)}" if vm.extension_operations is False else ""
    return (
        f"{install_agent(vm)} (by remote desktop, SSH or serial console: without an agent there is no other way){more}"
    )


GUEST: dict[str, Callable[[VmFacts], str]] = {
    "agent-outdated": lambda facts: install_agent(facts.vm()),
    "guest-shut-down": lambda facts: (
        f"if {facts.vm().name} was shut down in a remote session, shut it down in the portal, too"
    ),
    "no-dhcp-in-guest": own_address,
    "platform-blocked-in-guest": lambda facts: wire_server(facts.vm()),
    "agent-settings": lambda facts: agent_settings(facts.vm()),
    "application-control": lambda facts: agent_settings(facts.vm()),
    "overloaded": lambda _facts: "back up when the VM has less to do: a policy with another hour, or a larger size",
    "sql-server": lambda _facts: (
        "if SQL Server runs in it, ask its owner when it backs up, and back up the VM at another time"
    ),
}
"""By cause: what a human does when Azure cannot tell whether it is the one."""
_NOT_IN_GUEST = ("extension-broken", "outbound-blocked", "policy-migrated", "agent-absent", "other-extension-failed")
"""Causes that are possible, and that nothing in the guest takes away."""


def in_guest(facts: VmFacts, causes: Sequence[Cause], choices: Mapping[str, str], *, agent: bool = True) -> str:
    """Return what a human does about causes that only the guest shows, in the documented order.

    Args:
        facts: facts of the VM.
        causes: the causes that were looked at.
        choices: those of the runbook.
        agent: the documents begin with restarting the agent.
    """
    left = [one for one in causes if one.standing is Standing.POSSIBLE and one.name not in _NOT_IN_GUEST]
    steps = [restart_agent(facts.vm())] if agent else []
    steps += [GUEST[cause.name](facts) if cause.name in GUEST else cause.evidence[0] for cause in left]
    numbered = " ".join(f"({number}) {step}." for number, step in enumerate(dict.fromkeys(steps), 1))
    awake = (STOP,) if ready(facts.vm()) else ()
    return f"{numbered} When that is done: --choose {BACK}. {or_choose(choices, *awake)}".strip()


def ask_support(facts: VmFacts) -> str:
    """Return what to give to Microsoft's support."""
    failed = facts.last_failed_job()
    activity = f" with the activity id {failed.activity_id}" if failed is not None and failed.activity_id else ""
    return f"Open a case at Microsoft Support{activity}; they ask for {logs(facts.vm())}."


def diagnose_agent(
    situation: Situation,
    entry: Entry,
    looks: Sequence[Look],
    choices: Mapping[str, str],
    otherwise: Callable[[tuple[Cause, ...]], Diagnosis],
) -> Diagnosis:
    """Look for the causes of an error, and say what follows from the one that is found, or from the choice.

    Args:
        situation: what is known; the VM exists.
        entry: the error.
        looks: its documented causes, in order.
        choices: those of its runbook.
        otherwise: what follows when Azure shows none of the causes and nothing was chosen; takes the causes.
    """
    facts, findings = situation.facts, basics(situation.facts)
    causes = ranked(looks, facts)
    found = next((cause for cause in causes if cause.standing is FOUND), None)
    if situation.choice:
        refused = _unwise(situation)
        if refused:
            return Diagnosis(Decision.REFUSE, refused[0], findings, refused[1], causes)
        shown = f"; Azure shows: {found.summary}" if found is not None else ""
        return Diagnosis(Decision.REPAIR, f"chosen: {choices[situation.choice]}{shown}", findings, causes=causes)
    if found is None:
        return otherwise(causes)
    reason = f"{found.summary}: {'; '.join(found.evidence)}"
    if found.name in REPAIRED:
        return Diagnosis(Decision.REPAIR, reason, findings, causes=causes)
    step = HUMAN[found.name](facts)
    ways = or_choose(choices, START, REINSTALL) if found.name == "agent-not-ready" else ""
    if not ways:
        return advise(reason, step, findings, *causes)
    decision = Decision.ADVISE if entry.automation == "guest" else Decision.CHOOSE
    return Diagnosis(decision, reason, findings, f"{step} {ways}", causes)


def or_choose(choices: Mapping[str, str], *but: str) -> str:
    """Return the ways that the platform has, for people."""
    ways = [f"--choose {name} ({meaning})" for name, meaning in choices.items() if name not in (BACK, *but)]
    return f"Or: {'; '.join(ways)}." if ways else ""


def _unwise(situation: Situation) -> tuple[str, str] | None:
    """Return why a choice would do harm or nothing, and what to do instead; ``None`` when it makes sense."""
    vm, choice = situation.facts.vm(), situation.choice
    if choice == STOP and ready(vm):
        reason = f"the agent of {vm.name} reports ({vm.agent_message or 'Ready'}): the VM was not shut down from inside"
        return reason, "Run again without --choose stop-vm."
    if choice in (RESTART, STOP) and silent(vm) and not vm.agent_status and vm.provision_agent is False:
        reason = f"{vm.name} was made without an agent: its silence tells nothing, and a restart brings none"
        return reason, HUMAN["agent-absent"](situation.facts)
    return None


def attempts(facts: VmFacts) -> list[Job]:
    """Return the on-demand backups of the last day that failed since the last recovery point, newest first."""
    item, since = facts.item(), facts.azure_now - _DAY
    last = item.last_recovery_point if item else None
    return [
        job
        for job in facts.recent_jobs()
        if (job.operation, job.status, job.on_demand) == ("Backup", "Failed", True)
        and job.started is not None
        and job.started > max(since, last or since)
    ]


def tried(facts: VmFacts) -> str:
    """Return which on-demand backups have failed in the last day, for people."""
    times = ", ".join(iso(job.started) for job in attempts(facts) if job.started is not None)
    return f"on-demand backups have failed again ({times})"


def retry_first(situation: Situation, causes: tuple[Cause, ...], choices: Mapping[str, str], evident: str) -> Diagnosis:
    """Retry when no cause is evident; once retry and new installation have failed, say what is left.

    Args:
        situation: what is known.
        causes: the causes that were looked at; none of them is found.
        choices: those of the runbook.
        evident: why it is not evident, for people.
    """
    facts, findings = situation.facts, basics(situation.facts)
    if len(attempts(facts)) < BOTH:
        reason = f"{evident}, so it may have passed: first a plain retry"
        return Diagnosis(Decision.REPAIR, reason, findings, causes=causes)
    step = f"{in_guest(facts, causes, choices)} If it stays: {ask_support(facts)}"
    return advise(f"{evident}, and {tried(facts)}", step, findings, *causes)


def first_backup_outset(facts: VmFacts, entry: Entry) -> Diagnosis | None:
    """Say why there is nothing to repair, as :func:`outset` does; but a VM still without any backup is looked at."""
    early, item = outset(facts, entry), facts.item()
    never = item is not None and not item.soft_deleted and item.last_recovery_point is None
    return None if early is not None and early.decision is Decision.NOTHING and never else early


def not_enabled(situation: Situation, looks: Sequence[Look]) -> Diagnosis:
    """Say what keeps backup from being enabled for a VM that no vault protects."""
    facts, findings = situation.facts, basics(situation.facts, backups=False)
    causes = ranked(looks, facts)
    each = (one(facts) for one in looks)  # that the VM is off, or being changed, explains none of the others here
    found = next((cause for cause in each if cause.standing is FOUND and cause.name in HUMAN), None)
    how, vm = f"enable backup: {enable(facts.vm_id)}", facts.vm()
    if found is None and vm.power_state in OFF:
        reason = f"the VM is not protected by any vault, and is {vm.power_state}: its extension is installed as it runs"
        step = f"Ask the owner of {vm.name} whether it may run for its first backup; then {how}."
        return advise(reason, step, findings, *causes)
    if found is None:
        seen = f"the VM is {vm.power_state}, its agent {vm.agent_status or 'not reporting'}"
        reason = f"the VM is not protected by any vault, and nothing keeps backup from being enabled (any more): {seen}"
        return advise(reason, f"{how[0].upper()}{how[1:]}.", findings, *causes)
    step = HUMAN[found.name](facts).replace("Then run again.", f"Then {how}.")
    return advise(f"{found.summary}: {'; '.join(found.evidence)}", step, findings, *causes)


# Steps


def _if_chosen(choice: str, effects: Callable[[Situation], StepEffects]) -> Callable[[Situation], StepEffects]:
    """Return the effects of a step that is taken only when it was chosen."""

    def step(situation: Situation) -> StepEffects:
        if situation.choice == choice:
            yield from effects(situation)
        else:
            yield NoChange(f"it was not chosen (--choose {choice})")

    return step


def stop(situation: Situation) -> StepEffects:
    """Power the VM off through the platform, unless its agent has come back."""
    if ready(situation.facts.vm()):
        yield NoChange("the VM agent is Ready: the VM was not shut down from inside")
    else:
        yield from stop_vm(situation.facts, reason="it was shut down from inside, and Azure shows it as running")


def restart(situation: Situation) -> StepEffects:
    """Restart the VM through the platform."""
    yield from restart_vm(situation.facts, reason="its agent or its state is stuck")


def start(situation: Situation) -> StepEffects:
    """Start the VM."""
    yield from start_vm(situation.facts, reason="the backup extension is installed only while the VM runs")


def await_agent(situation: Situation) -> StepEffects:
    """Wait until the agent reports after the VM was started or restarted."""
    vm = situation.facts.vm()
    if situation.choice not in (RESTART, START):
        yield NoChange("the VM was not to be started")
    elif ready(vm):
        yield NoChange(f"the VM agent of {vm.name} is Ready")
    elif vm.power_state in OFF:
        yield Wait("the VM agent has to report once the VM runs", AGENT_START)
    else:
        reason = f"the VM agent of {vm.name} is {vm.agent_status or 'not reporting'} after the VM's start"
        next_step = HUMAN["agent-not-ready" if vm.agent_status else "agent-absent"](situation.facts)
        yield from wait_for(situation, reason, AGENT_START, AGENT_RECHECK, next_step)


def remove_extension(situation: Situation) -> StepEffects:
    """Uninstall the backup extension when it has failed, or when that was chosen; the next backup installs it again."""
    vm = situation.facts.vm()
    own, _ = failed_extensions(situation.facts)
    if vm.power_state in OFF:
        yield NoChange(f"the VM is {vm.power_state}: it is backed up without its extension")
    elif own or situation.choice == REINSTALL:
        yield from uninstall_vmsnapshot_extension(situation.facts)
    else:
        yield NoChange("the backup extension has not failed")


STOP_VM = Step("stop_vm", "Power the VM off through the platform, if that was chosen", _if_chosen(STOP, stop))
RESTART_VM = Step("restart_vm", "Restart the VM, if that was chosen", _if_chosen(RESTART, restart))
START_VM = Step("start_vm", "Start the VM, if that was chosen", _if_chosen(START, start))
AWAIT_AGENT = Step("await_agent", "Wait until the VM agent reports", await_agent)
REMOVE_EXTENSION = Step(
    "remove_extension", "Uninstall the backup extension, if it has failed or that was chosen", remove_extension
)


def attempt(entry: Entry) -> Callable[[Situation], StepEffects]:
    """Return the first backup of a chain that retries before it changes anything.

    That it fails with the chain's error again is expected, and leads on; but after a choice its failure ends the run.
    """

    def step(situation: Situation) -> StepEffects:
        if situation.choice:
            yield from back_up(situation)
        else:
            reason = "the error may have passed"
            yield from trigger_on_demand_backup(situation.facts, reason=reason, may_fail_with=entry.id)

    return step


def _over(situation: Situation) -> str:
    """Return why nothing further is tried, or an empty text."""
    done = any(backup.completed for backup in situation.progress.backups.values())
    return "the backup succeeded" if done else ""


def reinstall(situation: Situation) -> StepEffects:
    """Uninstall the backup extension after a retry that has failed; the next backup installs it again."""
    over = _over(situation)
    if over:
        yield NoChange(over)
    elif situation.facts.vm().power_state in OFF:
        yield NoChange(f"the VM is {situation.facts.vm().power_state}: it is backed up without its extension")
    else:
        yield from uninstall_vmsnapshot_extension(situation.facts)


def last_backup(situation: Situation) -> StepEffects:
    """Back up once more, unless the retry has succeeded."""
    over = _over(situation)
    if over:
        yield NoChange(over)
    else:
        yield from back_up(situation)


def retry_steps(entry: Entry) -> tuple[Step, ...]:
    """Return the end of a chain that first retries, then has the extension installed again: documented in that order.

    One step, one verification: it stops at the first backup that succeeds.
    """
    return (
        Step(RETRY, "Back up; that it fails in the same way is expected", attempt(entry)),
        Step(
            "reinstall_extension",
            "Uninstall the backup extension; the next backup installs it again",
            reinstall,
            only_if=SAME_AGAIN,
        ),
        Step("back_up", "Back up once more", last_backup, only_if=SAME_AGAIN),
    )
