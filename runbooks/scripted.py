"""The steps of a chain that repairs inside the VM: look first, then only what the look has shown to be needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from functools import partial

from actions.change import NoChange
from actions.guest.run import run_script
from actions.guest.scripts import CHECK, PROBES, Script, find_script
from actions.power import restart_vm
from arm.facts.collect import VmFacts
from guards.inside import other_ways, unreachable

from .checks.agent import ready
from .entry import Entry
from .model import CHOOSE, Decision, Diagnosis, HandOver, Runbook, Situation, Step, StepEffects
from .needs import INPUTS, RULES, SCRIPT_SECONDS, SKIP_MOUNTS, need_of
from .shared import BACK_UP, wait_for

LOOK_INSIDE = "look-inside"
MEANING = "look inside the VM by a script that changes nothing, repair there what it shows, then back up"
_WRITES = ("run_commands.create", "virtual_machines.run_command")
READS = ("run_commands",)
SETTLING = timedelta(minutes=2)
"""How long a restarted agent may take to be seen as gone: before that, Azure shows its old state."""
AGENT_BACK, RECHECK = timedelta(minutes=20), timedelta(minutes=2)
_SHOWS = "the look inside shows that it is needed"
_RESTARTS = ("restart_guest_agent_windows", "restart_waagent")
_FIRST = ("repair_windows_installer", "set_msdtc_network_service")
"""What other scripts need (Windows Installer, MSDTC): before them, whatever the order in the documents."""
_FURTHER = {"start_comsysapp": "reinstall_msdtc", "set_msdtc_network_service": "reinstall_msdtc"}
"""A script whose failure leads to a later one that goes further, where the chain has it."""
_INPUT_OF = {"set_mounts_to_skip": SKIP_MOUNTS, "set_script_timeout": SCRIPT_SECONDS}


def scripts_of(entry: Entry) -> tuple[str, ...]:
    """Return the scripts that an error's repair may need, in the documented order; but first what others need.

    The agent's restart comes last, and is always there: what other scripts change may take effect with it only.
    """
    named = dict.fromkeys(one.action for one in entry.remediation if one.action in RULES)
    restarts = [name for name in _RESTARTS if entry.os in ("any", find_script(name).os)]
    rest = [name for name in named if name not in _RESTARTS]
    return (*sorted(rest, key=lambda name: name not in _FIRST), *restarts)


def writes_inside(names: Iterable[str]) -> tuple[str, ...]:
    """Return what the steps for these scripts may write, besides the backup."""
    return (*_WRITES, "virtual_machines.restart") if _may_need_restart(names) else _WRITES


def inputs_of(names: Iterable[str]) -> dict[str, str]:
    """Return what only a human can tell these scripts, by input."""
    wanted = [_INPUT_OF[name] for name in names if name in _INPUT_OF]
    return {name: INPUTS[name] for name in wanted}


def steps_inside(names: Iterable[str], *, asked: bool = False) -> tuple[Step, ...]:
    """Return the steps of a repair inside the VM, before the backup that proves it.

    Args:
        names: the scripts, in order.
        asked: only when the operator has chosen ``look-inside``; else also when nothing was chosen.
    """
    steps = [Step("look_inside", "Look inside the VM, changing nothing", partial(_look, asked=asked))]
    names = tuple(names)
    steps += [_script_step(find_script(name), asked=asked, go_on=_FURTHER.get(name) in names) for name in names]
    if _may_need_restart(names):
        steps.append(
            Step(
                "restart_for_effect",
                "Restart the VM, for what takes effect with it",
                partial(_restart_vm, asked=asked),
                only_if="a script has changed what takes effect with the VM's next start",
            )
        )
    return (*steps, Step("await_agent_inside", "Wait until the VM agent reports again", _await_agent))


def chain_inside(names: Iterable[str]) -> tuple[Step, ...]:
    """Return the whole chain of an error that is repaired inside the VM."""
    return (*steps_inside(names), BACK_UP)


def with_scripts(runbook: Runbook) -> Runbook:
    """Return a runbook that also offers to look inside the VM (``--choose look-inside``) and to repair there.

    Args:
        runbook: a chain that finds its causes from outside, and ends in a backup.
    """
    names = scripts_of(entry_of(runbook))
    first = next(at for at, step in enumerate(runbook.steps) if step.name in ("retry", BACK_UP.name))
    return replace(
        runbook,
        diagnose=partial(_diagnose, runbook),
        steps=(*runbook.steps[:first], *steps_inside(names, asked=True), *runbook.steps[first:]),
        choices={**runbook.choices, LOOK_INSIDE: MEANING},
        inputs={**runbook.inputs, **inputs_of(names)},
        also_reads=(*runbook.also_reads, *READS),
        writes=tuple(dict.fromkeys((*runbook.writes, *writes_inside(names)))),
        scripts=names,
    )


def entry_of(runbook: Runbook) -> Entry:
    """Return the error that a chain is for.

    Raises:
        LookupError: it is for none.
    """
    if runbook.entry is None:
        raise LookupError(f"{runbook.code} is for no error of the catalogue")
    return runbook.entry


def _diagnose(runbook: Runbook, situation: Situation) -> Diagnosis:
    chosen = situation.choice == LOOK_INSIDE
    others = {name: value for name, value in situation.inputs.items() if name != CHOOSE or not chosen}
    found = runbook.diagnose(replace(situation, inputs=others))
    vm = situation.facts.vm_or_none()
    closed = unreachable(vm) if vm is not None else ""
    if vm is None or found.decision in (Decision.NOTHING, Decision.REFUSE):
        return found
    if chosen and closed:
        return replace(found, decision=Decision.ADVISE, reason=closed, next_step=other_ways(vm))
    if chosen:
        return replace(found, decision=Decision.REPAIR, reason=f"chosen: {MEANING}", next_step="")
    if closed or found.decision is Decision.REPAIR:
        return found
    return replace(found, next_step=f"{found.next_step} Or: --choose {LOOK_INSIDE} ({MEANING}).")


def _wanted(situation: Situation, *, asked: bool) -> bool:
    return situation.choice == LOOK_INSIDE or (not situation.choice and not asked)


def _not_wanted(situation: Situation) -> NoChange:
    chosen = f"--choose {situation.choice}" if situation.choice else f"no --choose {LOOK_INSIDE}"
    return NoChange(f"nothing is done inside the VM ({chosen})")


def _system(facts: VmFacts) -> str:
    return facts.vm().os_type.lower()


def _look(situation: Situation, *, asked: bool) -> StepEffects:
    if not _wanted(situation, asked=asked):
        yield _not_wanted(situation)
        return
    probe = PROBES[_system(situation.facts)]
    if probe in situation.progress.said:
        yield NoChange("this run has looked already")
    else:
        yield from run_script(situation.facts, probe, verb=CHECK, reason="what is wrong shows only inside the VM")


def _script_step(script: Script, *, asked: bool, go_on: bool) -> Step:
    title = script.title[:1].lower() + script.title[1:]
    return Step(
        script.action,
        f"Inside the VM: {title}",
        _effects(script, asked=asked),
        only_if=_SHOWS,
        go_on=go_on,
        foreseen=_complete(script),
    )


def _complete(script: Script) -> bool:
    """Say whether a script can be run without a value that the look, or a human, has to give first."""
    return script.action not in (*_INPUT_OF, "fsck_unclean_mounts", "enable_dhcp_windows")


def _effects(script: Script, *, asked: bool) -> Callable[[Situation], StepEffects]:
    def effects(situation: Situation) -> StepEffects:
        if not _wanted(situation, asked=asked):
            yield _not_wanted(situation)
            return
        if _system(situation.facts) != script.os:
            yield NoChange(f"it is for {script.os.capitalize()}")
            return
        need, looked = need_of(script.action, situation), situation.facts.guest() is not None
        if need.needed and need.human:
            yield HandOver(need.evidence, f"{need.human} Then run again.")
        elif need.needed is False or script.reads_only or (need.needed is None and (looked or not _complete(script))):
            yield NoChange(need.evidence)  # what the look could not tell is not changed
        else:
            for parameters in need.parameters:
                yield from run_script(situation.facts, script.action, parameters=parameters, reason=need.evidence)

    return effects


def _may_need_restart(names: Iterable[str]) -> bool:
    return any(find_script(name).may_need_restart for name in names)


def _pending(situation: Situation, what: str) -> list[str]:
    return [name for name, said in situation.progress.said.items() if said.get("pending") == what]


def _restart_vm(situation: Situation, *, asked: bool) -> StepEffects:
    waiting = _pending(situation, "reboot")
    if not _wanted(situation, asked=asked) or not waiting:
        yield NoChange("nothing waits for the VM's restart")
    else:
        yield from restart_vm(situation.facts, reason=f"{', '.join(waiting)} takes effect with it")


def _await_agent(situation: Situation) -> StepEffects:
    """Wait for an agent that a script, or the VM's restart, has restarted; no backup begins without it."""
    if not any(said.get("pending") for said in situation.progress.said.values()):
        yield NoChange("nothing was restarted")
        return
    vm = situation.facts.vm()
    if ready(vm) and situation.now >= situation.progress.changed_at + SETTLING:
        yield NoChange(f"the VM agent of {vm.name} is Ready")
        return
    reason = f"the VM agent of {vm.name} is {vm.agent_status or 'not reporting'} after its restart"
    next_step = "See on the serial console whether the VM and its agent are up, then 'remediate diagnose'."
    yield from wait_for(situation, reason, AGENT_BACK, RECHECK, next_step)
