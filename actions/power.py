"""Start, restart, power off and reapply a virtual machine."""

from __future__ import annotations

from arm.facts.collect import VmFacts
from arm.facts.compute import VirtualMachine

from .change import Change, Effects, Impact, NoChange, Undo

OFF = ("stopped", "deallocated")
"""Power states of a machine that does not run; a deallocated one is not paid for either."""
_GONE = NoChange("the VM does not exist any more")


def start_vm(facts: VmFacts, *, reason: str = "asked for") -> Effects:
    """Start the VM. It is disruptive: a machine that was off runs, works and costs again.

    Args:
        facts: facts of the VM.
        reason: why.

    Permission: ``Microsoft.Compute/virtualMachines/start/action``. Source: REST operation
    "Virtual Machines - Start" (2024-07-01).
    """
    vm = facts.vm_or_none()
    if vm is None:
        yield _GONE
    elif vm.power_state == "running":
        yield NoChange("the VM runs already")
    else:
        yield _power_change(vm, "start", "running", f"start the VM {vm.name} ({vm.power_state})", reason)


def stop_vm(facts: VmFacts, *, reason: str = "asked for") -> Effects:
    """Shut the VM down and power it off through the platform. It is disruptive: whatever runs in it ends.

    It stays allocated, so it keeps its place, its temporary disk and its price. Undone by a start.

    Args:
        facts: facts of the VM.
        reason: why.

    Permission: ``Microsoft.Compute/virtualMachines/powerOff/action``. Source: REST operation
    "Virtual Machines - Power Off" (2024-07-01); catalogue action ``stop_vm_platform``.
    """
    vm = facts.vm_or_none()
    if vm is None:
        yield _GONE
    elif vm.power_state in OFF:
        yield NoChange(f"the VM is {vm.power_state} already")
    else:
        summary = f"shut down and power off the VM {vm.name}"
        undo = Undo("start_vm", "virtual_machines.start", vm.id, {})
        yield _power_change(vm, "power_off", "stopped", summary, reason, undo)


def restart_vm(facts: VmFacts, *, reason: str = "asked for") -> Effects:
    """Restart the VM. It is disruptive: whatever runs in it is interrupted.

    Not idempotent by nature: sent once per step, and never again unless Azure shows that nothing has happened.

    Args:
        facts: facts of the VM.
        reason: why.

    Permission: ``Microsoft.Compute/virtualMachines/restart/action``. Source: REST operation
    "Virtual Machines - Restart" (2024-07-01); catalogue action ``restart_vm``.
    """
    vm = facts.vm_or_none()
    if vm is None:
        yield _GONE
    elif vm.power_state in OFF:
        yield NoChange(f"the VM is {vm.power_state}; what does not run is not restarted")
    else:
        yield _power_change(vm, "restart", "running", f"restart the VM {vm.name}", reason)


def reapply_vm(facts: VmFacts, *, reason: str = "asked for") -> Effects:
    """Let the platform apply the VM's own model again, which clears a ``Failed`` provisioning state that is stale.

    Microsoft documents no interruption for it; it counts as disruptive all the same, because it makes the platform
    push every setting and extension of the model into the machine again, and no document promises that none restarts.

    Args:
        facts: facts of the VM.
        reason: why.

    Permission: ``Microsoft.Compute/virtualMachines/reapply/action``. Source: REST operation
    "Virtual Machines - Reapply" (2024-07-01); catalogue action ``reapply_vm``.
    """
    vm = facts.vm_or_none()
    if vm is None:
        yield _GONE
    elif vm.provisioning_state.lower() != "failed":
        yield NoChange(f"the provisioning state of the VM is {vm.provisioning_state}, not Failed")
    else:
        yield Change(
            action="reapply_vm",
            operation="virtual_machines.reapply",
            target=vm.id,
            summary=f"reapply the VM {vm.name} (provisioning state Failed)",
            reason=reason,
            before={"provisioning_state": vm.provisioning_state},
            after={"provisioning_state": "Succeeded"},
            impact=Impact.DISRUPTIVE,
        )


def _power_change(
    vm: VirtualMachine, verb: str, after: str, summary: str, reason: str, undo: Undo | None = None
) -> Change:
    return Change(
        action={"power_off": "stop_vm"}.get(verb, f"{verb}_vm"),
        operation=f"virtual_machines.{verb}",
        target=vm.id,
        summary=summary,
        reason=reason,
        before={"power_state": vm.power_state},
        after={"power_state": after},
        impact=Impact.DISRUPTIVE,
        undo=undo,
    )
