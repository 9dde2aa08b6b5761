"""The chain, as Microsoft documents it: wait for a transient state, clear a failed one; never start a VM for it."""

from __future__ import annotations

from arm.facts.collect import VmFacts

from ...catalogue import load
from ...model import Cause, Decision, Diagnosis, Runbook, Situation, Standing
from ...scripted import with_scripts
from ...shared import advise, basics, outset
from ...state import (
    STATE_FACTS,
    STATE_STEPS,
    STATE_WRITES,
    failed_extensions,
    repair_extension,
    state_causes,
    state_of,
)

ENTRY = load("user_error_vm_not_in_desirable_state")
GUEST_REPAIRED = "back-up"
_NO_AGENT = (
    "Install the VM agent in the guest (MSI on Windows, package walinuxagent or WALinuxAgent on Linux), run again."
)
_SELINUX = (
    "In the VM, as root: 'getenforce' shows whether SELinux enforces and 'ausearch -m avc -c python3' what it denied; "
    "exclude /var/lib/waagent from the policy (semanage fcontext -a -t bin_t '/var/lib/waagent(/.*)?' and "
    "restorecon -R /var/lib/waagent). Then run again with --choose back-up."
)


def diagnose(situation: Situation) -> Diagnosis:
    """Find out whether the VM is in, or has been in, a state that allows no backup, or its agent is blocked."""
    facts = situation.facts
    early = outset(facts, ENTRY)
    if early is not None:
        return early
    vm, findings = facts.vm(), basics(facts)
    _, others = failed_extensions(facts)
    shown = state_causes(facts)
    known = next((one for one in shown if one.standing is Standing.FOUND), None)
    agent, selinux = _agent_absent(facts), _selinux(facts, known)
    causes = (*shown, agent, selinux)
    if others and not vm.in_transition:
        names = ", ".join(one.name for one in others)
        return advise(f"the extension {names} failed", repair_extension(others), findings, *causes)
    if known is not None:
        return Diagnosis(Decision.REPAIR, f"{known.summary}: {known.evidence[0]}", findings, causes=causes)
    if agent.standing is Standing.FOUND:
        return advise(f"{state_of(vm)} allows backups, but no VM agent reports", _NO_AGENT, findings, *causes)
    if selinux.standing is Standing.POSSIBLE and situation.choice != GUEST_REPAIRED:
        reason = f"{state_of(vm)} allows backups; {selinux.evidence[0]}"
        return advise(reason, _SELINUX, findings, *causes)
    reason = f"{state_of(vm)} allows backups now; a VM that does not run is not started for it"
    return Diagnosis(Decision.REPAIR, reason, findings, causes=causes)


def _agent_absent(facts: VmFacts) -> Cause:
    vm, summary = facts.vm(), "there is no VM agent"
    if vm.power_state != "running":
        return Cause("agent-absent", summary, Standing.RULED_OUT, (), (f"the VM is {vm.power_state}",))
    if vm.agent_status:
        return Cause("agent-absent", summary, Standing.RULED_OUT, (), (f"the VM agent is {vm.agent_status}",))
    return Cause("agent-absent", summary, Standing.FOUND, ("the VM runs, and no agent has ever reported",))


def _selinux(facts: VmFacts, known: Cause | None) -> Cause:
    """Suspect SELinux only on a Linux that runs, and after more failures than a passing state explains."""
    name, summary = "agent-path-blocked", "SELinux keeps the agent out of /var/lib/waagent"
    vm, item = facts.vm(), facts.item()
    if vm.os_type.lower() != "linux" or vm.power_state != "running":
        return Cause(name, summary, Standing.RULED_OUT, (), (f"the VM is {vm.os_type} and {vm.power_state}",))
    last = item.last_recovery_point if item else None
    row = [
        job
        for job in facts.failed_jobs()
        if job.operation == "Backup" and (last is None or (job.started is not None and job.started > last))
    ]
    if known is not None:
        return Cause(name, summary, Standing.RULED_OUT, (), (f"{known.summary}, which explains it",))
    if len(row) < 2:
        return Cause(name, summary, Standing.RULED_OUT, (), ("only one backup failed: a state that has passed",))
    return Cause(
        name, summary, Standing.POSSIBLE, (f"{len(row)} backups in a row failed, which no passing state does",)
    )


RUNBOOK = with_scripts(
    Runbook(
        code=ENTRY.id,
        title=ENTRY.title,
        facts=(*STATE_FACTS, "failed_jobs"),
        also_reads=("recovery_points",),
        writes=STATE_WRITES,
        diagnose=diagnose,
        steps=STATE_STEPS,
        choices={GUEST_REPAIRED: "the guest is repaired: back up, which proves it"},
        entry=ENTRY,
    )
)
