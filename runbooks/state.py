"""What the chains about the state of a VM share: waiting for it, a failed extension, a stale ``Failed`` state."""

from __future__ import annotations

from datetime import timedelta

from actions.change import NoChange
from actions.extension import uninstall_vmsnapshot_extension
from actions.power import reapply_vm
from arm.facts.collect import VmFacts
from arm.facts.compute import Extension, VirtualMachine
from arm.facts.times import iso

from .checks.extensions import extensions_of, spoken
from .model import Cause, Situation, Standing, Step, StepEffects
from .shared import BACK_UP, FACTS, wait_for

STATE_FACTS = (*FACTS, "extensions")
STATE_WRITES = ("virtual_machine_extensions.delete", "virtual_machines.reapply", "backups.trigger")
PATIENCE = timedelta(hours=6)
"""How long a change of the VM by the platform may take before the run gives up; most take minutes."""
RECHECK = timedelta(minutes=10)


def state_of(vm: VirtualMachine) -> str:
    """Return provisioning and power state of a VM, since when, and what the platform says, for people."""
    since = f" since {iso(vm.state_since)}" if vm.state_since else ""
    said = f": {vm.provisioning_message}" if vm.provisioning_message else ""
    return f"provisioning state {vm.provisioning_state}{since}, power state {vm.power_state}{said}"


def failed_extensions(facts: VmFacts) -> tuple[list[Extension], list[Extension]]:
    """Return the failed extensions: the backup service's own, and everybody else's."""
    failed = [one for one in extensions_of(facts) if one.provisioning_state.lower() == "failed"]
    return [one for one in failed if one.is_vmsnapshot], [one for one in failed if not one.is_vmsnapshot]


def agent_silent(vm: VirtualMachine) -> str:
    """Return what is wrong with the VM agent of a VM that runs; empty when it is ready or the VM does not run."""
    if vm.power_state != "running" or vm.agent_status == "Ready":
        return ""
    said = f": {vm.agent_message}" if vm.agent_message else ""
    return f"the VM agent is {vm.agent_status or 'not reporting'}{said}"


def state_causes(facts: VmFacts) -> tuple[Cause, ...]:
    """Return the four causes that Azure shows, the one that holds FOUND: what comes first rules the later ones out."""
    vm = facts.vm()
    own, others = failed_extensions(facts)
    shown = state_of(vm)
    healthy = f"{len(facts.extensions())} extensions, none of them failed"
    found = [
        ("vm-in-transition", "the platform is changing the VM", [shown] if vm.in_transition else []),
        ("other-extension-failed", "an extension that is not the backup service's failed", list(map(spoken, others))),
        ("backup-extension-failed", "the backup service's own extension failed", list(map(spoken, own))),
    ]
    stale = vm.provisioning_state.lower() == "failed" and not own and not others
    found.append(("failed-state", "the VM has stayed in a failed state", [shown, healthy] if stale else []))
    first = next((name for name, _, evidence in found if evidence), "")
    return tuple(
        Cause(name, summary, Standing.FOUND, tuple(evidence))
        if name == first
        else Cause(name, summary, Standing.POSSIBLE, tuple(evidence))
        if evidence
        else Cause(name, summary, Standing.RULED_OUT, (), (shown if "extension" not in name else healthy,))
        for name, summary, evidence in found
    )


def await_state(situation: Situation) -> StepEffects:
    """Wait until the platform has finished with the VM."""
    vm = situation.facts.vm()
    if vm.in_transition:
        next_step = f"Look at the activity log of {vm.name} for the operation that does not end; stop or repeat it."
        yield from wait_for(situation, f"the platform is changing the VM: {state_of(vm)}", PATIENCE, RECHECK, next_step)
    else:
        yield NoChange(f"the VM is in no transition: {state_of(vm)}")


def remove_extension(situation: Situation) -> StepEffects:
    """Remove the backup service's extension when it is the one that failed; the next backup installs it again."""
    own, _ = failed_extensions(situation.facts)
    if own:
        yield from uninstall_vmsnapshot_extension(situation.facts)
    else:
        yield NoChange("the backup service's extension has not failed")


def reapply(situation: Situation) -> StepEffects:
    """Apply the VM's model again when it has failed and no extension explains it."""
    own, others = failed_extensions(situation.facts)
    if own or others:
        yield NoChange("a failed extension explains the state of the VM")
    else:
        yield from reapply_vm(situation.facts, reason="no extension has failed, so the Failed state is stale")


AWAIT_STATE = Step("await_state", "Wait until the platform has finished with the VM", await_state)
STATE_STEPS = (
    AWAIT_STATE,
    Step("remove_extension", "Remove the failed backup extension; the next backup installs it again", remove_extension),
    Step("reapply", "Reapply the VM, which clears a stale Failed state", reapply),
    BACK_UP,
)


def repair_extension(others: list[Extension]) -> str:
    """Return what a human does about failed extensions of others."""
    names = ", ".join(one.name for one in others)
    return (
        f"Ask the owner of {names}: repair or remove it (removing it loses its protected settings, so it is never "
        f"removed here), restart the VM if it asks for it, then run again."
    )
